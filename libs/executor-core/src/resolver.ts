/**
 * Brings values to transactions: from the cache, from unfinished writers here, from home shards, from block hashes.
 * Tells when the last value of a transaction has come.
 */
import type { Message } from "@velarium/columns";
import {
  AccessKind,
  copyWords,
  Domain,
  isCodeKey,
  KEY_WORDS,
  partitionOfId,
  SLOT_KEY_BYTES,
  type SlotIds,
  sameKey,
  shardOfPartition,
  VALUE_WORDS,
  WORD_BYTES,
  wordsOf,
} from "@velarium/slots";
import { type CodeValues, GrantMode, type SlotValues } from "@velarium/wire";
import { type BlockHashes, blockNumberOf } from "./block-hashes.ts";
import type { CodeCache } from "./code-cache.ts";
import type { DispatchBatch } from "./dispatch-batch.ts";
import { ExecutorError } from "./error.ts";
import { AccessNodes, InFlight } from "./in-flight.ts";
import type { ExecutorEffects, ExecutorStats } from "./options.ts";
import { packCodeRead, ReadColumns } from "./shard-messages.ts";
import type { SlotCache } from "./slot-cache.ts";
import type { UnwrittenCodes } from "./unwritten-codes.ts";

/** Marks a token whose value goes to a running transaction. */
const FETCH = -1;

/** Places for reads that others may share; more reads than that on their way only share less. */
const ASKED = 8192;

/** A local version that is not at hand any more is asked for like one that another executor writes. */
const sentAs = (mode: number): number => (mode === GrantMode.local ? GrantMode.wait : mode);

interface Fetch {
  resolve(value: Uint8Array): void;
  reject(error: Error): void;
}

export interface ResolverParts {
  readonly epoch: number;
  readonly executor: number;
  readonly shards: number;
  readonly partitions: number;
  readonly cache: SlotCache;
  readonly codes: CodeCache;
  readonly unwritten: UnwrittenCodes;
  readonly hashes: BlockHashes;
  readonly ids: SlotIds;
  readonly effects: ExecutorEffects;
  readonly stats: ExecutorStats;
  /** All values of the transaction at this position are here. */
  readonly onResolved: (position: number) => void;
}

/** Accesses of a dispatch to be looked up in the cache, and the positions of their transactions. */
class Searches {
  positions = new Float64Array(1024);
  accesses = new Int32Array(1024);
  count = 0;

  /** Room for at most so many. */
  begin(most: number): void {
    this.count = 0;
    if (most <= this.accesses.length) return;
    this.positions = new Float64Array(most * 2);
    this.accesses = new Int32Array(most * 2);
  }

  add(position: number, access: number): void {
    this.positions[this.count] = position;
    this.accesses[this.count++] = access;
  }
}

export class Resolver {
  readonly inFlight = new InFlight();
  private readonly parts: ResolverParts;
  private readonly tokens = new AccessNodes();
  private readonly links = new AccessNodes();
  /** Tokens of reads on their way, one per place: what was asked there last. */
  private readonly asked = new Int32Array(ASKED).fill(-1);
  /** Beside them the lower halves of the slots' ids, which tell most others apart. */
  private readonly askedLo = new Uint32Array(ASKED);
  private readonly reads: ReadColumns[] = [];
  private readonly fetches = new Map<number, Fetch>();
  private readonly codeFetches = new Map<number, Fetch & { readonly prefix: Uint8Array }>();
  private codeTokens = 0;
  private readonly searches = new Searches();
  private readonly oneHi = new Uint32Array(1);
  private readonly oneLo = new Uint32Array(1);

  constructor(parts: ResolverParts) {
    this.parts = parts;
    for (let s = 0; s < parts.shards; s++) this.reads.push(new ReadColumns());
  }

