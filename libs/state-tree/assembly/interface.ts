// Compiled into the kernel and imported by its host, so it holds nothing but constants.

/** Raised with every change of this file and of what the kernel's functions take or give. */
export const INTERFACE = 2;

/**
 * A leaf holds up to 256 keys at 38 bytes:
 *   first hash word of each key (256 u32) | other seven words and low word of the entry number (256 * 8 u32) | high half
 *   words of the numbers (256 u16)
 * The first words stand apart, so that a search looks at two cache lines of them; what is compared and read after that lies
 * in one line (32 aligned bytes), unless some number has passed 2^32. Leaves begin at cache lines.
 */
export const LEAF_KEYS = 256;
export const REST_AT = 1024;
export const REST_BYTES = 32;
/** Of the number's low word within a key's rest. */
export const NUMBER_AT = 28;
export const HIGH_AT = 9216;
export const LEAF_BYTES = 9728;

/** An index, byte offsets: its directory (leaf, first word of its first key, keys, for each leaf in order), and a cursor. */
export const LEAVES = 0;
export const FIRSTS = 4;
export const COUNTS = 8;
export const LEAF_COUNT = 12;
export const CAPACITY = 16;
/** Directory position of the cursor's leaf, and the key in it. */
export const LEAF_AT = 20;
export const KEY_AT = 24;
export const SIZE = 28;
/** Counts the keys that were inserted or removed: places found before hold while it is the same. */
export const SHAPE = 32;
export const INDEX_BYTES = 64;

/** An entry of the log, byte offsets. */
export const ENTRY_BYTES = 128;
export const ENTRY_NEXT = 56;
export const ENTRY_VALUE = 88;
export const ENTRY_HEIGHT = 120;
/** A key padded to a block of SHA-256. */
export const BLOCK_BYTES = 64;

/** What a change is. */
export const CHANGE_NONE = 0;
export const CHANGE_UPDATE = 1;
export const CHANGE_INSERT = 2;
export const CHANGE_DELETE = 3;
