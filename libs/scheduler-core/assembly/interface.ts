// Compiled into the kernel and imported by its host, so it holds nothing but constants.

/** Raised with every change of this file, of the rows, and of what `findRows` takes or gives. */
export const INTERFACE = 1;
/** Tags that are compared at once; as many of a group's first tags stand again behind its last one. */
export const TAG_LANES = 16;
/** A row is 64 bytes; a row number counts in f64. */
export const ROW_SHIFT = 3;
/** Words of a row that the kernel looks at, as offsets in u32. */
export const ID_HI = 0;
export const ID_LO = 1;
export const META = 11;
/** In `meta`: touched since the sweep came by. */
export const TOUCHED = 512;
