/** A cluster around the core: executors that know only nonces, shards that answer at once or late. Plain and slow. */

import { type BlockRecord, decodeBlockRecord, decodeHeader } from "@velarium/blocks";
import { configOfFork, createEthereumRules } from "@velarium/chain-rules";
import { decode, schemaIdOf } from "@velarium/columns";
import { keccak256 } from "@velarium/hash-kernel";
import { AccessKind, Domain, SLOT_KEY_BYTES, SlotIds, storageKey, writeFieldKey } from "@velarium/slots";
import { RlpWriter, scanTransaction, TxScan } from "@velarium/tx-codec";
import {
  BlockChunk,
  BlockClose,
  BlockOpen,
  carriedKeys,
  Frame,
  Outcome,
  Reason,
  Shape,
} from "@velarium/wire";
import { DEFAULT_OPTIONS, Framer, type FramerOptions, type FramerStart } from "../src/index.ts";

export const ids = new SlotIds(new Uint8Array(32).fill(7), 4);
export const addressOf = (n: number): Uint8Array => {
  const out = new Uint8Array(20).fill(0x11);
  new DataView(out.buffer).setUint32(16, n);
  return out;
};
const beneficiary = addressOf(999_999);

export interface TestTx {
  readonly sender: number;
  readonly nonce: number;
  readonly to: number;
  readonly fee?: number;
  readonly gasLimit?: number;
  readonly verdict?: number;
  /** Storage accesses: [slot number, kind]; makes the shape general. */
  readonly storage?: readonly (readonly [number, number])[];
  /** Returned as diverged so often. */
  readonly diverges?: number;
  /** Refused by execution. */
  readonly poor?: boolean;
}

export function rawOf(tx: TestTx): Uint8Array {
  const w = new RlpWriter(256);
  w.byte(2);
  const list = w.openList();
  w.integer(1);
  w.integer(tx.nonce);
  w.integer(tx.fee ?? 100);
  w.integer(tx.fee ?? 100);
  w.integer(tx.gasLimit ?? 21000);
  w.string(addressOf(tx.to));
  w.integer(BigInt(tx.sender) * 10n + (tx.poor ? 1n : 0n) + BigInt(tx.diverges ?? 0) * 1000000n);
  w.string(new Uint8Array(0));
  const accesses = w.openList();
  w.closeList(accesses);
  w.integer(1);
  w.string(new Uint8Array(32).fill(1));
  w.string(new Uint8Array(32).fill(1));
  w.closeList(list);
  return w.bytes().slice();
}

export function analyzedOf(streamSeq: number, txs: readonly TestTx[]) {
  const n = txs.length;
  const raws = txs.map(rawOf);
  const ends = new Uint32Array(n);
  let at = 0;
  raws.forEach((raw, i) => (ends[i] = at += raw.length));
  const hashes = new Uint8Array(32 * n);
  const senders = new Uint8Array(20 * n);
  const keys: Uint8Array[] = [];
  const wireKeys: Uint8Array[] = [];
  const kinds: number[] = [];
  const accessEnds = new Uint32Array(n);
  const shapes = new Uint8Array(n);
  txs.forEach((tx, i) => {
    hashes.set(keccak256(raws[i]!), i * 32);
    senders.set(addressOf(tx.sender), i * 20);
    const own: Uint8Array[] = [];
    const field = (domain: number, who: number, kind: number) => {
      const key = new Uint8Array(SLOT_KEY_BYTES);
      writeFieldKey(key, 0, domain as Domain, addressOf(who));
      own.push(key);
      kinds.push(kind);
    };
    field(Domain.balance, tx.sender, AccessKind.W);
    field(Domain.nonce, tx.sender, AccessKind.W);
    field(Domain.code, tx.sender, AccessKind.R);
    field(Domain.code, tx.to, AccessKind.R);
    field(Domain.balance, tx.to, AccessKind.D);
    for (const [slot, kind] of tx.storage ?? []) {
      own.push(storageKey(addressOf(5), keccak256(Uint8Array.of(slot >> 8, slot & 255))));
      kinds.push(kind);
    }
    shapes[i] = tx.storage ? Shape.call : tx.sender === tx.to ? Shape.general : Shape.transfer;
    keys.push(...own);
    wireKeys.push(...own.slice(own.length - carriedKeys(shapes[i]!, own.length)));
    accessEnds[i] = keys.length;
  });
  const all = Buffer.concat(keys);
  const accessHi = new Uint32Array(keys.length);
  const accessLo = new Uint32Array(keys.length);
  ids.idsOf(all, keys.length, accessHi, accessLo);
  return {
    term: 1,
    streamSeq,
    indexes: Uint32Array.from(txs.keys()),
    verdicts: Uint8Array.from(txs.map((t) => t.verdict ?? 0)),
    shapes,
    verified: new Uint8Array(n),
    types: new Uint8Array(n).fill(2),
    nonces: Float64Array.from(txs.map((t) => t.nonce)),
    gasLimits: Float64Array.from(txs.map((t) => t.gasLimit ?? 21000)),
    feeCaps: Float64Array.from(txs.map((t) => t.fee ?? 100)),
    tipCaps: Float64Array.from(txs.map((t) => t.fee ?? 100)),
    senders,
    hashes,
    raw: { ends, blob: new Uint8Array(Buffer.concat(raws)) },
    accessEnds,
    accessHi,
    accessLo,
    accessKinds: Uint8Array.from(kinds),
    keys: new Uint8Array(Buffer.concat(wireKeys)),
  };
}
export type AnalyzedMessage = Parameters<Framer["analyzed"]>[0];

