/**
 * The fast path for plain transfers of ether: types 0-2 without access list, to an account without code that is no
 * precompile, from an account without code, EIP-158 and later. Synchronous and without allocation; whatever it does
 * not take goes to an engine. Outcomes equal the reference engine's (property test).
 */
import { floorGas, type IntrinsicGasRules, intrinsicGas, type TxScan } from "@velarium/tx-codec";
import { add, compare, createLimbs, isZeroLimbs, loadBytes, multiply, storeWord, subtract } from "./limbs.ts";
import {
  FACTOR_LIMIT,
  HALF,
  loadHalf,
  loadLower,
  loadUpper,
  multiplyHalf,
  productLower,
  productUpper,
  SMALL_BYTES,
  storeSmall,
} from "./small-amounts.ts";
import type { BlockContext, OutcomeKind, OutcomeReason } from "./types.ts";
import { writeBigInt } from "./words.ts";

/** Offsets of the four words that a transfer reads, in the order the caller lays them out. */
export const TransferWord = { senderBalance: 0, senderNonce: 32, senderCode: 64, recipientCode: 96 } as const;
export const TRANSFER_WORDS_BYTES = 128;

export interface TransferPathOptions {
  /** As in `ReferenceEngineOptions`. */
  readonly keepsEmptyAccounts?: boolean;
}

function zeroBytes(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false;
  return true;
}

const asWords = (bytes: Uint8Array): Uint32Array => new Uint32Array(bytes.buffer);

function sameBytes(a: Uint8Array, aFrom: number, b: Uint8Array, bFrom: number): boolean {
  for (let i = 0; i < 20; i++) if (a[aFrom + i] !== b[bFrom + i]) return false;
  return true;
}

/** An integer of 32 big-endian bytes as a number; Infinity when it is not below 2^48. */
function smallWord(words: Uint8Array, offset: number): number {
  return zeroBytes(words, offset, offset + 26) ? loadHalf(words, offset + 26, 6) : Number.POSITIVE_INFINITY;
}

/** One per thread. `open` a block, then `run` transfers; results stand in the fields until the next run. */
export class TransferPath {
  outcome: OutcomeKind = "included";
  reason: OutcomeReason | undefined;
  gasUsed = 0;
  /** Sender's balance after the transfer; 32 bytes. */
  readonly senderBalance = new Uint8Array(32);
  /** Sender's nonce after the transfer; 32 bytes. */
  readonly senderNonce = new Uint8Array(32);
  /** Wei for the recipient (delta on its balance); 32 bytes. Zero: the recipient's balance is not accessed. */
  readonly recipientDelta = new Uint8Array(32);
  /** Wei for the beneficiary (delta on its balance); 32 bytes. */
  readonly beneficiaryDelta = new Uint8Array(32);

  private readonly keepsEmptyAccounts: boolean;
  private active = false;
  private eip1559 = false;
  private maxType = 0;
  private chainId = 0;
  private maxGasLimit = 0;
  private beneficiary = new Uint8Array(20);
  private gasRules: IntrinsicGasRules = { homestead: true, eip2028: true, eip3860: true, eip7623: true };
  /** Infinity when it is not below 2^48. */
  private smallBaseFee = Number.POSITIVE_INFINITY;
  private readonly senderBalanceWords = asWords(this.senderBalance);
  private readonly recipientDeltaWords = asWords(this.recipientDelta);
  private readonly beneficiaryDeltaWords = asWords(this.beneficiaryDelta);
  private readonly baseFee = createLimbs();
  private readonly cap = createLimbs();
  private readonly tip = createLimbs();
  private readonly value = createLimbs();
  private readonly balance = createLimbs();
  private readonly cost = createLimbs();

  constructor(options: TransferPathOptions = {}) {
    this.keepsEmptyAccounts = options.keepsEmptyAccounts ?? false;
  }

