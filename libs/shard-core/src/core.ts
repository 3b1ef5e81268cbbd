/**
 * The state machine of a shard: messages in, packed answers out, no I/O of its own. Deterministic: what it answers
 * depends on the messages only, never on their interleaving between senders.
 */
import { encode, type Message, U32Vector } from "@velarium/columns";
import {
  codeKeyHash,
  copyWords,
  isCodeKey,
  KEY_WORDS,
  partitionOfId,
  VALUE_WORDS,
  wordsOf,
} from "@velarium/slots";
import {
  type CloseBlock,
  CodeFilter,
  type CodeReads,
  GrantMode,
  type Publish,
  PublishAck,
  type Seals,
  type SlotReads,
} from "@velarium/wire";
import { CommittedReads, type CommittedState, PeerAnswers } from "./answers.ts";
import { type ChangedSlots, ChangesPass, collectChanges } from "./block-changes.ts";
import { ClosingBlocks } from "./closing-blocks.ts";
import { CODE_PREFIX_BYTES, CodeTable, type NewCode } from "./code-table.ts";
import { ShardError } from "./error.ts";
import { DERIVED } from "./live-nodes.ts";
import { NO_PEER, ParkedReads, type ReadRequest } from "./parked-reads.ts";
import { R } from "./slot-rows.ts";
import { APPROACHED, C, G, SlotTable, V } from "./slot-table.ts";

export interface ShardCoreOptions {
  readonly state: CommittedState;
  /** Partitions that live here. */
  readonly owned: readonly number[];
  /** Sends a packed message to an executor's stream (the number that `connect` gave). */
  readonly send: (peer: number, bytes: Uint8Array) => void;
  /** Versions held at once, generations and contributions too. Default 4 M. */
  readonly maxVersions?: number;
  /** Reads that may wait at once. Default 1 M. */
  readonly maxParkedReads?: number;
}

/** A block whose versions are all here: what it changes and the code it brings. */
export interface BlockToCommit {
  readonly number: number;
  readonly closeSeq: number;
  readonly stripe: Uint8Array;
  readonly changes: ChangedSlots;
  readonly codes: readonly NewCode[];
}

/** Stripes that may arrive ahead of their block. */
const MAX_STRIPES = 64;

export class ShardCore {
  epoch = 0;
  /** Height and last seq of the committed state. */
  height = 0;
  committedSeq = 0;
  /** Counters since the start, for metrics. */
  readonly totals = { versions: 0, contributions: 0, repeated: 0, reads: 0, parked: 0, blocks: 0 };
  private readonly state: CommittedState;
  private readonly send: ShardCoreOptions["send"];
  private readonly table: SlotTable;
  private readonly parked: ParkedReads;
  private readonly codes: CodeTable;
  private readonly closing: ClosingBlocks;
  private readonly committedReads: CommittedReads;
  private readonly changesPass = new ChangesPass();
  private readonly peers: (PeerAnswers | undefined)[] = [];
  private readonly dirty: number[] = [];
  private readonly stripes = new Map<number, Uint8Array>();
  private lastClosed = 0;
  private committing: { closeSeq: number; number: number; rows: Int32Array } | undefined;
  /** Hashes of the code slots that the block being committed writes. */
  private readonly writtenCodes = new U32Vector(16);
  private readonly sum = new Uint32Array(VALUE_WORDS);
  private readonly request: ReadRequest = blankRequest();
  private readonly woken: ReadRequest = blankRequest();

  constructor(options: ShardCoreOptions) {
    this.state = options.state;
    this.send = options.send;
    this.table = new SlotTable(options.maxVersions ?? 4 << 20);
    this.parked = new ParkedReads(this.table.rows, options.maxParkedReads ?? 1 << 20);
    this.codes = new CodeTable(options.maxParkedReads ?? 1 << 20);
    this.closing = new ClosingBlocks(options.owned);
    this.committedReads = new CommittedReads(options.state);
  }

  get versionsHeld(): number {
    return this.table.versions.used;
  }
  get generationsHeld(): number {
    return this.table.generations.used;
  }
  get parkedNow(): number {
    return this.parked.arena.used;
  }
  get rowsHeld(): number {
    return this.table.rows.size;
  }
  get committedReadsTotal(): number {
    return this.committedReads.total;
  }

  /** A new executor stream; `greet` it once messages can be sent. */
  connect(): number {
    this.peers.push(new PeerAnswers());
    return this.peers.length - 1;
  }

