/** What a verification found. */
export interface Mismatch {
  readonly block: number;
  /** Index in the block, for facts of one transaction. */
  readonly transaction?: number | undefined;
  /** What was compared: `status`, `gasUsed`, `logs`, `stateRoot`, … */
  readonly what: string;
  readonly expected: string;
  readonly actual: string;
}

export interface VerifyReport {
  readonly ok: boolean;
  readonly blocks: number;
  readonly firstBlock: number | undefined;
  readonly lastBlock: number | undefined;
  readonly transactions: number;
  /** Senders that were taken from the record because the signature is a placeholder. */
  readonly recordedSenders: number;
  readonly gasUsed: number;
  /** Rejected transactions recorded in the blocks. */
  readonly rejected: number;
  readonly stateRoot: string;
  readonly seconds: number;
  /** All mismatches found, though only the first ones are listed. */
  readonly mismatchCount: number;
  readonly mismatches: readonly Mismatch[];
}

export interface VerifyProgress {
  readonly block: number;
  readonly blocksDone: number;
  readonly blocksTotal: number;
  readonly transactionsDone: number;
}

export class MismatchList {
  readonly listed: Mismatch[] = [];
  count = 0;
  private readonly most: number;
  constructor(most: number) {
    this.most = most;
  }
  add(mismatch: Mismatch): void {
    this.count++;
    if (this.listed.length < this.most) this.listed.push(mismatch);
  }
}

export const hexOf = (bytes: Uint8Array | undefined): string =>
  bytes === undefined ? "absent" : `0x${Buffer.from(bytes).toString("hex")}`;
