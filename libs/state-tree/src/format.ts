/**
 * Constants of the state tree. Those that enter the root (everything but the log's) are consensus: changing one
 * changes every root, so it comes with a new FORMAT_VERSION.
 *
 * Entry, 128 bytes = 4 chunks of 32: `slot key 56 | next key hash 32 | value 32 | block height u64 little-endian`.
 */
export const FORMAT_VERSION = 1;

export const KEY_BYTES = 56;
export const HASH_BYTES = 32;
export const VALUE_BYTES = 32;
export const ENTRY_BYTES = 128;

/** Offsets inside an entry, in bytes and in 32-bit words. */
export const Entry = { key: 0, next: 56, value: 88, height: 120 } as const;
export const ENTRY_WORDS = 32;
export const EntryWord = { key: 0, next: 14, value: 22, heightLow: 30, heightHigh: 31 } as const;

/** Entries of one twig; 2048 leaves give 11 layers, and 256 bytes of active bits. */
export const TWIG_ENTRIES = 2048;
export const TWIG_LAYERS = 11;
export const TWIG_BITS_BYTES = TWIG_ENTRIES / 8;
export const TWIG_BITS_CHUNKS = TWIG_BITS_BYTES / HASH_BYTES;

/** First byte of the sentinel's key; no slot domain uses it, and keys that start with it are refused. */
export const RESERVED_DOMAIN = 0xff;

/**
 * Compaction of a partition: while fewer than 2/5 of the entries from the oldest active one on are active, a block
 * moves its oldest active entries to the head, at most as many as it appended itself. At steady random updates
 * a share of 2/5 costs about 0.1 moves per update (live range T updates long with T/N = 2.5/(1+m), m = (1+m)e^(-T/N))
 * and 2.5 x 128 = 320 bytes of log per slot. Ranges below 8 twigs are left alone.
 */
export const COMPACT_ACTIVE = 2;
export const COMPACT_RANGE = 5;
export const COMPACT_MIN_RANGE = 8 * TWIG_ENTRIES;
