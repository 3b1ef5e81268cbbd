// Where everything is in linear memory. `layOut` places the regions once; all but the last have a fixed size, reserved
// as address space (pages are committed when touched). The last, EVM memory, grows with `memory.grow`.
import {
  BLOCK_BYTES, CODE_ENTRY_BYTES, FRAME_BYTES, MAX_BATCH, MAX_DECLARED, MAX_DEPTH, MISS_BYTES, OP_BYTES, OUTCOME_BYTES, RESULT_BYTES,
  STACK_ENTRIES,
} from "./layout";

export const ACCOUNT_BYTES: usize = 256;
export const SLOT_BYTES: usize = 128;
/**
 * An index entry is the number of a record in its lower bits; above, 6 bits of the key's hash that the place in the index
 * does not follow from, so that other records are hardly ever looked at; above, the number of the table contents.
 */
export const NUMBER_BITS: u32 = 20;
export const MAX_NUMBER: u32 = 0xfffff;
export const TAG_BITS: u32 = 6;
export const MAX_GENERATION: u32 = 0x3f;

/** What is above the number in the entry of a key with this hash. */
@inline
export function entryTop(generation: u32, hash: u32): u32 {
  return (generation << TAG_BITS) | (hash >> (32 - TAG_BITS));
}

/** Whether an entry is of the table contents as they are. */
@inline
export function isTaken(entry: u32, generation: u32): bool {
  return entry >> (NUMBER_BITS + TAG_BITS) == generation;
}
export const JOURNAL_ENTRY_BYTES: usize = 48;
const RETURN_REGION: usize = 32 << 20;
const LOG_REGION: usize = 32 << 20;
const INPUT_REGION: usize = 32 << 20;
const TEMPORARY_REGION: usize = 64 << 20;
const JOURNAL_REGION: usize = 96 << 20;

/** Fixed small areas, read by the host. */
export const BLOCK = memory.data(BLOCK_BYTES, 64);
const RESULTS = memory.data(RESULT_BYTES, 64);
/** Result of the transaction under way: a place of its own, or one in OUTCOMES. */
export let RESULT: usize = RESULTS;
export const MISS = memory.data(MISS_BYTES, 64);
export const OPCODES = memory.data(OP_BYTES << 8, 64);

export let FRAMES: usize = 0;
export let STACKS: usize = 0;
export let RETURNS: usize = 0;
export let LOGS: usize = 0;
export let INPUTS: usize = 0;
/** The packed transaction under way: at INPUTS, or further on in a batch. */
export let INPUT: usize = 0;
/** Declared accesses of the transaction. */
export let DECLARED: usize = 0;
/** Outcomes of a batch, in its order. */
export let OUTCOMES: usize = 0;
export let TEMPORARY: usize = 0;
export let JOURNAL: usize = 0;
export let TOUCHED_ACCOUNTS: usize = 0;
export let TOUCHED_SLOTS: usize = 0;
export let ACCOUNTS: usize = 0;
export let ACCOUNT_INDEX: usize = 0;
export let SLOTS: usize = 0;
export let SLOT_INDEX: usize = 0;
export let CODE_INDEX: usize = 0;
export let CODES: usize = 0;
export let MEMO: usize = 0;
export let MEMO_TAGS: usize = 0;
export let MEMORY: usize = 0;

export let RETURNS_END: usize = 0;
export let LOGS_END: usize = 0;
export let INPUT_END: usize = 0;
export let TEMPORARY_END: usize = 0;
export let JOURNAL_END: usize = 0;
export let ACCOUNTS_END: usize = 0;
export let SLOTS_END: usize = 0;
export let CODES_END: usize = 0;
export let MEMORY_END: usize = 0;
/** First byte that is not there yet: EVM memory may be touched below. */
export let memoryTop: usize = 0;

/**
 * Index entries in use less one. An index starts small, to stay in the cache, and doubles when half of it is taken, up to
 * what its region holds: twice the records, rounded up to a power of two.
 */
export let accountMask: u32 = 0;
export let slotMask: u32 = 0;
const FIRST_MASK: u32 = 1023;
let lastAccountMask: u32 = 0;
let lastSlotMask: u32 = 0;

/** Both small again, as at first. */
export function narrowIndexes(): void {
  accountMask = min<u32>(FIRST_MASK, lastAccountMask);
  slotMask = min<u32>(FIRST_MASK, lastSlotMask);
}

