/** What a precompile answers. It never throws. */

export interface PrecompileResult {
  /** False: the call fails and all its gas is gone. */
  readonly ok: boolean;
  /** Gas used; the whole limit after a failure. */
  readonly gas: number;
  /** Empty after a failure. The caller may keep it. */
  readonly output: Uint8Array;
}

export const EMPTY = new Uint8Array(0);

/** Computes the output; undefined: the input is wrong. Called only once the gas is paid. */
export type Compute = (input: Uint8Array) => Uint8Array | undefined;

/** Gas for an input; may exceed every limit (Infinity included). */
export type GasRule = (input: Uint8Array) => number;

export interface Precompile {
  readonly gas: GasRule;
  readonly compute: Compute;
}