  /** Tells an executor which code slots it need not ask for. */
  greet(peer: number): void {
    const filter = this.state.codeFilter?.();
    if (filter === undefined || this.peers[peer] === undefined) return;
    const { epoch, committedSeq: throughSeq } = this;
    this.send(peer, encode(CodeFilter, { epoch, sinceSeq: -1, throughSeq, ...filter.content() }));
  }

  /** Its parked reads are forgotten when they would be answered, at the latest with the epoch. */
  disconnect(peer: number): void {
    this.peers[peer] = undefined;
  }

  /** Begins a greater epoch on the state of `height`, whose last seq is `closeSeq`. */
  begin(epoch: number, height: number, closeSeq: number): void {
    if (epoch < this.epoch)
      throw new ShardError("epoch", `epoch ${epoch} is over; the present one is ${this.epoch}`);
    this.epoch = epoch;
    this.height = this.lastClosed = height;
    this.committedSeq = closeSeq;
    this.table.clear();
    this.parked.arena.clear();
    this.codes.clear();
    this.closing.clear();
    this.stripes.clear();
    this.dirty.length = 0;
    this.committing = undefined;
    for (let peer = 0; peer < this.peers.length; peer++) this.greet(peer);
  }

  /** False: the message is of an epoch that is over and has no effect. Throws for an epoch that has not begun here. */
  private isCurrent(epoch: number): boolean {
    if (epoch > this.epoch)
      throw new ShardError("epoch", `epoch ${epoch} has not begun here; the present one is ${this.epoch}`);
    return epoch === this.epoch;
  }

  reads(peer: number, message: Message<typeof SlotReads>): void {
    if (!this.isCurrent(message.epoch)) return;
    const { tokens, hi, lo, modes, versions, genSeqs, genCounts, genLasts } = message;
    const { request, table } = this;
    request.peer = peer;
    request.key = wordsOf(message.keys);
    this.totals.reads += tokens.length;
    let generation = 0;
    for (let i = 0; i < tokens.length; i++) {
      if (i % APPROACHED === 0) table.approach(hi, lo, i, Math.min(i + APPROACHED, tokens.length));
      const mode = modes[i]!;
      request.token = tokens[i]!;
      request.mode = mode;
      request.version = versions[i]!;
      request.keyAt = i * KEY_WORDS;
      request.genLast = 0;
      if (mode === GrantMode.deltaFloor || mode === GrantMode.deltaWait) {
        request.genSeq = genSeqs[generation]!;
        request.genCount = genCounts[generation]!;
        request.genLast = genLasts[generation++]!;
      }
      const row = table.rows.find(hi[i]!, lo[i]!);
      if (this.answer(row, request)) {
        // A folded generation is a version others may wait for.
        if (request.genLast > 0 && row >= 0 && table.rows.words[row + R.parked]! >= 0) this.wake(row);
        continue;
      }
      const parkedRow = row >= 0 ? row : table.rows.ensure(hi[i]!, lo[i]!);
      this.parked.park(parkedRow, request);
      this.totals.parked++;
    }
    this.flush();
  }

  seals(message: Message<typeof Seals>): void {
    if (!this.isCurrent(message.epoch)) return;
    const { hi, lo, modes, versions, genSeqs, genCounts, genLasts } = message;
    const { request, table } = this;
    for (let i = 0; i < hi.length; i++) {
      if (genLasts[i]! <= this.committedSeq) continue;
      request.peer = NO_PEER;
      request.token = 0;
      request.mode = modes[i]!;
      request.version = versions[i]!;
      request.genSeq = genSeqs[i]!;
      request.genCount = genCounts[i]!;
      request.genLast = genLasts[i]!;
      request.key = NO_KEY;
      request.keyAt = 0;
      const row = table.rows.ensure(hi[i]!, lo[i]!);
      if (this.answer(row, request)) this.wake(row);
      else this.parked.park(row, request);
    }
    this.flush();
  }

