/**
 * Grants: the one local rule of the slot table (docs/protocol.md, "Grants"). For each access the version to observe is
 * the latest one before it in the total order; the row then says what the next access will find.
 *
 * Rows and executors of a run of transactions are known by then, and the rows are in the cache. What is not for the columns
 * goes into lists that the host reads after the run:
 *   generations: executor, first seq, contributions, last seq, for every grant of an open generation;
 *   events: EVENT_SEAL, idHi, idLo, mode, version, first seq, contributions, last seq - a generation closed without a reader;
 *           EVENT_LOSS, access, transaction, executor that wrote before; EVENT_HEAT, access, heat.
 */
import {
  accessEnds,
  accessHi,
  accessKinds,
  counts,
  events,
  executors,
  feeGens,
  floors,
  generations,
  groupMask,
  modes,
  rows,
  shapes,
  versions,
} from "./columns";
import {
  BLOCK_HASH,
  COMPLETE_AT,
  DEEPEST,
  DELTA,
  DELTA_COUNTS,
  DEPTH,
  EVENT_HEAT,
  EVENT_ITEMS,
  EVENT_LOSS,
  EVENT_SEAL,
  EVENTS,
  FLOORS,
  GEN_COUNT,
  GEN_DEPTH,
  GEN_LAST,
  GEN_SEQ,
  GENERATION_ITEMS,
  GENERATIONS,
  GRANT_COUNTS,
  HEAT,
  ID_HI,
  ID_LO,
  META,
  MODE_BLOCK_HASH,
  MODE_CONTRIBUTE,
  MODE_DELTA_FLOOR,
  MODE_DELTA_WAIT,
  MODE_FLOOR,
  MODE_LOCAL,
  MODE_SETTLED,
  MODE_WAIT,
  NO_WRITER,
  NOTED_HEAT,
  PREDICATE,
  READ,
  SHAPE_BLOCK_CLOSE,
  SHAPE_BLOCK_OPEN,
  VERSION,
  VERSION_COUNTS,
  WIPE,
  WRITE,
  WRITER_MASK,
} from "./interface";

/** Byte offsets in a row. */
const ID_HI_AT: usize = ID_HI << 2;
const ID_LO_AT: usize = ID_LO << 2;
const GEN_COUNT_AT: usize = GEN_COUNT << 2;
const META_AT: usize = META << 2;
const DEPTH_AT: usize = DEPTH << 2;
const GEN_DEPTH_AT: usize = GEN_DEPTH << 2;
const HEAT_AT: usize = HEAT << 2;
const VERSION_AT: usize = VERSION << 3;
const COMPLETE_AT_AT: usize = COMPLETE_AT << 3;
const GEN_SEQ_AT: usize = GEN_SEQ << 3;
const GEN_LAST_AT: usize = GEN_LAST << 3;

/** Words of `counts`. */
const MODES: usize = GRANT_COUNTS;
const MADE: usize = VERSION_COUNTS;
const ADDED: usize = DELTA_COUNTS;
const FIRST_NOTED: u32 = NOTED_HEAT;

/** Kinds, as bits: those that wait for what was before, those that make a version. */
const WAITS: u32 = (1 << READ) | (1 << WRITE) | (1 << PREDICATE) | (1 << WIPE);
const WRITES: u32 = (1 << WRITE) | (1 << WIPE);

/** The frame at hand and its block. */
let firstSeq: f64 = 0;
let blockFirstSeq: f64 = 0;
/** Everything up to here is complete; committed on every shard. */
let complete: f64 = 0;
let durable: f64 = 0;
/** The beneficiary's balance: its row, as f64 offset, and its partition. */
let feeRow: i32 = 0;
let feePartition: u32 = 0;
/** Depth at the start of the window of the parallelism statistic. */
let base: u32 = 0;

export function beginFrame(
  frameFirstSeq: f64,
  blockFirst: f64,
  completeThrough: f64,
  durableThrough: f64,
  fees: i32,
  feesPartition: u32,
  baseDepth: u32,
): void {
  firstSeq = frameFirstSeq;
  blockFirstSeq = blockFirst;
  complete = completeThrough;
  durable = durableThrough;
  feeRow = fees;
  feePartition = feesPartition;
  base = baseDepth;
}