export const GENESIS: FramerStart = {
  term: 1,
  height: 0,
  time: 0,
  gasUsed: 0,
  gasLimit: 1_500_000_000,
  blobGasUsed: 0,
  excessBlobGas: 0,
  baseFee: new Uint8Array(32),
  closeSeq: 0,
  watermark: 1,
  resolved: new Float64Array(0),
  hashes: new Uint8Array(32).fill(9),
};

type FrameMessage = ReturnType<typeof decodeFrame>;
const decodeFrame = (bytes: Uint8Array) => decode(Frame, bytes);

/** Runs the core against serial execution of its frames. */
export class ClusterModel {
  readonly framer: Framer;
  readonly log: Uint8Array[] = [];
  readonly frames: FrameMessage[] = [];
  readonly records: BlockRecord[] = [];
  readonly toScheduler: number[] = [];
  readonly blockOpens: { number: number; gasLimit: number }[] = [];
  nonces = new Map<string, number>();
  committedNonces: Map<string, number> = new Map();
  private readonly ready: { block: number; frame: FrameMessage | undefined }[] = [];
  private readonly gasOf = new Map<number, number>();
  private readonly divergences = new Map<number, number>();
  private questions: [Int32Array, Uint8Array][] = [];
  private commits: [number, number][] = [];
  private chunks: Uint8Array[] = [];
  maxInFlight = 0;

  constructor(options: Partial<FramerOptions> = {}, start: FramerStart = GENESIS, live = true) {
    this.framer = new Framer(
      {
        options: { ...DEFAULT_OPTIONS, emptyBlockMs: 0, ...options },
        chain: createEthereumRules(configOfFork("shanghai", 1)),
        ids,
        partitions: 4,
        beneficiary,
      },
      start,
      {
        appendFrames: (bytes) => this.append(bytes.slice()),
        commit: (epoch, number) => this.commits.push([epoch, number]),
        readRoots: () => {},
        announce: (_number, chunks) => {
          this.chunks = chunks.map((c) => decode(BlockChunk, c).bytes.slice());
          this.records.push(decodeBlockRecord(new Uint8Array(Buffer.concat(this.chunks))));
        },
        toScheduler: (bytes) => this.toScheduler.push(schemaIdOf(bytes)),
        readNonces: (accounts, keys) => this.questions.push([accounts, keys]),
      },
    );
    if (live) this.framer.finishReplay();
  }

  private append(bytes: Uint8Array): void {
    this.log.push(bytes);
    this.see(bytes);
  }

  /** Queues what executors would see. */
  see(bytes: Uint8Array): void {
    const id = schemaIdOf(bytes);
    if (id === BlockOpen.id) {
      const open = decode(BlockOpen, bytes);
      this.blockOpens.push(open);
      this.gasOf.set(open.number, 0);
    } else if (id === Frame.id) {
      const frame = decode(Frame, bytes);
      this.frames.push(frame);
      this.ready.push({ block: frame.block, frame });
    } else if (id === BlockClose.id)
      this.ready.push({ block: decode(BlockClose, bytes).number, frame: undefined });
  }

  /** Hands a message of the log to a framer that starts over, and to the executors. */
  replay(bytes: Uint8Array): void {
    this.see(bytes);
    if (schemaIdOf(bytes) === Frame.id) this.framer.replayFrame(decode(Frame, bytes));
    else this.framer.replay(schemaIdOf(bytes), bytes);
  }

