// Gas sections of code: runs of operations whose gas and stack are checked once, where they are entered. A section
// starts at a JUMPDEST and behind every operation that jumps, suspends, or observes gas.
//
// The section index of a code of n bytes: for every 64 bytes of code 16 bytes, namely a bitmap of section starts (u64)
// and the address (u32) of the record of the first section at or behind the chunk's start; then the records, 8 bytes
// each: gas u32, entries needed on the stack u16, entries it grows by at most u16.
import { OPCODES } from "./bounds";
import {
  OP_FLAGS, OP_GAS, OP_IMMEDIATES, OP_INPUTS, OP_OUTPUTS, OPFLAG_ENDS, OPFLAG_LEAVES, OPFLAG_SUSPENDS,
} from "./layout";

@inline
export function startsSection(sections: usize, pc: usize): bool {
  return ((load<u64>(sections + ((pc >> 6) << 4)) >> (<u64>(pc & 63))) & 1) != 0;
}

/** A position that code may jump to: JUMPDEST at the start of a section, so not inside data. */
@inline
export function isJumpdest(sections: usize, ip: usize, pc: usize): bool {
  return load<u8>(ip) == 0x5b && startsSection(sections, pc);
}

/** The record of the section that starts at `pc`. */
@inline
export function sectionAt(sections: usize, pc: usize): usize {
  const chunk = sections + ((pc >> 6) << 4);
  const below = load<u64>(chunk) & (((<u64>1) << (<u64>(pc & 63))) - 1);
  return <usize>load<u32>(chunk, 8) + (<usize>popcnt<u64>(below) << 3);
}

@inline
export function sectionGas(record: usize): i64 {
  return <i64>load<u32>(record);
}

/** True when a section entered with `height` entries would take more than there are, or pass 1024. */
@inline
export function overruns(record: usize, height: u32): bool {
  return height < <u32>load<u16>(record, 4) || height + <u32>load<u16>(record, 6) > 1024;
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
export function analyse(code: usize, size: usize, to: usize, limit: usize): usize {
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

/** Regions of codes and indices start at multiples of 16 bytes. */
@inline
export function align(n: usize): usize {
  return (n + 15) & ~(<usize>15);
}

/** What is left of a section from a position inside it, in the form of a section's record. */
const REST = memory.data(8, 64);
export function restOfSection(code: usize, size: usize, pc: usize): usize {
  measure(code, size, pc, REST);
  return REST;
}
