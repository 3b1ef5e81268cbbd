// Compiled into the kernel and imported by its host, so it holds nothing but constants.

/** Raised with every change of this file, of the layout of rows, and of what the kernel's functions take or give. */
export const INTERFACE = 1;
/** Accesses that the host lays before the kernel at once. */
export const WINDOW_ACCESSES = 1024;
/** A row is 32 bytes, never across a cache line: frames that read, write and add, as bits of 64-bit words; the rest is empty. */
export const ROW_SHIFT = 5;
/** Notes that are kept of what a frame has set. With more, its bit is cleared in all rows. */
export const NOTES_PER_FRAME = 4096;
export const MAX_FRAMES = 64;

/** Offsets in memory: accesses before the kernel (halves of ids, kinds), sizes and notes of frames, rows. */
export const HI_AT = 0;
export const LO_AT = 4 * WINDOW_ACCESSES;
export const KINDS_AT = 8 * WINDOW_ACCESSES;
export const SIZES_AT = 9 * WINDOW_ACCESSES;
export const NOTE_COUNTS_AT = SIZES_AT + 4 * MAX_FRAMES;
export const NOTES_AT = NOTE_COUNTS_AT + 4 * MAX_FRAMES;
export const ROWS_AT = NOTES_AT + 4 * NOTES_PER_FRAME * MAX_FRAMES;

/** Answers of `place` that are no frame: it conflicts with all; one of the kinds is none that frames take. */
export const NONE = -1;
export const UNKNOWN_KIND = -2;