// @ts-ignore: decorator
@inline
function isOne(kinds: u32, kind: u32): bool {
  return ((kinds >>> kind) & 1) != 0;
}

// @ts-ignore: decorator
@inline
function addTo(word: usize, amount: u32): void {
  const at = counts + (word << 2);
  store<u32>(at, load<u32>(at) + amount);
}

/** Items of a new event. */
function event(sort: u32): usize {
  const n = load<u32>(counts, EVENTS << 2);
  store<u32>(counts, n + 1, EVENTS << 2);
  const at = events + <usize>n * (EVENT_ITEMS << 3);
  store<f64>(at, <f64>sort);
  return at;
}

/** One more reader met a version in flight. */
function heat(access: u32, row: usize): void {
  const now = load<u32>(row, HEAT_AT) + 1;
  store<u32>(row, now, HEAT_AT);
  if (now < FIRST_NOTED || (now & (now - 1)) != 0) return;
  const at = event(EVENT_HEAT);
  store<f64>(at, <f64>access, 8);
  store<f64>(at, <f64>now, 16);
}

/** True when the newest version of the row (generation apart) is at its home shard for certain. */
// @ts-ignore: decorator
@inline
function isComplete(row: usize): bool {
  return load<f64>(row, COMPLETE_AT_AT) <= complete || load<f64>(row, VERSION_AT) <= durable;
}

/** The generation has become a version, whose writer is none of the executors. */
function closeGeneration(row: usize, version: f64, completeAt: f64): void {
  store<f64>(row, version, VERSION_AT);
  store<f64>(row, completeAt, COMPLETE_AT_AT);
  store<f64>(row, -1, GEN_SEQ_AT);
  store<u32>(row, 0, GEN_COUNT_AT);
  store<u32>(row, max(load<u32>(row, DEPTH_AT), load<u32>(row, GEN_DEPTH_AT)), DEPTH_AT);
  store<u32>(row, 0, GEN_DEPTH_AT);
  store<u32>(row, load<u32>(row, META_AT) | NO_WRITER, META_AT);
}

/** Before the first contribution of another block: what is left of the generation becomes a version. */
function sealGeneration(row: usize): void {
  const last = load<f64>(row, GEN_LAST_AT);
  if (last <= durable) {
    // Commit has folded it into the committed value.
    closeGeneration(row, last, last);
    return;
  }
  const at = event(EVENT_SEAL);
  store<f64>(at, <f64>load<u32>(row, ID_HI_AT), 8);
  store<f64>(at, <f64>load<u32>(row, ID_LO_AT), 16);
  store<f64>(at, isComplete(row) ? <f64>MODE_DELTA_FLOOR : <f64>MODE_DELTA_WAIT, 24);
  store<f64>(at, load<f64>(row, VERSION_AT), 32);
  store<f64>(at, load<f64>(row, GEN_SEQ_AT), 40);
  store<f64>(at, <f64>load<u32>(row, GEN_COUNT_AT), 48);
  store<f64>(at, last, 56);
  // Nobody tells when the shard has summed it up, so it is complete only when its block is durable.
  closeGeneration(row, last, Infinity);
}

/**
 * Adds a contribution of `seq` to the open generation and returns its first seq. A generation lives in one block: one
 * from before the block is sealed, and another opened.
 */
// @ts-ignore: decorator
@inline
function joinGeneration(row: usize, seq: f64, depth: u32, partition: u32): f64 {
  let first = load<f64>(row, GEN_SEQ_AT);
  if (first < blockFirstSeq) {
    if (first >= 0) sealGeneration(row);
    first = seq;
    store<f64>(row, seq, GEN_SEQ_AT);
  }
  store<u32>(row, load<u32>(row, GEN_COUNT_AT) + 1, GEN_COUNT_AT);
  store<f64>(row, seq, GEN_LAST_AT);
  store<u32>(row, max(depth, load<u32>(row, GEN_DEPTH_AT)), GEN_DEPTH_AT);
  addTo(ADDED + <usize>partition, 1);
  return first;
}

/**
 * Grants a reader the value of an open generation, which is sealed: unless it is durable, its result is version genLast,
 * which exists once this reader has resolved it.
 */