  open(context: BlockContext): void {
    const { rules } = context;
    this.active = rules.eip158;
    this.eip1559 = rules.eip1559;
    this.maxType = Math.min(2, rules.maxTransactionType);
    this.chainId = rules.chainId;
    this.maxGasLimit = Math.min(context.gasLimit, rules.limits.transactionGas ?? Number.POSITIVE_INFINITY);
    this.beneficiary = context.beneficiary.slice();
    const { homestead, eip2028, eip7623 } = rules;
    this.gasRules = { homestead, eip2028, eip3860: rules.shanghai, eip7623 };
    const baseFee = writeBigInt(context.baseFee, new Uint8Array(32));
    loadBytes(this.baseFee, baseFee, 0, 32);
    this.smallBaseFee = smallWord(baseFee, 0);
  }

  /**
   * Runs the transaction that `scan` describes in `raw`. `words` holds the four words of `TransferWord` at
   * `wordsOffset`. False: not a case of this path, nothing was changed; true: the fields hold the result.
   */
  run(
    raw: Uint8Array,
    scan: TxScan,
    sender: Uint8Array,
    senderOffset: number,
    words: Uint8Array,
    wordsOffset: number,
  ): boolean {
    if (!this.active || scan.type > this.maxType || scan.toOffset < 0 || scan.accessListAddresses > 0)
      return false;
    // Precompiles lie below 2^16.
    if (zeroBytes(raw, scan.toOffset, scan.toOffset + 18)) return false;
    const code = wordsOffset + TransferWord.senderCode;
    if (!zeroBytes(words, code, code + 64)) return false;
    if (scan.gasLimit >= 2 ** 32) return false;
    if (sameBytes(raw, scan.toOffset, sender, senderOffset)) return false;
    if (sameBytes(this.beneficiary, 0, sender, senderOffset)) return false;
    if (scan.chainId >= 0 && scan.chainId !== this.chainId) return this.refuse("rejected", "chain-id");
    if (scan.gasLimit > this.maxGasLimit) return this.refuse("rejected", "gas-limit");
    return this.isSmall(scan, words, wordsOffset)
      ? this.settleSmall(raw, scan, words, wordsOffset)
      : this.settle(raw, scan, words, wordsOffset);
  }

  /** Whether all amounts are below 2^96, fees below 2^48. */
  private isSmall(scan: TxScan, words: Uint8Array, at: number): boolean {
    if (scan.gasLimit >= FACTOR_LIMIT) return false;
    if (scan.feeSize > 6 || scan.tipSize > 6 || scan.valueSize > SMALL_BYTES) return false;
    if (this.smallBaseFee === Number.POSITIVE_INFINITY) return false;
    const balance = at + TransferWord.senderBalance;
    return zeroBytes(words, balance, balance + 32 - SMALL_BYTES);
  }

  /** As `settle`, step by step, for small amounts. */
  private settleSmall(raw: Uint8Array, scan: TxScan, words: Uint8Array, at: number): boolean {
    const cap = loadHalf(raw, scan.feeOffset, scan.feeSize);
    const tip = loadHalf(raw, scan.tipOffset, scan.tipSize);
    const baseFee = this.smallBaseFee;
    const valueUpper = loadUpper(raw, scan.valueOffset, scan.valueSize);
    const valueLower = loadLower(raw, scan.valueOffset, scan.valueSize);
    if (tip > cap) return this.refuse("rejected", "priority-fee-above-cap");
    if (cap < baseFee) return this.refuse("returned", "fee-cap");
    const gasUsed = Math.max(intrinsicGas(raw, scan, this.gasRules), floorGas(raw, scan, this.gasRules));
    if (scan.gasLimit < gasUsed) return this.refuse("rejected", "intrinsic-gas");

    const nonce = smallWord(words, at + TransferWord.senderNonce);
    if (scan.nonce < nonce) return this.refuse("rejected", "nonce-too-low");
    if (scan.nonce > nonce) return this.refuse("returned", "nonce-too-high");

    const balance = at + TransferWord.senderBalance + 32 - SMALL_BYTES;
    let upper = loadUpper(words, balance, SMALL_BYTES);
    let lower = loadLower(words, balance, SMALL_BYTES);
    multiplyHalf(cap, scan.gasLimit);
    const atMost = productLower + valueLower;
    const carry = Math.floor(atMost / HALF);
    const left = upper - valueUpper - productUpper - carry;
    if (left < 0 || (left === 0 && lower < atMost - carry * HALF))
      return this.refuse("rejected", "insufficient-funds");

    const effectiveTip = this.eip1559 ? Math.min(tip, cap - baseFee) : cap;
    if (this.keepsEmptyAccounts && effectiveTip === 0) return false;
    multiplyHalf(effectiveTip, gasUsed);
    const feeCarry = Math.floor(productLower / HALF);
    storeSmall(this.beneficiaryDeltaWords, productUpper + feeCarry, productLower - feeCarry * HALF);
    multiplyHalf(this.eip1559 ? effectiveTip + baseFee : effectiveTip, gasUsed);
    const paid = productLower + valueLower;
    const paidCarry = Math.floor(paid / HALF);
    upper -= valueUpper + productUpper + paidCarry;
    lower -= paid - paidCarry * HALF;
    if (lower < 0) {
      lower += HALF;
      upper--;
    }
    storeSmall(this.senderBalanceWords, upper, lower);
    storeSmall(this.recipientDeltaWords, valueUpper, valueLower);
    return this.include(nonce, gasUsed);
  }

