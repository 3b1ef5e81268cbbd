/**
 * Feeds transactions to a cluster over one ingest stream: a bounded number of batches wait for their acknowledgement, and
 * a bounded number of transactions for their block. What the door refuses because it is overloaded is sent again.
 */
import { type BytesColumn, BytesVector, decode, encode, FixedVector, type Message } from "@velarium/columns";
import { dial, type PackedStream, type RpcConnection } from "@velarium/rpc";
import { arrivalOf, IngestAck, Reason, reasonName, TxBatch } from "@velarium/wire";

export interface FeedBatch {
  readonly raw: BytesColumn;
  readonly senders: Uint8Array;
  readonly hashes: Uint8Array;
  readonly verified: Uint8Array;
}

export interface FeederLimits {
  /** Batches sent and not acknowledged. */
  readonly maxBatches: number;
}

const RETRY_MS = 20;

export class Feeder {
  /** Acknowledged by arrival: the range of the batch begins at its stream seq. */
  acknowledged = 0;
  /** Refused at the door for good, by reason. */
  readonly refused = new Map<string, number>();
  private readonly connection: RpcConnection;
  private readonly stream: PackedStream;
  private readonly limits: FeederLimits;
  private readonly waiting = new Map<number, FeedBatch>();
  private readonly onAcknowledged: (firstArrival: number, count: number, atMs: number) => void;
  private nextBatch = 1;
  private wake: (() => void) | undefined;
  private failure: Error | undefined;
  private closing = false;

  private constructor(
    connection: RpcConnection,
    limits: FeederLimits,
    onAcknowledged: Feeder["onAcknowledged"],
  ) {
    this.connection = connection;
    this.limits = limits;
    this.onAcknowledged = onAcknowledged;
    this.stream = connection.openStream("Ingest", "Submit");
    this.stream.onClose((error) => {
      if (!this.closing) this.fail(error ?? new Error("the gateway closed the ingest stream"));
    });
    this.stream.onDrain(() => this.wake?.());
    this.stream.onMessage((bytes) => this.take(decode(IngestAck, bytes)));
  }

  static async connect(
    address: string,
    limits: FeederLimits,
    onAcknowledged: Feeder["onAcknowledged"],
  ): Promise<Feeder> {
    return new Feeder(await dial(address), limits, onAcknowledged);
  }

  /** Sends a batch as soon as the limits allow. */
  async send(batch: FeedBatch): Promise<void> {
    while (this.waiting.size >= this.limits.maxBatches || this.stream.congested) {
      if (this.failure) throw this.failure;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    if (this.failure) throw this.failure;
    this.sendNow(batch);
  }

  /** Resolves when every batch is acknowledged. */
  async flush(): Promise<void> {
    while (this.waiting.size > 0) {
      if (this.failure) throw this.failure;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    if (this.failure) throw this.failure;
  }

  close(): void {
    this.closing = true;
    this.stream.close();
    this.connection.close();
  }

  private sendNow(batch: FeedBatch): void {
    const number = this.nextBatch++;
    this.waiting.set(number, batch);
    this.stream.give(encode(TxBatch, { batch: number, receivedMs: Date.now(), ...batch }));
  }

  private take(ack: Message<typeof IngestAck>): void {
    const batch = this.waiting.get(ack.batch);
    if (!batch) return;
    this.waiting.delete(ack.batch);
    let admitted = 0;
    const again: number[] = [];
    ack.verdicts.forEach((verdict, row) => {
      if (verdict === 0) admitted++;
      else if (verdict === Reason.overloaded) again.push(row);
      else {
        const name = reasonName(verdict);
        this.refused.set(name, (this.refused.get(name) ?? 0) + 1);
      }
    });
    if (admitted > 0) {
      this.acknowledged += admitted;
      this.onAcknowledged(arrivalOf(ack.streamSeq, 0), admitted, performance.now());
    }
    if (again.length > 0) this.retry(again.length === batch.verified.length ? batch : rowsOf(batch, again));
    this.wake?.();
  }

  private retry(batch: FeedBatch): void {
    const placeholder = -this.nextBatch++;
    this.waiting.set(placeholder, batch);
    setTimeout(() => {
      this.waiting.delete(placeholder);
      if (!this.closing && !this.failure) this.sendNow(batch);
    }, RETRY_MS);
  }

  private fail(error: Error): void {
    this.failure = error;
    this.wake?.();
  }
}

function rowsOf(batch: FeedBatch, rows: readonly number[]): FeedBatch {
  const raw = new BytesVector();
  const senders = new FixedVector(20);
  const hashes = new FixedVector(32);
  for (const row of rows) {
    raw.push(batch.raw.blob, row === 0 ? 0 : batch.raw.ends[row - 1]!, batch.raw.ends[row]!);
    senders.push(batch.senders, row * 20);
    hashes.push(batch.hashes, row * 32);
  }
  return {
    raw: raw.view(),
    senders: senders.view(),
    hashes: hashes.view(),
    verified: Uint8Array.from(rows, (row) => batch.verified[row]!),
  };
}