  /** Takes all transactions of a dispatch; their reads leave at once, one message per shard. */
  take(batch: DispatchBatch): void {
    const { inFlight } = this;
    const { seqs, accessEnds, modes, accessLo } = batch.message;
    this.searches.begin(modes.length);
    let access = 0;
    let generation = 0;
    const first = inFlight.tail;
    for (let i = 0; i < batch.count; i++) {
      const position = inFlight.push(batch, i, seqs[i]!);
      for (const end = accessEnds[i]!; access < end; access++) {
        const mode = modes[access]!;
        if (mode === GrantMode.contribute) continue;
        if (mode === GrantMode.deltaFloor || mode === GrantMode.deltaWait)
          this.ask(batch, position, access, mode, generation++);
        else if (mode === GrantMode.blockHash) this.awaitHash(batch, position, access);
        else if (mode === GrantMode.settled) this.ask(batch, position, access, mode, -1);
        else if (mode !== GrantMode.floor || !this.isUnwritten(batch, access))
          this.searches.add(position, access);
      }
    }
    const { accesses, positions, count } = this.searches;
    this.parts.cache.approach(accessLo, accesses, count);
    for (let i = 0; i < count; i++) this.search(batch, positions[i]!, accesses[i]!);
    for (let position = first; position < inFlight.tail; position++)
      if (inFlight.openOf(position) === 0) this.parts.onResolved(position);
    this.sendReads();
  }

  /** A version written here: those that wait for it get it. */
  wake(batch: DispatchBatch, access: number, value: Uint32Array, valueAt: number): void {
    this.handOut(batch.waiters[access]!, value, valueAt);
    batch.waiters[access] = -1;
  }

  /** Gives a value to all of a list of links. */
  private handOut(first: number, value: Uint32Array, valueAt: number): void {
    const { links, inFlight } = this;
    for (let node = first; node >= 0; ) {
      const position = links.positions[node]!;
      const target = inFlight.batchOf(position).valueWords;
      copyWords(target, links.accesses[node]! * VALUE_WORDS, value, valueAt, VALUE_WORDS);
      const next = links.next[node]!;
      links.release(node);
      if (inFlight.arrived(position)) this.parts.onResolved(position);
      node = next;
    }
  }

  values(message: Message<typeof SlotValues>): void {
    const { tokens, inFlight } = this;
    const { cache } = this.parts;
    const { values } = message;
    const words = wordsOf(values);
    for (let k = 0; k < message.tokens.length; k++) {
      const token = message.tokens[k]!;
      if (!tokens.isTaken(token)) continue;
      const access = tokens.accesses[token]!;
      const position = tokens.positions[token]!;
      const sharers = tokens.next[token]!;
      tokens.release(token);
      if (access === FETCH) {
        this.fetches.get(token)?.resolve(values.slice(k * WORD_BYTES, (k + 1) * WORD_BYTES));
        this.fetches.delete(token);
        continue;
      }
      const batch = inFlight.batchOf(position);
      copyWords(batch.valueWords, access * VALUE_WORDS, words, k * VALUE_WORDS, VALUE_WORDS);
      const { modes, versions, accessHi, accessLo, accessKinds } = batch.message;
      // Floors, waits and local ones name an exact version; sums of generations are not the version that is named.
      // What the transaction itself replaces nobody after it asks for.
      if (modes[access]! <= GrantMode.local && accessKinds[access] !== AccessKind.W)
        cache.set(
          accessHi[access]!,
          accessLo[access]!,
          versions[access]!,
          batch.keyWords,
          access * KEY_WORDS,
          words,
          k * VALUE_WORDS,
        );
      if (sharers >= 0) this.handOut(sharers, words, k * VALUE_WORDS);
      if (inFlight.arrived(position)) this.parts.onResolved(position);
    }
  }

  codeValues(message: Message<typeof CodeValues>): void {
    const { tokens, found, codes } = message;
    for (let k = 0; k < tokens.length; k++) {
      const fetch = this.codeFetches.get(tokens[k]!);
      if (fetch === undefined) continue;
      this.codeFetches.delete(tokens[k]!);
      if (found[k] === 0) {
        fetch.reject(new ExecutorError("engine", "no shard holds code of that hash"));
        continue;
      }
      const code = new Uint8Array(codes.blob.subarray(k === 0 ? 0 : codes.ends[k - 1]!, codes.ends[k]!));
      this.parts.codes.set(fetch.prefix, code);
      fetch.resolve(code);
    }
  }