  private include(nonce: number, gasUsed: number): true {
    for (let i = 0, rest = nonce + 1; i < 7; i++, rest = Math.floor(rest / 256))
      this.senderNonce[31 - i] = rest & 0xff;
    this.outcome = "included";
    this.reason = undefined;
    this.gasUsed = gasUsed;
    return true;
  }

  private refuse(outcome: OutcomeKind, reason: OutcomeReason): true {
    this.outcome = outcome;
    this.reason = reason;
    this.gasUsed = 0;
    return true;
  }

  private settle(raw: Uint8Array, scan: TxScan, words: Uint8Array, at: number): boolean {
    const { cap, tip, baseFee, balance, cost, value } = this;
    loadBytes(cap, raw, scan.feeOffset, scan.feeSize);
    loadBytes(tip, raw, scan.tipOffset, scan.tipSize);
    if (compare(tip, cap) > 0) return this.refuse("rejected", "priority-fee-above-cap");
    if (compare(cap, baseFee) < 0) return this.refuse("returned", "fee-cap");
    const gasUsed = Math.max(intrinsicGas(raw, scan, this.gasRules), floorGas(raw, scan, this.gasRules));
    if (scan.gasLimit < gasUsed) return this.refuse("rejected", "intrinsic-gas");

    const nonce = smallWord(words, at + TransferWord.senderNonce);
    if (scan.nonce < nonce) return this.refuse("rejected", "nonce-too-low");
    if (scan.nonce > nonce) return this.refuse("returned", "nonce-too-high");

    loadBytes(balance, words, at + TransferWord.senderBalance, 32);
    loadBytes(value, raw, scan.valueOffset, scan.valueSize);
    const overflow = multiply(cost, cap, scan.gasLimit);
    if (overflow !== 0 || add(cost, cost, value) !== 0 || compare(balance, cost) < 0)
      return this.refuse("rejected", "insufficient-funds");

    // The tip is what the cap leaves above the base fee, at most; from here on `tip` is the effective one.
    subtract(cap, cap, baseFee);
    if (compare(cap, tip) < 0) tip.set(cap);
    if (!this.eip1559) loadBytes(tip, raw, scan.feeOffset, scan.feeSize);
    if (this.keepsEmptyAccounts && isZeroLimbs(tip)) return false;
    multiply(cost, tip, gasUsed);
    storeWord(cost, this.beneficiaryDelta, 0);
    if (this.eip1559) add(tip, tip, baseFee);
    multiply(cost, tip, gasUsed);
    add(cost, cost, value);
    subtract(balance, balance, cost);
    storeWord(balance, this.senderBalance, 0);
    storeWord(value, this.recipientDelta, 0);
    return this.include(nonce, gasUsed);
  }
}
