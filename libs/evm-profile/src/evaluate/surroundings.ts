/** What code may observe of its transaction and block, as words. */
import type { BlockContext, ExecutableTransaction } from "@velarium/engine";
import { addressWord, loadWord } from "./bytes.ts";
import type { Frame } from "./frame.ts";

const HASHES_BACK = 256n;

export class Surroundings {
  readonly origin: bigint;
  readonly gasPrice: bigint;
  readonly coinbase: bigint;
  readonly timestamp: bigint;
  readonly number: bigint;
  readonly prevRandao: bigint;
  readonly gasLimit: bigint;
  readonly chainId: bigint;
  readonly baseFee: bigint;
  readonly blobBaseFee: bigint;
  /** EIP-2929. */
  readonly pricesCold: boolean;
  private readonly blobHashes: readonly Uint8Array[];
  private readonly tables: (code: Uint8Array) => readonly bigint[];

  /** `tables`: constants of a code, in which codes of one template differ. */
  constructor(
    context: BlockContext,
    transaction: ExecutableTransaction,
    tables: (code: Uint8Array) => readonly bigint[],
  ) {
    const { rules, baseFee } = context;
    const headroom = transaction.maxFeePerGas - baseFee;
    // biome-ignore lint/complexity/useMathMinMax: Math.min takes no bigint
    const tip = transaction.maxPriorityFeePerGas < headroom ? transaction.maxPriorityFeePerGas : headroom;
    this.origin = addressWord(transaction.sender);
    this.gasPrice = headroom < 0n ? transaction.maxFeePerGas : baseFee + tip;
    this.coinbase = addressWord(context.beneficiary);
    this.timestamp = BigInt(context.timestamp);
    this.number = BigInt(context.number);
    this.prevRandao = rules.header.prevRandao ? loadWord(context.prevRandao, 0) : context.difficulty;
    this.gasLimit = BigInt(context.gasLimit);
    this.chainId = BigInt(rules.chainId);
    this.baseFee = baseFee;
    this.blobBaseFee = context.blobBaseFee;
    this.pricesCold = rules.eip2929;
    this.blobHashes = transaction.blobVersionedHashes ?? [];
    this.tables = tables;
  }

  isRecent(number: bigint): boolean {
    return number < this.number && number + HASHES_BACK >= this.number;
  }

  blobHash(index: bigint): bigint {
    const hash = index < this.blobHashes.length ? this.blobHashes[Number(index)] : undefined;
    return hash === undefined ? 0n : loadWord(hash, 0);
  }

  immediate(frame: Frame, index: number): bigint {
    return this.tables(frame.code)[index] ?? 0n;
  }
}
