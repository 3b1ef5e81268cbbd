// Codes by their hash, with their analysis (sections.ts). Code stays over transactions, until its region is full;
// initcode, which no account has, is gone with its frame.
import { keccak } from "../../hash-kernel/assembly/keccak";
import { CODE_ENTRY, CODE_INDEX, CODES, CODES_END, codeMask, TEMPORARY, TEMPORARY_END } from "./bounds";
import {
  CODE_AT, CODE_BYTES, CODE_FLAGS, CODE_FUNCTION, CODE_HASH, CODE_HASH_WORD, CODE_NEXT, CODE_PADDING, CODE_RULES,
  CODE_SECTIONS, CODEFLAG_DELEGATION,
} from "./layout";
import { setLimited, setTemporaryEnd, temporaryEnd } from "./execution";
import { rulesEpoch } from "./rules";
import { hashKey } from "./secret";
import { align, analyse } from "./sections";
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
