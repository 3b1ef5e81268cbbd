/** What code may observe of its transaction and block, as words. */
import type { BlockContext, ExecutableTransaction } from "@velarium/engine";
import { type GasSchedule, gasSchedule } from "@velarium/evm-opcodes";
import { addressWord, loadWord } from "./bytes.ts";
import type { Frame } from "./frame.ts";

const HASHES_BACK = 256n;

export class Surroundings {
  readonly origin: bigint;
  readonly prices: GasSchedule;
  private readonly context: BlockContext;
  private readonly transaction: ExecutableTransaction;
  private readonly tables: (code: Uint8Array) => readonly bigint[];

  /** `tables`: constants of a code, in which codes of one template differ. */
  constructor(
    context: BlockContext,
    transaction: ExecutableTransaction,
    tables: (code: Uint8Array) => readonly bigint[],
  ) {
    this.origin = addressWord(transaction.sender);
    this.prices = gasSchedule(context.rules.fork);
    this.context = context;
    this.transaction = transaction;
    this.tables = tables;
  }

  // Worked out when asked for: most code looks at one or two of them.
  get gasPrice(): bigint {
    const { maxFeePerGas, maxPriorityFeePerGas } = this.transaction;
    const headroom = maxFeePerGas - this.baseFee;
    if (headroom < 0n) return maxFeePerGas;
    // biome-ignore lint/complexity/useMathMinMax: Math.min takes no bigint
    return this.baseFee + (maxPriorityFeePerGas < headroom ? maxPriorityFeePerGas : headroom);
  }
  get coinbase(): bigint {
    return addressWord(this.context.beneficiary);
  }
  get timestamp(): bigint {
    return BigInt(this.context.timestamp);
  }
  get number(): bigint {
    return BigInt(this.context.number);
  }
  get prevRandao(): bigint {
    const { rules, prevRandao, difficulty } = this.context;
    return rules.header.prevRandao ? loadWord(prevRandao, 0) : difficulty;
  }
  get gasLimit(): bigint {
    return BigInt(this.context.gasLimit);
  }
  get chainId(): bigint {
    return BigInt(this.context.rules.chainId);
  }
  get baseFee(): bigint {
    return this.context.baseFee;
  }
  get blobBaseFee(): bigint {
    return this.context.blobBaseFee;
  }

  isRecent(number: bigint): boolean {
    return number < this.number && number + HASHES_BACK >= this.number;
  }

  blobHash(index: bigint): bigint {
    const hashes = this.transaction.blobVersionedHashes ?? [];
    const hash = index < hashes.length ? hashes[Number(index)] : undefined;
    return hash === undefined ? 0n : loadWord(hash, 0);
  }

  immediate(frame: Frame, index: number): bigint {
    return this.tables(frame.code)[index] ?? 0n;
  }
}