function grantGeneration(access: u32, row: usize, seq: f64, e: u32): void {
  const last = load<f64>(row, GEN_LAST_AT);
  if (last <= durable) {
    store<u8>(modes + access, MODE_FLOOR);
    store<f64>(versions + (<usize>access << 3), last);
    addTo(MODES + MODE_FLOOR, 1);
    closeGeneration(row, last, last);
    return;
  }
  const mode: u32 = isComplete(row) ? MODE_DELTA_FLOOR : MODE_DELTA_WAIT;
  store<u8>(modes + access, <u8>mode);
  store<f64>(versions + (<usize>access << 3), load<f64>(row, VERSION_AT));
  addTo(MODES + <usize>mode, 1);
  const n = load<u32>(counts, GENERATIONS << 2);
  store<u32>(counts, n + 1, GENERATIONS << 2);
  const at = generations + <usize>n * (GENERATION_ITEMS << 3);
  store<f64>(at, <f64>e);
  store<f64>(at, load<f64>(row, GEN_SEQ_AT), 8);
  store<f64>(at, <f64>load<u32>(row, GEN_COUNT_AT), 16);
  store<f64>(at, last, 24);
  closeGeneration(row, last, seq);
  if (last > complete) heat(access, row);
}

/** The newest version is now `seq`'s, written by `e`; another executor that wrote the one before has lost the slot. */
// @ts-ignore: decorator
@inline
function write(access: u32, index: u32, row: usize, seq: f64, e: u32, depth: u32, partition: u32): void {
  store<f64>(row, seq, VERSION_AT);
  store<f64>(row, seq, COMPLETE_AT_AT);
  store<u32>(row, depth, DEPTH_AT);
  addTo(MADE + <usize>partition, 1);
  const meta = load<u32>(row, META_AT);
  const before = meta & WRITER_MASK;
  if (before == e) return;
  store<u32>(row, (meta & ~WRITER_MASK) | e, META_AT);
  if (before == NO_WRITER) return;
  const at = event(EVENT_LOSS);
  store<f64>(at, <f64>access, 8);
  store<f64>(at, <f64>index, 16);
  store<f64>(at, <f64>before, 24);
}

/** A write over everything that the row says of an open generation. Row numbers are f64 offsets. */
export function recordWrite(row: i32, seq: f64, e: u32, depth: u32): void {
  const at = <usize>row << 3;
  dropGeneration(at);
  store<f64>(at, seq, VERSION_AT);
  store<f64>(at, seq, COMPLETE_AT_AT);
  store<u32>(at, depth, DEPTH_AT);
  store<u32>(at, (load<u32>(at, META_AT) & ~WRITER_MASK) | e, META_AT);
}

function dropGeneration(row: usize): void {
  store<f64>(row, -1, GEN_SEQ_AT);
  store<u32>(row, 0, GEN_COUNT_AT);
  store<u32>(row, 0, GEN_DEPTH_AT);
}

/** Longest chain of transactions that accesses `from` to `to` have to wait for, counted from the start of the window. */
// @ts-ignore: decorator
@inline
function depthBefore(from: u32, to: u32): u32 {
  let depth = base;
  for (let a = from; a < to; a++) {
    const row = load<i32>(rows + (<usize>a << 2));
    const kind: u32 = load<u8>(accessKinds + a);
    const at = <usize>(row & ~(row >> 31)) << 3;
    // Without a branch: all bits set where there is a row and the kind waits.
    const counts: u32 = <u32>~(row >> 31) & -((WAITS >>> kind) & 1);
    depth = max(depth, max(load<u32>(at, DEPTH_AT), load<u32>(at, GEN_DEPTH_AT)) & counts);
  }
  return depth;
}

// @ts-ignore: decorator
@inline
function paysFees(index: u32): bool {
  const shape: u32 = load<u8>(shapes + index);
  return shape != SHAPE_BLOCK_OPEN && shape != SHAPE_BLOCK_CLOSE;
}

/** By contribution, unless it writes the beneficiary's balance itself. */
// @ts-ignore: decorator
@inline
function payFee(index: u32, pays: bool, seq: f64, depth: u32): void {
  store<f64>(
    feeGens + (<usize>index << 3),
    pays ? joinGeneration(<usize>feeRow << 3, seq, depth, feePartition) : -1,
  );
}

