/**
 * Works through the messages of the `tx` log that the framer has assigned: reads on ahead of the analysis within
 * bounds, analyses several messages at a time, sends exactly one `Analyzed` for each, and none past the bound.
 */
import { ColumnError, decode, encode, type Message } from "@velarium/columns";
import type { Logger } from "@velarium/service-kit";
import type { Consumption, LogStream } from "@velarium/streams";
import { Analyzed, type Assignment, TxBatch } from "@velarium/wire";

/** Messages read ahead: 64 of at most 900 KiB; reading stops there and goes on at a quarter. */
const MAX_QUEUED = 64;
const RESUME_AT = 16;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 1000;

export interface ReaderEvents {
  /** A packed `Analyzed`. */
  analyze(batch: Message<typeof TxBatch>, term: number, streamSeq: number): Promise<Uint8Array>;
  /** False: sent, but take a rest until `resume`. */
  send(bytes: Uint8Array): boolean;
  /** The log cannot be read on: the framer has to assign anew. */
  broken(error: Error): void;
}

interface Queued {
  readonly seq: number;
  readonly bytes: Uint8Array;
}

export class AssignedReader {
  readonly log: Logger;
  messages = 0;
  retries = 0;
  inFlight = 0;
  private readonly stream: LogStream;
  private readonly events: ReaderEvents;
  private readonly maxInFlight: number;
  private assignment: Message<typeof Assignment> | undefined;
  private consumption: Consumption | undefined;
  private paused = false;
  private congested = false;
  private draining = false;
  private queue: Queued[] = [];
  /** Number of the present reading; what an earlier one still analyses is dropped. */
  private run = 0;
  private idle: (() => void)[] = [];

  constructor(stream: LogStream, events: ReaderEvents, maxInFlight: number, log: Logger) {
    this.stream = stream;
    this.events = events;
    this.maxInFlight = maxInFlight;
    this.log = log;
  }

  get queued(): number {
    return this.queue.length;
  }

  assign(next: Message<typeof Assignment>): void {
    const before = this.assignment;
    if (this.draining) return;
    this.assignment = next;
    const goesOn =
      before !== undefined &&
      before.term === next.term &&
      before.modulus === next.modulus &&
      before.remainder === next.remainder &&
      before.fromStreamSeq === next.fromStreamSeq;
    if (goesOn) this.pump();
    else this.restart(next);
  }

  /** The framer is gone: whatever is under way is void. */
  reset(): void {
    this.run++;
    this.assignment = undefined;
    this.consumption?.stop();
    this.consumption = undefined;
    this.queue = [];
    this.paused = false;
    this.congested = false;
  }

  /** The way to the framer is free again. */
  resume(): void {
    this.congested = false;
    this.pump();
  }

  /** Takes no more messages; resolves when those under way are sent. */
  async drain(): Promise<void> {
    this.draining = true;
    this.consumption?.stop();
    this.queue = [];
    if (this.inFlight > 0) await new Promise<void>((resolve) => this.idle.push(resolve));
  }

  private restart(assignment: Message<typeof Assignment>): void {
    this.reset();
    this.assignment = assignment;
    const run = this.run;
    const { modulus, remainder, fromStreamSeq } = assignment;
    this.log.info({ term: assignment.term, modulus, remainder, fromStreamSeq }, "assigned");
    this.consumption = this.stream.consume(
      fromStreamSeq,
      (seq, bytes) => {
        if (run !== this.run || seq % modulus !== remainder) return;
        this.queue.push({ seq, bytes });
        this.pump();
        this.holdBack();
      },
      (error) => {
        if (run === this.run) this.events.broken(error);
      },
    );
  }

  private holdBack(): void {
    if (this.paused || this.queue.length < MAX_QUEUED) return;
    this.paused = true;
    this.consumption?.pause();
  }

  private pump(): void {
    const { assignment } = this;
    if (assignment === undefined || this.draining) return;
    while (!this.congested && this.inFlight < this.maxInFlight && this.queue.length > 0) {
      if (this.queue[0]!.seq > assignment.throughStreamSeq) break;
      const next = this.queue.shift()!;
      this.inFlight++;
      void this.work(next, this.run, assignment.term);
    }
    if (this.paused && this.queue.length <= RESUME_AT) {
      this.paused = false;
      this.consumption?.resume();
    }
  }

  private async work({ seq, bytes }: Queued, run: number, term: number): Promise<void> {
    try {
      const analyzed = await this.analyzeUntilDone(seq, bytes, run, term);
      if (analyzed !== undefined && run === this.run) {
        this.messages++;
        if (!this.events.send(analyzed)) this.congested = true;
      }
    } catch (error) {
      if (run === this.run) this.events.broken(error as Error);
    } finally {
      this.inFlight--;
      if (this.inFlight === 0) for (const done of this.idle.splice(0)) done();
      this.pump();
    }
  }

  /** State that does not answer is asked again, for as long as the message is ours. */
  private async analyzeUntilDone(
    seq: number,
    bytes: Uint8Array,
    run: number,
    term: number,
  ): Promise<Uint8Array | undefined> {
    let batch: Message<typeof TxBatch>;
    try {
      batch = decode(TxBatch, bytes);
    } catch (error) {
      if (!(error instanceof ColumnError)) throw error;
      // The order must not stop for it: it counts as a message without transactions.
      this.log.error({ err: error, seq }, "a message of the tx log is no TxBatch");
      return emptyAnalyzed(term, seq);
    }
    for (let pauseMs = FIRST_RETRY_MS; run === this.run; pauseMs = Math.min(pauseMs * 2, LAST_RETRY_MS)) {
      try {
        return await this.events.analyze(batch, term, seq);
      } catch (error) {
        this.retries++;
        if (run === this.run) this.log.warn({ err: error, seq }, `analysis failed, again in ${pauseMs} ms`);
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        if (this.draining) return undefined;
      }
    }
    return undefined;
  }
}

function emptyAnalyzed(term: number, streamSeq: number): Uint8Array {
  const u8 = new Uint8Array(0);
  const u32 = new Uint32Array(0);
  const f64 = new Float64Array(0);
  return encode(Analyzed, {
    term,
    streamSeq,
    indexes: u32,
    verdicts: u8,
    shapes: u8,
    verified: u8,
    types: u8,
    nonces: f64,
    gasLimits: f64,
    feeCaps: f64,
    tipCaps: f64,
    senders: u8,
    hashes: u8,
    raw: { ends: u32, blob: u8 },
    accessEnds: u32,
    accessHi: u32,
    accessLo: u32,
    accessKinds: u8,
    keys: u8,
  });
}
