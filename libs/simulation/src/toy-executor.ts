/** An executor of toy transactions: the protocol of docs/protocol.md in its plainest form. */
import {
  bytesAt,
  decode,
  encode,
  F64Vector,
  FixedVector,
  type Message,
  schemaIdOf,
  U8Vector,
  U32Vector,
} from "@velarium/columns";
import { AccessKind, partitionOfId, SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";
import {
  BlockFees,
  BlockHash,
  Dispatch,
  EpochStart,
  ExecutorHello,
  GrantMode,
  Publish,
  PublishAck,
  Results,
  Shape,
  SlotReads,
  SlotValues,
} from "@velarium/wire";
import type { Random } from "./network.ts";
import { FEE_ID, FEE_KEY, idOf } from "./toy-frames.ts";
import {
  decodeToy,
  FEE_SLOT,
  fromWord,
  isRead,
  isWrite,
  keyOf,
  nameOf,
  runToy,
  type ToyAccess,
  type ToyResult,
  type ToyTransaction,
  toWord,
} from "./toy-transaction.ts";

export interface ExecutorWires {
  toScheduler(bytes: Uint8Array): void;
  toShard(shard: number, bytes: Uint8Array): void;
}

interface Pending {
  readonly seq: number;
  readonly block: number;
  readonly tail: boolean;
  readonly tx: ToyTransaction;
  readonly accesses: readonly ToyAccess[];
  readonly values: (number | undefined)[];
  /** Generation that each D contributes to. */
  readonly generations: readonly number[];
  readonly feeGen: number;
}

/** What of one transaction waits for acknowledgements. */
interface Published {
  readonly seqs: number[];
  readonly batches: Set<string>;
}

class PublishDraft {
  readonly hi = new U32Vector(8);
  readonly lo = new U32Vector(8);
  readonly seqs = new F64Vector(8);
  readonly keys = new FixedVector(SLOT_KEY_BYTES, 8);
  readonly values = new FixedVector(WORD_BYTES, 8);
  readonly deltas = new Map<string, { id: readonly [number, number]; gen: number; key: Uint8Array }>();
}

export class ToyExecutor {
  /** Every outcome ever computed here, by seq. */
  readonly outcomes = new Map<number, ToyResult>();
  private readonly shards: number;
  private readonly capacity: number;
  private readonly random: Random;
  private readonly wires: ExecutorWires;
  private epoch = -1;
  private index = 0;
  private token = 0;
  private batch = 0;
  private readonly hashes = new Map<number, number>();
  private readonly fees = new Map<number, number>();
  private readonly pending = new Map<number, Pending>();
  private readonly reads = new Map<number, { pending: Pending; access: number }>();
  /** Versions written here, by key and seq. */
  private readonly own = new Map<string, number>();
  private readonly sums = new Map<string, { count: number; amount: number }>();
  private drafts: (PublishDraft | undefined)[] = [];
  private draftSeqs: number[] = [];
  private readonly waiting: Published[] = [];
  private results: { seq: number; result: ToyResult; extras: readonly ToyAccess[] }[] = [];
  private readonly done = new Map<number, { result: ToyResult; extras: readonly ToyAccess[] }>();

  constructor(shards: number, capacity: number, random: Random, wires: ExecutorWires) {
    this.shards = shards;
    this.capacity = capacity;
    this.random = random;
    this.wires = wires;
  }

  hello(): Uint8Array {
    return encode(ExecutorHello, { capacity: this.capacity, name: new Uint8Array(0) });
  }

  fromScheduler(bytes: Uint8Array): void {
    const id = schemaIdOf(bytes);
    if (id === EpochStart.id) this.begin(decode(EpochStart, bytes));
    else if (id === BlockFees.id) {
      const fees = decode(BlockFees, bytes);
      if (fees.epoch === this.epoch) this.fees.set(fees.number, fromWord(fees.baseFee));
    } else if (id === BlockHash.id) {
      const hash = decode(BlockHash, bytes);
      if (hash.epoch === this.epoch) this.hashes.set(hash.number, fromWord(hash.hash));
    } else if (id === Dispatch.id) {
      const dispatch = decode(Dispatch, bytes);
      if (dispatch.epoch === this.epoch) this.take(dispatch);
    }
    this.run();
  }

  fromShard(shard: number, bytes: Uint8Array): void {
    if (schemaIdOf(bytes) === PublishAck.id) {
      const { epoch, batch } = decode(PublishAck, bytes);
      if (epoch === this.epoch) this.acknowledged(`${shard}:${batch}`);
      return;
    }
    const { epoch, tokens, values } = decode(SlotValues, bytes);
    if (epoch !== this.epoch) return;
    tokens.forEach((token, i) => {
      const read = this.reads.get(token);
      if (!read) return;
      this.reads.delete(token);
      read.pending.values[read.access] = fromWord(values, i * WORD_BYTES);
    });
    this.run();
  }

  private begin(start: Message<typeof EpochStart>): void {
    this.epoch = start.epoch;
    this.index = start.executor;
    for (const map of [this.hashes, this.fees, this.pending, this.reads, this.own, this.sums, this.done])
      map.clear();
    this.drafts = [];
    this.draftSeqs = [];
    this.waiting.length = 0;
    this.results = [];
    start.numbers.forEach((n, i) => {
      this.hashes.set(n, fromWord(start.hashes, i * WORD_BYTES));
    });
  }

  private take(d: Message<typeof Dispatch>): void {
    let access = 0;
    let generation = 0;
    d.seqs.forEach((seq, i) => {
      const tx = decodeToy(bytesAt(d.raw, i));
      const tail = d.tail === 1;
      const accesses = tail ? [...tx.accesses, ...tx.undeclared] : tx.accesses;
      if (tx.work !== (d.shapes[i] === Shape.blockOpen))
        throw new Error(`seq ${seq}: body and shape do not belong together`);
      const generations: number[] = [];
      const pending: Pending = {
        seq,
        block: d.block,
        tail,
        tx,
        accesses,
        values: accesses.map(() => undefined),
        generations,
        feeGen: d.feeGens[i]!,
      };
      this.pending.set(seq, pending);
      accesses.forEach((a, k) => {
        const declared = k < tx.accesses.length;
        const mode = declared ? d.modes[access]! : GrantMode.settled;
        const version = declared ? d.versions[access]! : seq - 1;
        if (declared && (d.accessHi[access] !== idOf(a)[0] || d.accessKinds[access] !== a.kind))
          throw new Error(`seq ${seq}: access columns do not belong to the body`);
        let gen: readonly [number, number, number] | undefined;
        if (mode === GrantMode.deltaFloor || mode === GrantMode.deltaWait) {
          gen = [d.genSeqs[generation]!, d.genCounts[generation]!, d.genLasts[generation]!];
          generation++;
        }
        if (declared) access++;
        generations.push(mode === GrantMode.contribute ? version : -1);
        if (mode === GrantMode.contribute) pending.values[k] = 0;
        else if (mode !== GrantMode.blockHash) this.read(pending, k, a, mode, version, gen);
      });
    });
  }

  private read(
    pending: Pending,
    k: number,
    access: ToyAccess,
    mode: number,
    version: number,
    gen?: readonly [number, number, number],
  ): void {
    const key = keyOf(access);
    if (mode === GrantMode.local) {
      const own = this.own.get(`${nameOf(key)}:${version}`);
      if (own !== undefined) {
        pending.values[k] = own;
        return;
      }
    }
    const token = this.token++;
    this.reads.set(token, { pending, access: k });
    const [hi, lo] = idOf(access);
    this.wires.toShard(
      partitionOfId(hi) % this.shards,
      encode(SlotReads, {
        epoch: this.epoch,
        executor: this.index,
        tokens: Uint32Array.of(token),
        hi: Uint32Array.of(hi),
        lo: Uint32Array.of(lo),
        modes: Uint8Array.of(mode === GrantMode.local ? GrantMode.wait : mode),
        versions: Float64Array.of(version),
        keys: key,
        genSeqs: Float64Array.from(gen ? [gen[0]] : []),
        genCounts: Uint32Array.from(gen ? [gen[1]] : []),
        genLasts: Float64Array.from(gen ? [gen[2]] : []),
      }),
    );
  }

  /** Runs what can run, in any order. */
  private run(): void {
    for (const p of this.pending.values()) {
      const fee = this.fees.get(p.block);
      if (fee === undefined) continue;
      const values = p.accesses.map((a, k) =>
        a.kind === AccessKind.H ? this.hashes.get(a.slot) : p.values[k],
      );
      if (values.some((v) => v === undefined)) continue;
      this.pending.delete(p.seq);
      this.finish(p, values as number[], fee);
    }
    if (this.random.below(3) > 0) this.flush();
  }

  private finish(p: Pending, values: number[], fee: number): void {
    const seen = values.map((v, k) => (p.accesses[k]!.kind === AccessKind.D ? 0 : v));
    const result = runToy(p.tx, seen, fee, p.tail);
    this.outcomes.set(p.seq, result);
    let feePaid = false;
    p.accesses.forEach((a, k) => {
      if (isWrite(a.kind, p.tail)) {
        let value = a.kind === AccessKind.D ? values[k]! + result.writes[k]! : result.writes[k]!;
        if (a.slot === FEE_SLOT) {
          value += result.fee;
          feePaid = true;
        }
        this.writeVersion(p.seq, a, value);
      } else if (a.kind === AccessKind.D)
        this.contribute(idOf(a), keyOf(a), p.generations[k]!, result.writes[k]!);
      else if (!isRead(a.kind) && a.kind !== AccessKind.H) throw new Error(`kind ${a.kind}`);
    });
    if (p.feeGen >= 0) this.contribute(FEE_ID, FEE_KEY, p.feeGen, feePaid ? 0 : result.fee);
    else if (!feePaid && !p.tx.work) throw new Error(`seq ${p.seq}: nowhere to pay the fee`);
    this.draftSeqs.push(p.seq);
    this.done.set(p.seq, { result, extras: p.tail ? p.tx.undeclared : [] });
  }

  private draftOf(hi: number): PublishDraft {
    return (this.drafts[partitionOfId(hi) % this.shards] ??= new PublishDraft());
  }

  private writeVersion(seq: number, access: ToyAccess, value: number): void {
    const [hi, lo] = idOf(access);
    const draft = this.draftOf(hi);
    draft.hi.push(hi);
    draft.lo.push(lo);
    draft.seqs.push(seq);
    draft.keys.push(keyOf(access));
    draft.values.push(toWord(value));
    this.own.set(`${nameOf(keyOf(access))}:${seq}`, value);
  }

  private contribute(id: readonly [number, number], key: Uint8Array, gen: number, amount: number): void {
    const name = `${nameOf(key)}:${gen}`;
    const sum = this.sums.get(name) ?? { count: 0, amount: 0 };
    this.sums.set(name, { count: sum.count + 1, amount: sum.amount + amount });
    this.draftOf(id[0]).deltas.set(name, { id, gen, key });
  }

  /** Publishes what was drafted; some messages go out twice. */
  flush(): boolean {
    if (this.draftSeqs.length === 0) return false;
    const batches = new Set<string>();
    const messages: { shard: number; bytes: Uint8Array }[] = [];
    for (let shard = 0; shard < this.shards; shard++) {
      const draft = this.drafts[shard];
      if (!draft) continue;
      const batch = this.batch++;
      batches.add(`${shard}:${batch}`);
      messages.push({ shard, bytes: this.publishMessage(draft, batch) });
    }
    this.drafts = [];
    this.waiting.push({ seqs: this.draftSeqs, batches });
    this.draftSeqs = [];
    if (batches.size === 0) this.acknowledged("");
    for (const { shard, bytes } of messages)
      for (let n = this.random.below(4) === 0 ? 2 : 1; n > 0; n--) this.wires.toShard(shard, bytes);
    return true;
  }

  private publishMessage(draft: PublishDraft, batch: number): Uint8Array {
    const deltas = [...draft.deltas];
    const keys = new FixedVector(SLOT_KEY_BYTES, 8);
    const amounts = new FixedVector(WORD_BYTES, 8);
    for (const [name, { key }] of deltas) {
      keys.push(key);
      amounts.push(toWord(this.sums.get(name)!.amount));
    }
    return encode(Publish, {
      epoch: this.epoch,
      executor: this.index,
      batch,
      hi: draft.hi.view(),
      lo: draft.lo.view(),
      seqs: draft.seqs.view(),
      keys: draft.keys.view(),
      values: draft.values.view(),
      deltaHi: Uint32Array.from(deltas, ([, d]) => d.id[0]),
      deltaLo: Uint32Array.from(deltas, ([, d]) => d.id[1]),
      deltaGens: Float64Array.from(deltas, ([, d]) => d.gen),
      deltaCounts: Uint32Array.from(deltas, ([name]) => this.sums.get(name)!.count),
      deltaKeys: keys.view(),
      deltaAmounts: amounts.view(),
      codeSeqs: new Float64Array(0),
      codeHashes: new Uint8Array(0),
      codes: { ends: new Uint32Array(0), blob: new Uint8Array(0) },
    });
  }

  private acknowledged(batch: string): void {
    for (const published of this.waiting) published.batches.delete(batch);
    for (let i = this.waiting.length - 1; i >= 0; i--) {
      if (this.waiting[i]!.batches.size > 0) continue;
      for (const seq of this.waiting.splice(i, 1)[0]!.seqs)
        this.results.push({ seq, ...this.done.get(seq)! });
    }
    this.sendResults();
  }

  private sendResults(): void {
    if (this.results.length === 0) return;
    const results = this.results.sort((a, b) => a.seq - b.seq);
    this.results = [];
    const ends = new U32Vector(8);
    const hi = new U32Vector(8);
    const lo = new U32Vector(8);
    const kinds = new U8Vector(8);
    for (const { extras } of results) {
      for (const extra of extras) {
        hi.push(idOf(extra)[0]);
        lo.push(idOf(extra)[1]);
        kinds.push(extra.kind);
      }
      ends.push(hi.length);
    }
    this.wires.toScheduler(
      encode(Results, {
        epoch: this.epoch,
        seqs: Float64Array.from(results, (r) => r.seq),
        outcomes: Uint8Array.from(results, (r) => r.result.outcome),
        gasUsed: Float64Array.from(results, (r) => r.result.gasUsed),
        blobGas: new Float64Array(0),
        extraEnds: ends.view(),
        extraHi: hi.view(),
        extraLo: lo.view(),
        extraKinds: kinds.view(),
      }),
    );
  }
}