  publish(peer: number, message: Message<typeof Publish>): void {
    if (!this.isCurrent(message.epoch)) return;
    const { hi, lo, seqs } = message;
    const { table, closing, committedSeq } = this;
    const keys = wordsOf(message.keys);
    const values = wordsOf(message.values);
    for (let i = 0; i < seqs.length; i++) {
      if (i % APPROACHED === 0) table.approach(hi, lo, i, Math.min(i + APPROACHED, seqs.length));
      const seq = seqs[i]!;
      if (seq <= committedSeq) {
        this.totals.repeated++;
        continue;
      }
      const row = table.rows.ensure(hi[i]!, lo[i]!);
      if (table.insert(row, seq, keys, i * KEY_WORDS, values, i * VALUE_WORDS, 0) < 0) {
        this.totals.repeated++;
        continue;
      }
      this.totals.versions++;
      closing.countVersion(seq, partitionOfId(hi[i]!));
      if (table.rows.words[row + R.parked]! >= 0) this.wake(row);
    }
    this.takeContributions(message);
    const { codeSeqs } = message;
    for (let i = 0; i < codeSeqs.length; i++)
      for (const waiter of this.codes.add(codeSeqs[i]!, message.codeHashes, i, message.codes))
        this.answerCode(waiter.peer, waiter.token, this.codes.get(message.codeHashes.subarray(i * 32), 0));
    this.flush();
    this.send(peer, encode(PublishAck, { epoch: this.epoch, batch: message.batch }));
  }

  private takeContributions(message: Message<typeof Publish>): void {
    const { deltaHi, deltaLo, deltaGens, deltaCounts, executor } = message;
    const { table, committedSeq } = this;
    const keys = wordsOf(message.deltaKeys);
    const amounts = wordsOf(message.deltaAmounts);
    for (let i = 0; i < deltaGens.length; i++) {
      const genSeq = deltaGens[i]!;
      if (genSeq <= committedSeq) {
        this.totals.repeated++;
        continue;
      }
      const row = table.rows.ensure(deltaHi[i]!, deltaLo[i]!);
      const grown = table.contribute(
        row,
        genSeq,
        executor,
        deltaCounts[i]!,
        keys,
        i * KEY_WORDS,
        amounts,
        i * VALUE_WORDS,
      );
      if (grown === 0) {
        this.totals.repeated++;
        continue;
      }
      this.totals.contributions += grown;
      this.closing.countDeltas(genSeq, partitionOfId(deltaHi[i]!), grown);
      if (table.rows.words[row + R.parked]! >= 0) this.wake(row);
    }
  }

  codeReads(peer: number, message: Message<typeof CodeReads>): void {
    if (!this.isCurrent(message.epoch)) return;
    const { tokens, prefixes } = message;
    for (let i = 0; i < tokens.length; i++) {
      const code =
        this.codes.get(prefixes, i) ??
        this.state.codeByPrefix(prefixes.subarray(i * CODE_PREFIX_BYTES, (i + 1) * CODE_PREFIX_BYTES));
      // A code word may be read before the code itself has come here: both are on their way from one executor.
      if (code === undefined) this.codes.wait(prefixes, i, { peer, token: tokens[i]! });
      else this.answerCode(peer, tokens[i]!, code);
    }
    this.flush();
  }

  private answerCode(peer: number, token: number, code: Uint8Array | undefined): void {
    const answers = this.peers[peer];
    if (answers === undefined) return;
    if (answers.tokens.length === 0 && answers.codeTokens.length === 0) this.dirty.push(peer);
    answers.codeTokens.push(token);
    answers.codeFound.push(code === undefined ? 0 : 1);
    answers.codes.push(code ?? NO_BYTES);
  }

  /** Answers a read (or seals) if everything is here. */
  private answer(row: number, read: ReadRequest): boolean {
    const { table, committedSeq } = this;
    let bound = read.version;
    switch (read.mode) {
      case GrantMode.floor:
        break;
      case GrantMode.wait:
        if (bound > committedSeq && (row < 0 || !table.has(row, bound))) return false;
        break;
      case GrantMode.deltaFloor:
      case GrantMode.deltaWait:
        if (read.genLast > committedSeq && !this.foldGeneration(row, read)) return false;
        bound = read.genLast;
        break;
      case GrantMode.settled:
        return this.answerSettled(row, read);
      default:
        throw new ShardError("order", `grant mode ${read.mode} does not ask a shard`);
    }
    if (read.peer === NO_PEER) return true;
    const node = row < 0 ? -1 : table.newest(row, bound, read.key, read.keyAt);
    if (node >= 0) this.reply(read, table.versions.u32, node + V.value);
    else this.replyCommitted(read);
    return true;
  }

