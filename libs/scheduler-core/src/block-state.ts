/** A block between its open and its durability. */
import type { Message } from "@velarium/columns";
import { encode } from "@velarium/columns";
import { BlockCompleted, BlockContext, BlockFees, type BlockOpen, CloseBlock } from "@velarium/wire";
import type { DispatchBlock } from "./grants.ts";
import type { BlockFeeValues, FeeParent } from "./options.ts";
import { bigintToWord } from "./words.ts";

export class BlockState implements DispatchBlock {
  readonly number: number;
  readonly firstSeq: number;
  readonly beneficiaryHi: number;
  readonly beneficiaryLo: number;
  readonly versionCounts: Uint32Array;
  readonly deltaCounts: Uint32Array;
  /** -1 until it is closed. */
  lastSeq = -1;
  closed = false;
  /** Transactions whose results are in. */
  done = 0;
  gasUsed = 0;
  executedGas = 0;
  blobGasUsed = 0;
  fees: BlockFeeValues | undefined;
  private readonly open: Message<typeof BlockOpen>;

  constructor(open: Message<typeof BlockOpen>, partitions: number) {
    this.open = open;
    this.number = open.number;
    this.firstSeq = open.firstSeq;
    this.beneficiaryHi = open.beneficiaryId[0]!;
    this.beneficiaryLo = open.beneficiaryId[1]!;
    this.versionCounts = new Uint32Array(partitions);
    this.deltaCounts = new Uint32Array(partitions);
  }

  get time(): number {
    return this.open.time;
  }

  get isDone(): boolean {
    return this.closed && this.done === this.lastSeq - this.firstSeq + 1;
  }

  /** What the next block's fees follow from. */
  asParent(): FeeParent {
    return {
      number: this.number,
      time: this.time,
      baseFee: this.fees!.baseFee,
      gasUsed: this.gasUsed,
      gasLimit: this.open.gasLimit,
      excessBlobGas: this.fees!.excessBlobGas,
      blobGasUsed: this.blobGasUsed,
    };
  }

  context(epoch: number): Uint8Array {
    const { number, time, gasLimit, firstSeq, beneficiary, beneficiaryId, prevRandao, parentBeaconRoot } =
      this.open;
    return encode(BlockContext, {
      epoch,
      number,
      time,
      gasLimit,
      firstSeq,
      beneficiary,
      beneficiaryId,
      prevRandao,
      parentBeaconRoot,
    });
  }

  feesMessage(epoch: number): Uint8Array {
    return encode(BlockFees, {
      epoch,
      number: this.number,
      excessBlobGas: this.fees!.excessBlobGas,
      baseFee: bigintToWord(this.fees!.baseFee),
    });
  }

  completed(epoch: number): Uint8Array {
    return encode(BlockCompleted, {
      epoch,
      number: this.number,
      gasUsed: this.gasUsed,
      gasLimit: this.open.gasLimit,
      blobGasUsed: this.blobGasUsed,
      excessBlobGas: this.fees!.excessBlobGas,
      executedGas: this.executedGas,
      baseFee: bigintToWord(this.fees!.baseFee),
    });
  }

  close(epoch: number): Uint8Array {
    return encode(CloseBlock, {
      epoch,
      number: this.number,
      firstSeq: this.firstSeq,
      closeSeq: this.lastSeq,
      versionCounts: this.versionCounts,
      deltaCounts: this.deltaCounts,
    });
  }
}