  /** A value that was not granted: `settled` as of `version`, or (`floor`) the newest ≤ `version` that is there. */
  fetchSlot(key: Uint8Array, mode: number, version: number): Promise<Uint8Array> {
    const { oneHi, oneLo } = this;
    this.parts.ids.idsOf(key, 1, oneHi, oneLo);
    const hi = oneHi[0]!;
    return new Promise((resolve, reject) => {
      const token = this.tokens.take(0, FETCH);
      this.fetches.set(token, { resolve, reject });
      const read = this.reads[shardOfPartition(partitionOfId(hi), this.parts.shards)]!;
      read.push(token, hi, oneLo[0]!, mode, version, wordsOf(key), 0);
      this.sendReads();
    });
  }

  fetchCode(prefix: Uint8Array): Promise<Uint8Array> {
    const { epoch, partitions, shards, effects, stats } = this.parts;
    stats.codeReads++;
    return new Promise((resolve, reject) => {
      const token = this.codeTokens++ >>> 0;
      this.codeFetches.set(token, { resolve, reject, prefix: prefix.slice(0, 28) });
      effects.toShard(
        shardOfPartition((prefix[0]! * partitions) >> 8, shards),
        packCodeRead(epoch, token, prefix),
      );
    });
  }

  /** Nothing will come any more. */
  end(): void {
    const over = new ExecutorError("order", "the epoch is over");
    for (const { reject } of this.fetches.values()) reject(over);
    for (const { reject } of this.codeFetches.values()) reject(over);
    this.fetches.clear();
    this.codeFetches.clear();
  }

  /** A version that may be at hand, or written by an unfinished transaction here; else it is asked for. */
  private search(batch: DispatchBatch, position: number, access: number): void {
    const { accessHi, accessLo, versions, modes } = batch.message;
    const { cache, stats } = this.parts;
    const hi = accessHi[access]!;
    const lo = accessLo[access]!;
    const version = versions[access]!;
    const mode = modes[access]!;
    const { keyWords, valueWords } = batch;
    if (cache.get(hi, lo, version, keyWords, access * KEY_WORDS, valueWords, access * VALUE_WORDS)) {
      stats.cacheHits++;
      return;
    }
    if (mode === GrantMode.local && this.awaitWriter(batch, position, access, hi, lo, version)) return;
    this.askOnce(batch, position, access, sentAs(mode));
  }

  /** A floor of code that was never written: then its value is here. */
  private isUnwritten(batch: DispatchBatch, access: number): boolean {
    const { keyWords, valueWords } = batch;
    const keyAt = access * KEY_WORDS;
    if (!isCodeKey(keyWords, keyAt)) return false;
    const { epoch, shards, unwritten, stats } = this.parts;
    const { accessHi, versions } = batch.message;
    const shard = shardOfPartition(partitionOfId(accessHi[access]!), shards);
    if (!unwritten.isZero(shard, epoch, versions[access]!, keyWords, keyAt)) return false;
    for (let w = access * VALUE_WORDS, end = w + VALUE_WORDS; w < end; w++) valueWords[w] = 0;
    stats.unwrittenCodes++;
    return true;
  }