  private execute(frame: FrameMessage): void {
    const n = frame.shapes.length;
    const outcomes = new Uint8Array(n);
    const reasons = new Uint8Array(n);
    for (let i = 0; i < n; i++) {
      const raw = frame.raw.blob.subarray(i === 0 ? 0 : frame.raw.ends[i - 1]!, frame.raw.ends[i]!);
      const sender = Buffer.from(frame.senders.subarray(i * 20, i * 20 + 20)).toString("hex");
      const { nonce, value } = fieldsOf(raw);
      const expected = this.nonces.get(sender) ?? 0;
      const seq = frame.arrivals[i]!;
      const wanted = Math.floor(value / 1_000_000);
      const done = this.divergences.get(seq) ?? 0;
      if (nonce < expected) [outcomes[i], reasons[i]] = [Outcome.rejected, Reason.nonceTooLow];
      else if (nonce > expected) [outcomes[i], reasons[i]] = [Outcome.returned, Reason.nonceTooHigh];
      else if (done < wanted && frame.tail === 0) {
        this.divergences.set(seq, done + 1);
        [outcomes[i], reasons[i]] = [Outcome.returned, Reason.diverged];
      } else if (value % 10 === 1) [outcomes[i], reasons[i]] = [Outcome.rejected, Reason.insufficientFunds];
      else {
        outcomes[i] = Outcome.included;
        this.nonces.set(sender, nonce + 1);
        this.gasOf.set(frame.block, this.gasOf.get(frame.block)! + 21000);
      }
    }
    this.framer.receipts({
      epoch: this.framer.epoch,
      block: frame.block,
      seqs: Float64Array.from({ length: n }, (_, i) => frame.firstSeq + i),
      outcomes,
      reasons,
      statuses: new Uint8Array(n).fill(1),
      gasUsed: new Float64Array(n).fill(21000),
      blobGas: new Float64Array(n),
      logs: { ends: new Uint32Array(n), blob: new Uint8Array(0) },
      learnedEnds: new Uint32Array(0),
      learnedHi: new Uint32Array(0),
      learnedLo: new Uint32Array(0),
      learnedKinds: new Uint8Array(0),
      learnedKeys: new Uint8Array(0),
    });
  }

  /** One step of whoever is behind: a question, a frame, a commit. Returns false when nobody is. */
  step(which: number): boolean {
    this.maxInFlight = Math.max(this.maxInFlight, this.framer.blocksInFlight);
    if (this.questions.length > 0 && (which % 3 === 0 || this.ready.length === 0)) {
      const [accounts, keys] = this.questions.shift()!;
      const values = new Uint8Array(accounts.length * 32);
      for (let i = 0; i < accounts.length; i++) {
        const address = Buffer.from(keys.subarray(i * 56 + 1, i * 56 + 21)).toString("hex");
        new DataView(values.buffer).setUint32(i * 32 + 28, this.committedNonces.get(address) ?? 0);
      }
      this.framer.noncesRead(accounts, values);
      return true;
    }
    if (this.ready.length > 0 && (which % 3 !== 2 || this.commits.length === 0)) {
      const { block, frame } = this.ready.shift()!;
      if (frame) this.execute(frame);
      else
        this.framer.blockCompleted({
          epoch: this.framer.epoch,
          number: block,
          gasUsed: this.gasOf.get(block)!,
          gasLimit: 0,
          blobGasUsed: 0,
          excessBlobGas: 0,
          executedGas: 0,
          baseFee: new Uint8Array(32),
        });
      return true;
    }
    if (this.commits.length > 0) {
      const [epoch, number] = this.commits.shift()!;
      this.committedNonces = new Map(this.nonces);
      this.framer.committed({
        epoch,
        number,
        partitions: Uint8Array.of(0, 1, 2, 3),
        roots: new Uint8Array(128).fill(number),
      });
      return true;
    }
    return false;
  }

  /** Until nothing moves, with time passing. */
  settle(fromMs: number, stepMs = 50, rounds = 400): number {
    let now = fromMs;
    for (let quiet = 0, i = 0; i < rounds && quiet < 60; i++) {
      now += stepMs;
      this.framer.tick(now);
      let moved = false;
      for (let k = 0; this.step(k); k++) moved = true;
      quiet = moved ? 0 : quiet + 1;
    }
    return now;
  }

  headerHashes(): string[] {
    return this.records.map((r) => Buffer.from(keccak256(r.header)).toString("hex"));
  }

  headers() {
    return this.records.map((r) => decodeHeader(r.header));
  }
}

function fieldsOf(raw: Uint8Array): { nonce: number; value: number } {
  const scan = new TxScan();
  scanTransaction(raw, 0, raw.length, scan);
  let value = 0;
  for (let i = 0; i < scan.valueSize; i++) value = value * 256 + raw[scan.valueOffset + i]!;
  return { nonce: scan.nonce, value };
}
