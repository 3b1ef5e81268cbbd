/** Where in memory the columns of the frame at hand stand, and what is counted. Numbers are byte offsets. */

/** Per access: halves of ids, kinds, rows (f64 offsets, -1 without one); modes and versions granted. */
export let accessHi: usize = 0;
export let accessKinds: usize = 0;
export let rows: usize = 0;
export let modes: usize = 0;
export let versions: usize = 0;
/** Per transaction: where its accesses end, shape, executor; generation that takes its fee, -1 for none. */
export let accessEnds: usize = 0;
export let shapes: usize = 0;
export let executors: usize = 0;
export let feeGens: usize = 0;
/** Lists of the chunk at hand. */
export let generations: usize = 0;
export let events: usize = 0;

/** Words of interface.ts; floors of the slot table and the mask of its groups. */
export let counts: usize = 0;
export let floors: usize = 0;
export let groupMask: u32 = 0;

export function columnsAt(
  accessHiAt: usize,
  accessKindsAt: usize,
  rowsAt: usize,
  modesAt: usize,
  versionsAt: usize,
  accessEndsAt: usize,
  shapesAt: usize,
  executorsAt: usize,
  feeGensAt: usize,
  generationsAt: usize,
  eventsAt: usize,
): void {
  accessHi = accessHiAt;
  accessKinds = accessKindsAt;
  rows = rowsAt;
  modes = modesAt;
  versions = versionsAt;
  accessEnds = accessEndsAt;
  shapes = shapesAt;
  executors = executorsAt;
  feeGens = feeGensAt;
  generations = generationsAt;
  events = eventsAt;
}

export function countsAt(countsOffset: usize, floorsOffset: usize, mask: u32): void {
  counts = countsOffset;
  floors = floorsOffset;
  groupMask = mask;
}
