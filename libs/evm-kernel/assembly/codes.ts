// Codes by their hash, with their analysis: which positions start a gas section, what each section costs and needs of
// the stack. Code stays over transactions, until its region is full.
//
// The section index of a code of n bytes: for every 64 bytes of code 16 bytes, namely a bitmap of section starts (u64)
// and the address (u32) of the record of the first section at or behind the chunk's start; then the records, 8 bytes
// each: gas u32, entries needed on the stack u16, entries it grows by at most u16.
import { keccak } from "../../hash-kernel/assembly/keccak";
import { CODE_ENTRY, CODE_INDEX, CODES, CODES_END, codeMask, OPCODES, TEMPORARY, TEMPORARY_END } from "./bounds";
import {
  CODE_AT, CODE_BYTES, CODE_FLAGS, CODE_FUNCTION, CODE_HASH, CODE_HASH_WORD, CODE_NEXT, CODE_PADDING, CODE_RULES,
  CODE_SECTIONS, CODEFLAG_DELEGATION, OP_FLAGS, OP_GAS, OP_IMMEDIATES, OP_INPUTS, OP_OUTPUTS, OPFLAG_ENDS,
  OPFLAG_LEAVES, OPFLAG_SUSPENDS,
} from "./layout";
import { setLimited, setTemporaryEnd, temporaryEnd } from "./execution";
import { rulesEpoch } from "./rules";
import { hashKey } from "./secret";
import { reverse } from "./u256";

/** Entry of accounts without code. */
export const NO_CODE = memory.data(256, 64);

let codesEnd: usize = 0;
let codeCount: u32 = 0;
let firstCode: usize = 0;
let lastCode: usize = 0;

export function firstCodeEntry(): usize {
  return firstCode;
}
export function codeBytesUsed(): usize {
  return codesEnd - CODES;
}

/** Forgets all codes. No record may refer to one. */
export function forgetCodes(): void {
  codesEnd = CODES;
  codeCount = 0;
  firstCode = 0;
  lastCode = 0;
  memory.fill(CODE_INDEX, 0, (<usize>codeMask + 1) << 2);
  memory.fill(NO_CODE, 0, 256);
  store<u32>(NO_CODE, <u32>(NO_CODE + 160), CODE_AT);
  // keccak256 of nothing.
  keccak(NO_CODE, 0, NO_CODE + CODE_HASH);
  reverse(NO_CODE + CODE_HASH, NO_CODE + CODE_HASH_WORD);
}

function place(prefix: usize): u32 {
  return (
    hashKey(load<u64>(prefix), load<u64>(prefix, 8), load<u64>(prefix, 16), load<u32>(prefix, 24), 0) & codeMask
  );
}

function samePrefix(a: usize, b: usize): bool {
  return (
    load<u64>(a) == load<u64>(b) && load<u64>(a, 8) == load<u64>(b, 8) && load<u64>(a, 16) == load<u64>(b, 16) &&
    load<u32>(a, 24) == load<u32>(b, 24)
  );
}

/** Entry of the code whose hash starts with the 28 bytes; 0 when it is not known. */
export function findCode(prefix: usize): usize {
  let i = place(prefix);
  while (true) {
    const entry = <usize>load<u32>(CODE_INDEX + (<usize>i << 2));
    if (entry == 0) return 0;
    if (samePrefix(entry + CODE_HASH, prefix)) return entry;
    i = (i + 1) & codeMask;
  }
}

@inline
function align(n: usize): usize {
  return (n + 15) & ~(<usize>15);
}

/** Adds code unless it is known; returns its entry, 0 when there is no room. */
export function addCode(from: usize, size: usize): usize {
  if (size == 0) return NO_CODE;
  const entry = codesEnd;
  const bytes = entry + CODE_ENTRY;
  const end = align(bytes + size + CODE_PADDING);
  if (end > CODES_END || codeCount > codeMask >> 1) return 0;
  keccak(from, size, entry + CODE_HASH);
  const known = findCode(entry + CODE_HASH);
  if (known != 0) return known;
  memory.fill(entry + 32, 0, CODE_ENTRY - 32);
  memory.copy(bytes, from, size);
  memory.fill(bytes + size, 0, end - bytes - size);
  reverse(entry + CODE_HASH, entry + CODE_HASH_WORD);
  store<u32>(entry, <u32>bytes, CODE_AT);
  store<u32>(entry, <u32>size, CODE_BYTES);
  if (size == 23 && (load<u32>(bytes) & 0xffffff) == 0x0001ef) store<u32>(entry, CODEFLAG_DELEGATION, CODE_FLAGS);
  codesEnd = end;
  codeCount++;
  if (lastCode == 0) firstCode = entry;
  else store<u32>(lastCode, <u32>entry, CODE_NEXT);
  lastCode = entry;
  let i = place(entry + CODE_HASH);
  while (load<u32>(CODE_INDEX + (<usize>i << 2)) != 0) i = (i + 1) & codeMask;
  store<u32>(CODE_INDEX + (<usize>i << 2), <u32>entry);
  return entry;
}

/** The section measured last ends by leaving: what follows is dead up to a JUMPDEST. */
let left: bool = false;