  /** Makes version genLast from base and sum, once. False: base or contributions are not here yet. */
  private foldGeneration(row: number, read: ReadRequest): boolean {
    const { table } = this;
    if (row < 0) return false;
    if (table.has(row, read.genLast)) {
      if (read.peer !== NO_PEER) this.foldKey(row, read, read.key, read.keyAt);
      return true;
    }
    if (
      read.mode === GrantMode.deltaWait &&
      read.version > this.committedSeq &&
      !table.has(row, read.version)
    )
      return false;
    const count = table.countOf(row, read.genSeq);
    if (count < read.genCount) return false;
    if (count > read.genCount)
      throw new ShardError(
        "sum",
        `generation ${read.genSeq} has ${count} contributions, ${read.genCount} were granted`,
      );
    const gen = table.generation(row, read.genSeq);
    const { u32 } = table.contributions;
    const head = gen < 0 ? -1 : table.generations.u32[gen + G.head]! | 0;
    for (let n = head; n >= 0; n = u32[n + C.next]! | 0) this.foldKey(row, read, u32, n + C.key);
    if (read.peer !== NO_PEER) this.foldKey(row, read, read.key, read.keyAt);
    return true;
  }

  private foldKey(row: number, read: ReadRequest, key: Uint32Array, keyAt: number): void {
    const { table, sum } = this;
    const base = table.newest(row, read.genLast, key, keyAt);
    if (base >= 0 && table.versions.f64[base >> 1] === read.genLast) return;
    this.loadBase(base, key, keyAt);
    const gen = table.generation(row, read.genSeq);
    if (gen >= 0) table.addSum(gen, key, keyAt, sum, 0);
    table.insert(row, read.genLast, key, keyAt, sum, 0, 1);
  }

  private loadBase(node: number, key: Uint32Array, keyAt: number): void {
    if (node >= 0) copyWords(this.sum, 0, this.table.versions.u32, node + V.value, VALUE_WORDS);
    else copyWords(this.sum, 0, this.committedReads.get(key, keyAt), 0, VALUE_WORDS);
  }

  /** Newest version and all generations after it, as of `version`: everything up to there is published. */
  private answerSettled(row: number, read: ReadRequest): boolean {
    const { table, sum } = this;
    const { generations } = table;
    if (row < 0) {
      this.replyCommitted(read);
      return true;
    }
    const base = table.newest(row, read.version, read.key, read.keyAt);
    const from = base < 0 ? this.committedSeq : table.versions.f64[base >> 1]!;
    this.loadBase(base, read.key, read.keyAt);
    for (
      let gen = table.rows.words[row + R.generations]!;
      gen >= 0;
      gen = generations.u32[gen + G.next]! | 0
    ) {
      const genSeq = generations.f64[gen >> 1]!;
      if (genSeq > from && genSeq <= read.version) table.addSum(gen, read.key, read.keyAt, sum, 0);
    }
    this.reply(read, sum, 0);
    return true;
  }

  private placeFor(read: ReadRequest): number {
    const answers = this.peers[read.peer];
    if (answers === undefined) return -1;
    if (answers.tokens.length === 0 && answers.codeTokens.length === 0) this.dirty.push(read.peer);
    return answers.add(read.token);
  }

  private reply(read: ReadRequest, value: Uint32Array, at: number): void {
    const place = this.placeFor(read);
    if (place >= 0) copyWords(this.peers[read.peer]!.values, place, value, at, VALUE_WORDS);
  }

  private replyCommitted(read: ReadRequest): void {
    const place = this.placeFor(read);
    if (place >= 0) this.committedReads.add(read.key, read.keyAt, this.peers[read.peer]!, place);
  }

  /** Serves what waits on a row; a folded generation may serve others that came before. */
  private wake(row: number): void {
    const { parked, woken } = this;
    for (let again = true; again; ) {
      again = false;
      let before = -1;
      let node = this.table.rows.words[row + R.parked]!;
      while (node >= 0) {
        parked.load(node, woken);
        if (this.answer(row, woken)) {
          if (woken.mode === GrantMode.deltaFloor || woken.mode === GrantMode.deltaWait) again = true;
          node = parked.unlink(row, before, node);
        } else {
          before = node;
          node = parked.after(node);
        }
      }
    }
  }

  /** Sends what was answered. */
  private flush(): void {
    this.committedReads.run();
    for (const peer of this.dirty) {
      const answers = this.peers[peer];
      if (answers === undefined) continue;
      const values = answers.packValues(this.epoch);
      if (values) this.send(peer, values);
      const codes = answers.packCodes(this.epoch);
      if (codes) this.send(peer, codes);
    }
    this.dirty.length = 0;
  }

