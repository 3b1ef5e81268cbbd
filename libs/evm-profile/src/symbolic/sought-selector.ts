/** The selector that a function is followed for, and whether the dispatcher has found it. */
import { NO_CALLDATA } from "../profile/format.ts";

/** The selector's place in the first word of calldata. */
const SHIFT = 224n;

export class SoughtSelector {
  /** Four bytes as a number, or NO_CALLDATA. */
  readonly value: number;
  /** No calldata at all is sought. */
  readonly isEmpty: boolean;
  /** The dispatcher has compared the selector with a constant and found it. */
  matched = false;

  constructor(value: number) {
    this.value = value;
    this.isEmpty = value === NO_CALLDATA;
  }

  is(value: bigint | undefined): boolean {
    return value === BigInt(this.value);
  }

  /** The first word of calldata, with zeros behind the selector. */
  get word(): bigint {
    return BigInt(this.value) << SHIFT;
  }
}