/** Writes the record of the section that starts at `pc`; returns where the next one starts. */
function measure(code: usize, size: usize, pc: usize, record: usize): usize {
  let gas: u64 = 0;
  let height: i32 = 0;
  let needed: i32 = 0;
  let growth: i32 = 0;
  let first = true;
  left = false;
  while (pc < size) {
    const op = load<u8>(code + pc);
    if (op == 0x5b && !first) break;
    first = false;
    const info = OPCODES + (<usize>op << 3);
    const opFlags = <u32>load<u8>(info, OP_FLAGS);
    const inputs = <i32>load<u8>(info, OP_INPUTS);
    if (inputs - height > needed) needed = inputs - height;
    height += <i32>load<u8>(info, OP_OUTPUTS) - inputs;
    if (height > growth) growth = height;
    if ((opFlags & OPFLAG_SUSPENDS) == 0) gas += load<u16>(info, OP_GAS);
    pc += 1 + <usize>load<u8>(info, OP_IMMEDIATES);
    if (opFlags & OPFLAG_ENDS) {
      left = (opFlags & OPFLAG_LEAVES) != 0;
      break;
    }
  }
  store<u32>(record, gas > 0xffffffff ? 0xffffffff : <u32>gas);
  store<u16>(record, <u16>min<i32>(needed, 1025), 4);
  store<u16>(record, <u16>min<i32>(growth, 1025), 6);
  return pc;
}

/** Analyses the code at `code` to the index at `to`; returns the end of the index, 0 when it would pass `limit`. */
function analyse(code: usize, size: usize, to: usize, limit: usize): usize {
  const chunks = (size >> 6) + 1;
  let record = to + (chunks << 4);
  if (record + ((size + 1) << 3) > limit) {
    // The worst case does not fit; the true need is mostly far below, so only records are checked from here.
    if (record + 4096 > limit) return 0;
  }
  memory.fill(to, 0, chunks << 4);
  let pc: usize = 0;
  let chunk: usize = 0; // chunks whose first record is set
  while (pc < size) {
    // One section.
    while (chunk << 6 <= pc) store<u32>(to + (chunk++ << 4), <u32>record, 8);
    if (record + 8 > limit) return 0;
    const word = to + ((pc >> 6) << 4);
    store<u64>(word, load<u64>(word) | ((<u64>1) << (<u64>(pc & 63))));
    pc = measure(code, size, pc, record);
    if (left)
      while (pc < size && load<u8>(code + pc) != 0x5b)
        pc += 1 + <usize>load<u8>(OPCODES + (<usize>load<u8>(code + pc) << 3), OP_IMMEDIATES);
    record += 8;
  }
  // Running off the end is STOP: a section of its own, for operations that end one as the last of the code.
  while (chunk < chunks) store<u32>(to + (chunk++ << 4), <u32>record, 8);
  if (record + 8 > limit) return 0;
  const last = to + ((size >> 6) << 4);
  store<u64>(last, load<u64>(last) | ((<u64>1) << (<u64>(size & 63))));
  store<u64>(record, 0);
  return align(record + 8);
}

/** Makes sure that a code is analysed under the rules in force. False when there is no room. */
export function ready(entry: usize): bool {
  if (load<u32>(entry, CODE_RULES) == rulesEpoch) return true;
  // An analysis of other rules has the same bitmap words but other records; it is made anew at the end of the region.
  const end = analyse(<usize>load<u32>(entry, CODE_AT), <usize>load<u32>(entry, CODE_BYTES), codesEnd, CODES_END);
  if (end == 0) return false;
  store<u32>(entry, <u32>codesEnd, CODE_SECTIONS);
  store<u32>(entry, rulesEpoch, CODE_RULES);
  store<u32>(entry, 0, CODE_FUNCTION);
  codesEnd = end;
  return true;
}

/** Copies initcode to the temporary region and analyses it; the entry stands at the mark. 0 when there is no room. */
export function addInitcode(from: usize, size: usize): usize {
  const entry = temporaryEnd;
  const bytes = entry + CODE_ENTRY;
  const sections = align(bytes + size + CODE_PADDING);
  if (sections + 64 > TEMPORARY_END) {
    setLimited(true);
    return 0;
  }
  memory.fill(entry, 0, CODE_ENTRY);
  memory.copy(bytes, from, size);
  memory.fill(bytes + size, 0, sections - bytes - size);
  store<u32>(entry, <u32>bytes, CODE_AT);
  store<u32>(entry, <u32>size, CODE_BYTES);
  store<u32>(entry, <u32>sections, CODE_SECTIONS);
  store<u32>(entry, rulesEpoch, CODE_RULES);
  const end = analyse(bytes, size, sections, TEMPORARY_END);
  if (end == 0) {
    setLimited(true);
    return 0;
  }
  setTemporaryEnd(end);
  return entry;
}

/** True for the entry of initcode. */
export function isTemporary(entry: usize): bool {
  return entry >= TEMPORARY && entry < TEMPORARY_END;
}

/** What is left of a section from a position inside it, in the form of a section's record. */
const REST = memory.data(8, 64);
export function restOfSection(code: usize, size: usize, pc: usize): usize {
  measure(code, size, pc, REST);
  return REST;
}
