/** `Ingest.Submit`: batches of transactions over a long-lived stream; each is acknowledged when it is stored. */
import { BytesVector, ColumnError, decode, encode, FixedVector, type Message } from "@velarium/columns";
import { type PackedStream, RpcError } from "@velarium/rpc";
import { type LogStream, StreamError } from "@velarium/streams";
import { IngestAck, MAX_BATCH_TRANSACTIONS, MAX_STREAM_BYTES, Reason, TxBatch } from "@velarium/wire";
import type { Admission } from "./admission.ts";

export interface IngestOptions {
  readonly acceptVerified: boolean;
  readonly maxBytesInFlight: number;
  /** Called per batch with the numbers of admitted and refused transactions. */
  readonly onBatch?: (admitted: number, refused: number) => void;
}

type Batch = Message<typeof TxBatch>;

export class Ingest {
  private readonly log: LogStream;
  private readonly admission: Admission;
  private readonly options: IngestOptions;
  private inFlight = 0;

  constructor(log: LogStream, admission: Admission, options: IngestOptions) {
    this.log = log;
    this.admission = admission;
    this.options = options;
  }

  get bytesInFlight(): number {
    return this.inFlight;
  }

  serve(peer: PackedStream): void {
    peer.onMessage((bytes) => this.take(peer, bytes));
  }

  private take(peer: PackedStream, bytes: Uint8Array): void {
    let batch: Batch;
    try {
      batch = decode(TxBatch, bytes);
    } catch (error) {
      if (error instanceof ColumnError) return peer.abort(new RpcError("malformed", error.message));
      throw error;
    }
    const verdicts = this.judge(batch);
    const refused = verdicts.reduce((n, v) => n + (v === 0 ? 0 : 1), 0);
    this.options.onBatch?.(verdicts.length - refused, refused);
    if (refused === verdicts.length) return this.acknowledge(peer, batch.batch, 0, verdicts);
    // Nothing refused: the message goes on as it came.
    const stored = refused === 0 ? bytes : withoutRefused(batch, verdicts);
    if (this.inFlight + stored.length > this.options.maxBytesInFlight) {
      return this.acknowledge(
        peer,
        batch.batch,
        0,
        verdicts.map((v) => (v === 0 ? Reason.overloaded : v)),
      );
    }
    this.inFlight += stored.length;
    this.log.append(stored).then(
      (seq) => {
        this.inFlight -= stored.length;
        this.acknowledge(peer, batch.batch, seq, verdicts);
      },
      (error: unknown) => {
        this.inFlight -= stored.length;
        const reason =
          error instanceof StreamError && (error.code === "full" || error.code === "overloaded")
            ? Reason.overloaded
            : Reason.internal;
        this.acknowledge(
          peer,
          batch.batch,
          0,
          verdicts.map((v) => (v === 0 ? reason : v)),
        );
      },
    );
  }

  private judge(batch: Batch): Uint8Array {
    const count = batch.raw.ends.length;
    const sizes =
      batch.verified.length === count &&
      batch.senders.length === count * 20 &&
      batch.hashes.length === count * 32;
    if (!sizes) return new Uint8Array(Math.max(count, 1)).fill(Reason.malformed);
    if (count > MAX_BATCH_TRANSACTIONS || batch.raw.blob.length + count * 57 > MAX_STREAM_BYTES)
      return new Uint8Array(count).fill(Reason.oversized);
    const verdicts = this.admission.verdicts(batch.raw);
    if (!this.options.acceptVerified) {
      for (let i = 0; i < count; i++)
        if (batch.verified[i] !== 0 && verdicts[i] === 0) verdicts[i] = Reason.badSignature;
    }
    return verdicts;
  }

  private acknowledge(peer: PackedStream, batch: number, streamSeq: number, verdicts: Uint8Array): void {
    if (!peer.isClosed) peer.give(encode(IngestAck, { batch, streamSeq, verdicts }));
  }
}

function withoutRefused(batch: Batch, verdicts: Uint8Array): Uint8Array {
  const raw = new BytesVector();
  const senders = new FixedVector(20);
  const hashes = new FixedVector(32);
  const verified: number[] = [];
  let start = 0;
  for (let i = 0; i < verdicts.length; i++) {
    const end = batch.raw.ends[i]!;
    if (verdicts[i] === 0) {
      raw.push(batch.raw.blob, start, end);
      senders.push(batch.senders, i * 20);
      hashes.push(batch.hashes, i * 32);
      verified.push(batch.verified[i]!);
    }
    start = end;
  }
  return encode(TxBatch, {
    batch: batch.batch,
    receivedMs: batch.receivedMs,
    verified: Uint8Array.from(verified),
    raw: raw.view(),
    senders: senders.view(),
    hashes: hashes.view(),
  });
}

/** Joins transactions of single JSON-RPC requests into stream messages: one append per turn of the event loop. */
export class SingleSubmissions {
  private readonly log: LogStream;
  private waiting: {
    readonly raw: Uint8Array;
    readonly done: () => void;
    readonly failed: (error: unknown) => void;
  }[] = [];
  private scheduled = false;

  constructor(log: LogStream) {
    this.log = log;
  }

  submit(raw: Uint8Array): Promise<void> {
    return new Promise((done, failed) => {
      this.waiting.push({ raw, done, failed });
      if (this.scheduled) return;
      this.scheduled = true;
      setImmediate(() => this.flush());
    });
  }

  private flush(): void {
    this.scheduled = false;
    const all = this.waiting;
    this.waiting = [];
    let from = 0;
    while (from < all.length) {
      const raw = new BytesVector();
      let to = from;
      while (
        to < all.length &&
        to - from < MAX_BATCH_TRANSACTIONS &&
        raw.byteLength + all[to]!.raw.length < MAX_STREAM_BYTES / 2
      )
        raw.push(all[to++]!.raw);
      const group = all.slice(from, to);
      const count = group.length;
      const message = {
        batch: 0,
        receivedMs: Date.now(),
        verified: new Uint8Array(count),
        raw: raw.view(),
        senders: new Uint8Array(count * 20),
        hashes: new Uint8Array(count * 32),
      };
      this.log.append(encode(TxBatch, message)).then(
        () => group.forEach((item) => item.done()),
        (error: unknown) => group.forEach((item) => item.failed(error)),
      );
      from = to;
    }
  }
}