/** Grants transactions `from` to `to` of the frame. */
export function grant(from: u32, to: u32): void {
  let deepest = load<u32>(counts, DEEPEST << 2);
  let floorGrants: u32 = 0;
  let access: u32 = from == 0 ? 0 : load<u32>(accessEnds + (<usize>(from - 1) << 2));
  for (let i = from; i < to; i++) {
    const end = load<u32>(accessEnds + (<usize>i << 2));
    const seq = firstSeq + <f64>i;
    const e: u32 = load<u8>(executors + i);
    const depth = depthBefore(access, end) + 1;
    deepest = max(depth, deepest);
    let pays = paysFees(i);
    for (; access < end; access++) {
      const kind: u32 = load<u8>(accessKinds + access);
      const rowNumber = load<i32>(rows + (<usize>access << 2));
      const mode = modes + access;
      const version = versions + (<usize>access << 3);
      if (kind == BLOCK_HASH) {
        store<u8>(mode, MODE_BLOCK_HASH);
        store<f64>(version, 0);
        continue;
      }
      const hi = load<u32>(accessHi + (<usize>access << 2));
      if (rowNumber < 0) {
        // Nobody writes it: every reader gets the same version, which executors have in their caches.
        const floor = ((hi >>> 24) & groupMask) * FLOORS + (hi & (FLOORS - 1));
        store<u8>(mode, MODE_FLOOR);
        store<f64>(version, load<f64>(floors + (<usize>floor << 3)));
        floorGrants++;
        continue;
      }
      const row = <usize>rowNumber << 3;
      if (kind == DELTA) {
        store<u8>(mode, MODE_CONTRIBUTE);
        store<f64>(version, joinGeneration(row, seq, depth, hi >>> 24));
        continue;
      }
      if (load<f64>(row, GEN_SEQ_AT) >= 0) grantGeneration(access, row, seq, e);
      else {
        store<f64>(version, load<f64>(row, VERSION_AT));
        if (isComplete(row)) {
          store<u8>(mode, MODE_FLOOR);
          floorGrants++;
        } else {
          const known: u32 = (load<u32>(row, META_AT) & WRITER_MASK) == e ? MODE_LOCAL : MODE_WAIT;
          store<u8>(mode, <u8>known);
          addTo(MODES + <usize>known, 1);
          heat(access, row);
        }
      }
      if (!isOne(WRITES, kind)) continue;
      if (rowNumber == feeRow) pays = false;
      write(access, i, row, seq, e, depth, hi >>> 24);
    }
    payFee(i, pays, seq, depth);
  }
  store<u32>(counts, deepest, DEEPEST << 2);
  addTo(MODES + MODE_FLOOR, floorGrants);
}

/** One transaction of the marked tail: everything before it is complete. */
export function settle(index: u32): void {
  const seq = firstSeq + <f64>index;
  const e: u32 = load<u8>(executors + index);
  const depth = load<u32>(counts, DEEPEST << 2) + 1;
  store<u32>(counts, depth, DEEPEST << 2);
  let pays = paysFees(index);
  const end = load<u32>(accessEnds + (<usize>index << 2));
  for (let a: u32 = index == 0 ? 0 : load<u32>(accessEnds + (<usize>(index - 1) << 2)); a < end; a++) {
    const kind: u32 = load<u8>(accessKinds + a);
    const isHash = kind == BLOCK_HASH;
    store<u8>(modes + a, isHash ? MODE_BLOCK_HASH : MODE_SETTLED);
    store<f64>(versions + (<usize>a << 3), isHash ? 0 : seq - 1);
    if (!isOne(WRITES | (1 << DELTA), kind)) continue;
    const rowNumber = load<i32>(rows + (<usize>a << 2));
    if (rowNumber == feeRow) pays = false;
    const row = <usize>rowNumber << 3;
    dropGeneration(row);
    write(a, index, row, seq, e, depth, load<u32>(accessHi + (<usize>a << 2)) >>> 24);
  }
  payFee(index, pays, seq, depth);
}
