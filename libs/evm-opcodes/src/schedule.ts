/** Prices per fork of everything that is not the static gas of an opcode. */
import { type Fork, isAtLeast } from "@velarium/chain-rules";

/**
 * How SSTORE is priced:
 * - `flat`: by current and new value (Frontier; Petersburg again)
 * - `eip1283`: net metering of Constantinople
 * - `eip2200`: net metering with a sentry (Istanbul on); from Berlin `coldSlot` comes on top of it (EIP-2929)
 */
export type SstoreScheme = "flat" | "eip1283" | "eip2200";

/** SSTORE prices in gas; which are used depends on the scheme. */
export interface SstorePrices {
  readonly scheme: SstoreScheme;
  /** Least gas that must be left is one more than this; 0 for no sentry. */
  readonly sentry: number;
  /** Zero to non-zero (`flat`), or a clean zero slot is written. */
  readonly set: number;
  /** Other changes (`flat`), or a clean non-zero slot is written. */
  readonly reset: number;
  /** The value does not change, or the slot is dirty already. Equals `reset` under `flat`. */
  readonly dirty: number;
  /** Refund for clearing a slot. */
  readonly clearRefund: number;
  /** Refund for bringing a dirty slot back to its original zero. */
  readonly restoreZeroRefund: number;
  /** Refund for bringing a dirty slot back to its original non-zero value. */
  readonly restoreRefund: number;
}

/** Prices in gas. Zero where a fork does not charge. */
export interface GasSchedule {
  /** Linear price of a word of memory; the quadratic part is words² / `memoryQuadDivisor`. */
  readonly memoryWord: number;
  readonly memoryQuadDivisor: number;
  readonly copyWord: number;
  readonly keccakWord: number;
  readonly logTopic: number;
  readonly logByte: number;
  readonly expByte: number;
  /** EIP-3860. */
  readonly initcodeWord: number;
  /** EIP-2929; zero before Berlin, where static gas covers accesses. */
  readonly coldAccount: number;
  readonly warmAccount: number;
  readonly coldSlot: number;
  readonly warmSlot: number;
  readonly sstore: SstorePrices;
  readonly callValue: number;
  readonly callStipend: number;
  /** CALL with a value to a dead account; before EIP-158 any CALL to an account that does not exist. */
  readonly callNewAccount: number;
  /** SELFDESTRUCT to such an account (EIP-150). */
  readonly selfdestructNewAccount: number;
  /** A callee gets at most 63/64 of what is left (EIP-150); before, asking for more than there is fails. */
  readonly keepsOne64th: boolean;
  /** New accounts are charged only when value moves and they are dead, not absent (EIP-158). */
  readonly newAccountNeedsValue: boolean;
  readonly codeDepositByte: number;
  readonly selfdestructRefund: number;
  /** Refund at most gas used / this. */
  readonly maxRefundQuotient: number;
}

const SSTORE_FLAT: SstorePrices = {
  scheme: "flat",
  sentry: 0,
  set: 20000,
  reset: 5000,
  dirty: 5000,
  clearRefund: 15000,
  restoreZeroRefund: 0,
  restoreRefund: 0,
};

/** EIP-1283, 2200, 2929 and 3529 in that order. */
function sstorePrices(fork: Fork): SstorePrices {
  const from = (other: Fork) => isAtLeast(fork, other);
  if (!from("constantinople") || (from("petersburg") && !from("istanbul"))) return SSTORE_FLAT;
  if (!from("istanbul"))
    return {
      ...SSTORE_FLAT,
      scheme: "eip1283",
      dirty: 200,
      restoreZeroRefund: 19800,
      restoreRefund: 4800,
    };
  const dirty = from("berlin") ? 100 : 800;
  // EIP-2929 moves the cold price out of `reset`.
  const reset = from("berlin") ? 5000 - 2100 : 5000;
  return {
    scheme: "eip2200",
    sentry: 2300,
    set: 20000,
    reset,
    dirty,
    clearRefund: from("london") ? 4800 : 15000,
    restoreZeroRefund: 20000 - dirty,
    restoreRefund: reset - dirty,
  };
}

const schedules = new Map<Fork, GasSchedule>();

/** The prices of `fork`; the same object for every call. */
export function gasSchedule(fork: Fork): GasSchedule {
  let schedule = schedules.get(fork);
  if (schedule === undefined) schedules.set(fork, (schedule = createSchedule(fork)));
  return schedule;
}

function createSchedule(fork: Fork): GasSchedule {
  const from = (other: Fork) => isAtLeast(fork, other);
  const berlin = from("berlin");
  return {
    memoryWord: 3,
    memoryQuadDivisor: 512,
    copyWord: 3,
    keccakWord: 6,
    logTopic: 375,
    logByte: 8,
    expByte: from("spuriousDragon") ? 50 : 10,
    initcodeWord: from("shanghai") ? 2 : 0,
    coldAccount: berlin ? 2600 : 0,
    warmAccount: berlin ? 100 : 0,
    coldSlot: berlin ? 2100 : 0,
    warmSlot: berlin ? 100 : 0,
    sstore: sstorePrices(fork),
    callValue: 9000,
    callStipend: 2300,
    callNewAccount: 25000,
    selfdestructNewAccount: from("tangerineWhistle") ? 25000 : 0,
    keepsOne64th: from("tangerineWhistle"),
    newAccountNeedsValue: from("spuriousDragon"),
    codeDepositByte: 200,
    selfdestructRefund: from("london") ? 0 : 24000,
    maxRefundQuotient: from("london") ? 5 : 2,
  };
}
