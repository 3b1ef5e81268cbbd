/**
 * What a fresh worker compiles over and over before anybody waits for it, so that V8 has optimised the compiler's passes by
 * the time a hot contract comes.
 */

/** Asks the worker to get warm; it answers with the same when it is, or has work to do. */
export const WARM_UP = "warm up";

/**
 * A real contract of 22 kB took 400 to 490 ms to emit on a fresh worker, 190 to 225 after 0.4 s of warming up on the
 * project's token and market, 165 to 190 after 0.8 s; 160 is what it takes the third time (one core of a Xeon). Larger
 * contracts would warm no better, and work that comes waits longer for the end of a round.
 */
export const WARM_UP_MS = 800;
export const WARM_UP_ROUNDS = 128;