  /** Asks, unless the same is asked already: then it waits for that answer. */
  private askOnce(batch: DispatchBatch, position: number, access: number, mode: number): void {
    const { asked, askedLo, tokens, inFlight, links } = this;
    const { accessHi, accessLo, versions } = batch.message;
    const hi = accessHi[access]!;
    const lo = accessLo[access]!;
    const version = versions[access]!;
    const place = (lo ^ Math.imul(version, 0x9e3779b1)) & (ASKED - 1);
    const token = asked[place]!;
    if (token >= 0 && askedLo[place] === lo && tokens.isTaken(token) && tokens.accesses[token] !== FETCH) {
      const there = tokens.accesses[token]!;
      const other = inFlight.batchOf(tokens.positions[token]!);
      const message = other.message;
      if (
        message.accessLo[there] === lo &&
        message.accessHi[there] === hi &&
        message.versions[there] === version &&
        sentAs(message.modes[there]!) === mode &&
        sameKey(other.keyWords, there * KEY_WORDS, batch.keyWords, access * KEY_WORDS)
      ) {
        const node = links.take(position, access);
        links.next[node] = tokens.next[token]!;
        tokens.next[token] = node;
        inFlight.await(position);
        this.parts.stats.sharedReads++;
        return;
      }
    }
    asked[place] = this.ask(batch, position, access, mode, -1);
    askedLo[place] = lo;
  }

  /** False when no unfinished transaction here writes this version of this key. */
  private awaitWriter(
    batch: DispatchBatch,
    position: number,
    access: number,
    hi: number,
    lo: number,
    version: number,
  ): boolean {
    const writer = this.inFlight.find(version);
    if (writer < 0) return false;
    const from = this.inFlight.batchOf(writer);
    const index = this.inFlight.indexOf(writer);
    const { accessHi, accessLo, accessKinds, accessEnds } = from.message;
    for (let a = from.firstAccess(index); a < accessEnds[index]!; a++) {
      if (accessLo[a] !== lo || accessHi[a] !== hi) continue;
      const kind = accessKinds[a]!;
      if (kind !== AccessKind.W && kind !== AccessKind.X && !(from.isTail && kind === AccessKind.D)) continue;
      if (!sameKey(from.keyWords, a * KEY_WORDS, batch.keyWords, access * KEY_WORDS)) continue;
      const node = this.links.take(position, access);
      this.links.next[node] = from.waiters[a]!;
      from.waiters[a] = node;
      this.inFlight.await(position);
      this.parts.stats.localWaits++;
      return true;
    }
    return false;
  }

  private ask(
    batch: DispatchBatch,
    position: number,
    access: number,
    mode: number,
    generation: number,
  ): number {
    const { accessHi, accessLo, versions, genSeqs, genCounts, genLasts } = batch.message;
    const hi = accessHi[access]!;
    const read = this.reads[shardOfPartition(partitionOfId(hi), this.parts.shards)]!;
    const token = this.tokens.take(position, access);
    read.push(token, hi, accessLo[access]!, mode, versions[access]!, batch.keyWords, access * KEY_WORDS);
    if (generation >= 0) {
      read.genSeqs.push(genSeqs[generation]!);
      read.genCounts.push(genCounts[generation]!);
      read.genLasts.push(genLasts[generation]!);
    }
    this.inFlight.await(position);
    this.parts.stats.shardReads++;
    return token;
  }

  private awaitHash(batch: DispatchBatch, position: number, access: number): void {
    const { hashes } = this.parts;
    const at = access * SLOT_KEY_BYTES;
    if (batch.keys[at] !== Domain.blockHash)
      throw new ExecutorError("order", "a block hash was granted for another kind of slot");
    const number = blockNumberOf(batch.keys, at);
    const hash = hashes.get(number);
    // Neither a block that is not before this one nor one that is long gone has a hash to wait for: it reads as zero.
    batch.valueWords.fill(0, access * VALUE_WORDS, (access + 1) * VALUE_WORDS);
    if (hash !== undefined) batch.values.set(hash, access * WORD_BYTES);
    else if (number < batch.block.number && hashes.mayCome(number)) {
      this.inFlight.await(position);
      hashes.wait(number, (late) => {
        batch.values.set(late, access * WORD_BYTES);
        if (this.inFlight.arrived(position)) this.parts.onResolved(position);
      });
    }
  }

  private sendReads(): void {
    const { epoch, executor, effects } = this.parts;
    for (let s = 0; s < this.reads.length; s++) {
      const bytes = this.reads[s]!.pack(epoch, executor);
      if (bytes !== undefined) effects.toShard(s, bytes);
    }
  }
}
