/** A block from its opening to its announcement: rows by seq and what execution reported of them. */
import type { BytesColumn, Message } from "@velarium/columns";
import { type BlockCompleted, Outcome, type Receipts } from "@velarium/wire";
import type { TakenRejections } from "./rejections.ts";

/** In `rows`: chain work has no row in the slab. */
export const OPEN_WORK = -1;
export const CLOSE_WORK = -2;

/** Columns of a frame of the block, as they go into its record. */
export interface FrameColumns {
  readonly raw: BytesColumn;
  readonly senders: Uint8Array;
  readonly arrivals: Float64Array;
  readonly verified: Uint8Array;
}

export class BlockState {
  /** Its frames, and the place of the first entry of each. */
  readonly frameColumns: FrameColumns[] = [];
  readonly frameStarts: number[] = [];
  readonly number: number;
  readonly time: number;
  readonly gasLimit: number;
  readonly firstSeq: number;
  readonly openedMs: number;
  rows = new Int32Array(256);
  outcomes = new Uint8Array(256);
  reasons = new Uint8Array(256);
  statuses = new Uint8Array(256);
  gasUsed = new Float64Array(256);
  private logSource = new Int32Array(256);
  private logIndex = new Uint32Array(256);
  private readonly logSources: BytesColumn[] = [];
  /** Seqs so far. */
  length = 0;
  transactions = 0;
  frames = 0;
  returned = 0;
  /** Transactions without outcome, and 1 for close work. */
  missing = 0;
  gas = 0;
  bytes = 0;
  /** Rejections recorded in it, its tail included. */
  rejections: TakenRejections | undefined;
  isClosed = false;
  completed: Message<typeof BlockCompleted> | undefined;

  constructor(number: number, time: number, gasLimit: number, firstSeq: number, openedMs: number) {
    this.number = number;
    this.time = time;
    this.gasLimit = gasLimit;
    this.firstSeq = firstSeq;
    this.openedMs = openedMs;
  }

  get lastSeq(): number {
    return this.firstSeq + this.length - 1;
  }

  /** The next seq of the block goes to a slab row, or to chain work. */
  add(row: number): void {
    if (this.length === this.rows.length) this.enlarge();
    const i = this.length++;
    this.rows[i] = row;
    this.logSource[i] = -1;
    if (row >= 0) this.transactions++;
    if (row !== OPEN_WORK) this.missing++;
  }

  /** The entries added last, as many as the frame has, are this frame's. */
  addFrame(columns: FrameColumns): void {
    this.frameColumns.push(columns);
    this.frameStarts.push(this.length - columns.arrivals.length);
  }

  addReceipts(message: Message<typeof Receipts>): number {
    let withLogs = false;
    for (let i = 0, start = 0; i < message.logs.ends.length; i++) {
      if (message.logs.ends[i]! > start) withLogs = true;
      start = message.logs.ends[i]!;
    }
    return withLogs ? this.logSources.push(message.logs) - 1 : -1;
  }

  /** Records entry `i` of a message for place `at`; false when it is known already. */
  resolve(at: number, message: Message<typeof Receipts>, i: number, source: number): boolean {
    if (this.outcomes[at] !== 0) return false;
    this.outcomes[at] = message.outcomes[i]!;
    this.reasons[at] = message.reasons[i]!;
    this.statuses[at] = message.statuses[i]!;
    this.gasUsed[at] = message.gasUsed[i]!;
    const from = i === 0 ? 0 : message.logs.ends[i - 1]!;
    if (source >= 0 && message.logs.ends[i]! > from) {
      this.logSource[at] = source;
      this.logIndex[at] = i;
    }
    if (this.rows[at] !== OPEN_WORK) this.missing--;
    if (message.outcomes[i] === Outcome.returned) this.returned++;
    return true;
  }

  /** Logs of a place: [column, index], or undefined when it has none. */
  logsAt(at: number): { column: BytesColumn; index: number } | undefined {
    const source = this.logSource[at]!;
    return source < 0 ? undefined : { column: this.logSources[source]!, index: this.logIndex[at]! };
  }

  /** Bytes of the logs of a place. */
  logBytes(at: number): number {
    const source = this.logSource[at]!;
    if (source < 0) return 0;
    const { ends } = this.logSources[source]!;
    const index = this.logIndex[at]!;
    return ends[index]! - (index === 0 ? 0 : ends[index - 1]!);
  }

  private enlarge(): void {
    const n = this.rows.length * 2;
    const bigger = <A extends Int32Array | Uint32Array | Float64Array | Uint8Array>(old: A, out: A): A => {
      out.set(old as never);
      return out;
    };
    this.rows = bigger(this.rows, new Int32Array(n));
    this.outcomes = bigger(this.outcomes, new Uint8Array(n));
    this.reasons = bigger(this.reasons, new Uint8Array(n));
    this.statuses = bigger(this.statuses, new Uint8Array(n));
    this.gasUsed = bigger(this.gasUsed, new Float64Array(n));
    this.logSource = bigger(this.logSource, new Int32Array(n));
    this.logIndex = bigger(this.logIndex, new Uint32Array(n));
  }
}
