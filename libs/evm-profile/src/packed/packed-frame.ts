/** One call of a profiled function on the packed way. Frames of a run stand until it ends: values are worked out late. */
import type { PackedCode } from "./packed-codes.ts";
import type { PackedParts, PackedProfile } from "./packed-profile.ts";
import { Place } from "./word-arena.ts";

/** Calldata, or what a call has returned: bytes of a transaction, or parts that a frame knows. */
export class PackedBytes {
  size = 0;
  /** Raw bytes, from `at` on; undefined: parts. */
  raw: Uint8Array | undefined;
  at = 0;
  frame: PackedFrame | undefined;
  parts: PackedParts | undefined;
}

export const NO_PACKED_BYTES = new PackedBytes();

/** Nothing was found yet. */
const UNSET = -(2 ** 31);

export class PackedFrame {
  profile!: PackedProfile;
  code!: PackedCode;
  /** Where its values begin in the arena. */
  base = 0;
  /** Number of the account whose storage it has; places of caller and value. */
  account = 0;
  caller: number = Place.zero;
  value: number = Place.zero;
  data: PackedBytes = NO_PACKED_BYTES;
  depth = 0;
  /** The hash of two words that was worked out last; −1: none. */
  lastHash = -1;
  /**
   * By step, what a read has found: with a frame, the number of an expression there that says what was written; without,
   * the number of a touched slot, or the complement of a place.
   */
  foundAt = new Int32Array(16);
  readonly foundFrame: (PackedFrame | undefined)[] = [];
  readonly calls: (PackedBytes | undefined)[] = [];

  reset(profile: PackedProfile): void {
    this.profile = profile;
    this.lastHash = -1;
    const { steps } = profile;
    if (this.foundAt.length < steps) this.foundAt = new Int32Array(steps * 2);
    for (let step = 0; step < steps; step++) {
      this.foundAt[step] = UNSET;
      this.foundFrame[step] = undefined;
      this.calls[step] = undefined;
    }
  }

  hasFound(step: number): boolean {
    return this.foundAt[step] !== UNSET;
  }
}
