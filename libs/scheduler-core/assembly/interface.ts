// Compiled into the kernel and imported by its host, so it holds nothing but constants.

/** Raised with every change of this file, of the rows, and of what the kernel's functions take or give. */
export const INTERFACE = 2;
/** Tags that are compared at once; as many of a group's first tags stand again behind its last one. */
export const TAG_LANES = 16;
/** A row is 64 bytes; a row number counts in f64. */
export const ROW_SHIFT = 3;

/** Words of a row, as offsets in u32. */
export const ID_HI = 0;
export const ID_LO = 1;
export const GEN_COUNT = 10;
export const META = 11;
/** Length of the longest dependency chain that ends in the newest version, and in the open generation. */
export const DEPTH = 12;
export const GEN_DEPTH = 13;
/** How often a reader met a version still in flight. */
export const HEAT = 14;
/** In f64. */
export const VERSION = 1;
/** Seq whose completion makes the newest version known to be at its home shard; Infinity: only when its block is durable. */
export const COMPLETE_AT = 2;
/** First seq of the open delta generation, -1 when there is none. */
export const GEN_SEQ = 3;
export const GEN_LAST = 4;

/** In `meta`: the writer, and touched since the sweep came by. */
export const WRITER_MASK = 255;
export const NO_WRITER = 255;
export const TOUCHED = 512;

/** Floors of a group, by low bits of idHi. */
export const FLOORS = 512;

/** Access kinds, shapes and grant modes of libs/slots and libs/wire, which a test holds them to. */
export const READ = 1;
export const WRITE = 2;
export const DELTA = 3;
export const PREDICATE = 4;
export const WIPE = 5;
export const BLOCK_HASH = 6;
export const SHAPE_BLOCK_OPEN = 2;
export const SHAPE_BLOCK_CLOSE = 3;
export const MODE_FLOOR = 0;
export const MODE_WAIT = 1;
export const MODE_LOCAL = 2;
export const MODE_DELTA_FLOOR = 3;
export const MODE_DELTA_WAIT = 4;
export const MODE_CONTRIBUTE = 5;
export const MODE_BLOCK_HASH = 6;
export const MODE_SETTLED = 7;

/** Heat at which a slot is noted first; then again at each doubling, so that noting costs nothing per access. */
export const NOTED_HEAT = 8;

/** Words that the kernel counts in: grants by mode, what stands in the lists of the chunk at hand, and the deepest chain. */
export const GRANT_COUNTS = 0;
export const GENERATIONS = 8;
export const EVENTS = 9;
export const DEEPEST = 10;
/** Per partition: versions and contributions to expect. */
export const VERSION_COUNTS = 16;
export const DELTA_COUNTS = 272;
export const COUNT_WORDS = 528;

/** Items of f64: a granted generation is executor, first seq, contributions, last seq. */
export const GENERATION_ITEMS = 4;
/** An event is its sort and what belongs to it: see assembly/grants.ts. */
export const EVENT_ITEMS = 8;
export const EVENT_SEAL = 0;
export const EVENT_LOSS = 1;
export const EVENT_HEAT = 2;