/** Doubles the index; false when it cannot. The caller fills it anew. */
export function widenAccountIndex(): bool {
  if (accountMask >= lastAccountMask) return false;
  accountMask = (accountMask << 1) | 1;
  return true;
}
export function widenSlotIndex(): bool {
  if (slotMask >= lastSlotMask) return false;
  slotMask = (slotMask << 1) | 1;
  return true;
}
export let codeMask: u32 = 0;
export let memoMask: u32 = 0;

let next: usize = 0;

function place(bytes: usize): usize {
  const at = next;
  // Records of 128 bytes are two lines that the processor fetches together.
  next = (next + bytes + 127) & ~(<usize>127);
  return at;
}

function maskFor(records: u32): u32 {
  let entries: u32 = 64;
  while (entries < records << 1) entries <<= 1;
  return entries - 1;
}

/** Places the regions and reserves all but EVM memory. False when there is not enough address space. */
export function layOut(accounts: u32, slots: u32, codeBytes: usize, memoEntries: u32, memoryBytes: usize): bool {
  next = (__heap_base + 127) & ~(<usize>127);
  FRAMES = place(<usize>(MAX_DEPTH + 2) * FRAME_BYTES);
  STACKS = place(<usize>(MAX_DEPTH + 2) * STACK_ENTRIES * 32);
  RETURNS = place(RETURN_REGION);
  RETURNS_END = next;
  LOGS = place(LOG_REGION);
  LOGS_END = next;
  INPUTS = place(INPUT_REGION);
  INPUT = INPUTS;
  INPUT_END = next;
  DECLARED = place(<usize>MAX_DECLARED << 3);
  OUTCOMES = place(<usize>MAX_BATCH * OUTCOME_BYTES + RESULT_BYTES);
  TEMPORARY = place(TEMPORARY_REGION);
  TEMPORARY_END = next;
  JOURNAL = place(JOURNAL_REGION);
  JOURNAL_END = next - JOURNAL_ENTRY_BYTES;
  TOUCHED_ACCOUNTS = place(<usize>accounts << 2);
  TOUCHED_SLOTS = place(<usize>slots << 2);
  ACCOUNTS = place(<usize>accounts * ACCOUNT_BYTES);
  ACCOUNTS_END = next;
  SLOTS = place(<usize>slots * SLOT_BYTES);
  SLOTS_END = next;
  lastAccountMask = maskFor(accounts);
  lastSlotMask = maskFor(slots);
  narrowIndexes();
  ACCOUNT_INDEX = place((<usize>lastAccountMask + 1) << 2);
  SLOT_INDEX = place((<usize>lastSlotMask + 1) << 2);
  // A code of one byte takes 208 bytes, so the region is full before the index is.
  codeMask = maskFor(<u32>(codeBytes / 208));
  CODE_INDEX = place((<usize>codeMask + 1) << 2);
  CODES = place(codeBytes);
  CODES_END = next;
  memoMask = memoEntries - 1;
  MEMO_TAGS = place(<usize>memoEntries << 2);
  MEMO = place(<usize>memoEntries << 7);
  MEMORY = (place(0) + 65535) & ~(<usize>65535);
  MEMORY_END = MEMORY + memoryBytes;
  memoryTop = <usize>memory.size() << 16;
  return reach(MEMORY + (1 << 20));
}

/** Makes memory below `end` usable. */
export function reach(end: usize): bool {
  if (end <= memoryTop) return true;
  if (end > MEMORY_END) return false;
  // Grow by a quarter more than asked for: growth costs a system call.
  const missing = end - memoryTop;
  let pages = <i32>((missing + (missing >> 2) + 65535) >> 16) + 16;
  if (memory.grow(pages) < 0) {
    pages = <i32>((missing + 65535) >> 16);
    if (memory.grow(pages) < 0) return false;
  }
  memoryTop = <usize>memory.size() << 16;
  return true;
}

/** A single transaction: at the place for one. */
export function setSingle(): void {
  INPUT = INPUTS;
  RESULT = RESULTS;
}
/** A transaction of a batch. */
export function setPlace(input: usize, result: usize): void {
  INPUT = input;
  RESULT = result;
}

export const CODE_ENTRY: usize = CODE_ENTRY_BYTES;