  close(message: Message<typeof CloseBlock>): void {
    if (!this.isCurrent(message.epoch) || message.number <= this.lastClosed) return;
    if (message.number !== this.lastClosed + 1)
      throw new ShardError("order", `block ${message.number} was closed, ${this.lastClosed + 1} is next`);
    const { number, firstSeq, closeSeq, versionCounts, deltaCounts } = message;
    this.lastClosed = number;
    this.closing.add(number, firstSeq, closeSeq, versionCounts, deltaCounts);
    const { liveVersions, liveGenerations, generations } = this.table;
    for (let i = 0; i < liveVersions.length; i++) {
      const seq = liveVersions.seqs[i]!;
      const partition = liveVersions.partitions[i]!;
      if (seq < firstSeq || seq > closeSeq || partition === DERIVED) continue;
      this.closing.countVersion(seq, partition);
    }
    for (let i = 0; i < liveGenerations.length; i++) {
      const genSeq = liveGenerations.seqs[i]!;
      if (genSeq < firstSeq || genSeq > closeSeq) continue;
      const gen = liveGenerations.nodes[i]!;
      this.closing.countDeltas(genSeq, liveGenerations.partitions[i]!, generations.u32[gen + G.count]!);
    }
  }

  /** The stripe of a block; `bytes` is kept until the block is committed. */
  stripe(epoch: number, number: number, bytes: Uint8Array): void {
    if (!this.isCurrent(epoch) || number <= this.height) return;
    if (this.stripes.size >= MAX_STRIPES)
      throw new ShardError("overloaded", `${MAX_STRIPES} stripes wait for their blocks already`);
    this.stripes.set(number, bytes);
  }

  /** The next block if it is closed, all counted values are here and the stripe too. Call `committed` once it is applied. */
  nextCommit(): BlockToCommit | undefined {
    if (this.committing) return undefined;
    const block = this.closing.complete();
    if (!block) return undefined;
    const stripe = this.stripes.get(block.number);
    if (!stripe) return undefined;
    const { number, closeSeq } = block;
    const { changes, rows } = collectChanges(this.table, closeSeq, this.state, this.changesPass);
    this.committing = { number, closeSeq, rows };
    this.noteWrittenCodes(changes);
    return { number, closeSeq, stripe, changes, codes: this.codes.upTo(closeSeq) };
  }

  private noteWrittenCodes({ keys, count }: ChangedSlots): void {
    this.writtenCodes.clear();
    if (this.state.codeFilter === undefined) return;
    const words = wordsOf(keys);
    for (let at = 0; at < count * KEY_WORDS; at += KEY_WORDS)
      if (isCodeKey(words, at)) this.writtenCodes.push(codeKeyHash(words, at));
  }

  /** What the block just committed adds to executors' filters. */
  private tellWrittenCodes(sinceSeq: number): void {
    if (this.state.codeFilter === undefined) return;
    const { epoch, committedSeq: throughSeq } = this;
    const added = this.writtenCodes.view();
    const message = { epoch, sinceSeq, throughSeq, words: NO_HASHES, added };
    for (let peer = 0; peer < this.peers.length; peer++)
      if (this.peers[peer] !== undefined) this.send(peer, encode(CodeFilter, message));
  }

  /** The block of `nextCommit` is in the committed state now (durable or not): its versions are dropped. */
  committed(): void {
    const block = this.committing;
    if (!block) throw new ShardError("order", "no block is being committed");
    const { table } = this;
    this.committing = undefined;
    this.closing.removeOldest();
    this.stripes.delete(block.number);
    this.codes.drop(block.closeSeq);
    this.height = block.number;
    const before = this.committedSeq;
    this.committedSeq = block.closeSeq;
    this.tellWrittenCodes(before);
    this.totals.blocks++;
    table.liveVersions.dropUpTo(block.closeSeq);
    table.liveGenerations.dropUpTo(block.closeSeq);
    for (let i = 0; i < block.rows.length; i++) {
      if (i % APPROACHED === 0)
        table.approachRows(block.rows, i, Math.min(i + APPROACHED, block.rows.length));
      const row = block.rows[i]!;
      table.cut(row, block.closeSeq);
      if (table.rows.words[row + R.parked]! >= 0) this.wake(row);
      table.rows.releaseIfEmpty(row);
    }
    this.flush();
  }
}

const NO_HASHES = new Uint32Array(0);
const NO_BYTES = new Uint8Array(0);
const NO_KEY = new Uint32Array(KEY_WORDS);
const blankRequest = (): ReadRequest => ({
  peer: 0,
  token: 0,
  mode: 0,
  version: 0,
  genSeq: 0,
  genCount: 0,
  genLast: 0,
  key: new Uint32Array(KEY_WORDS),
  keyAt: 0,
});
