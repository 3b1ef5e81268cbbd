/**
 * The state machine of an executor: messages in, packed messages out, no I/O and no clock. A transaction runs when all
 * its values are here; which values it sees follows from its grants alone, so what it does depends on no timing.
 */
import type { ChainRules } from "@velarium/chain-rules";
import { decode, type Message, schemaIdOf } from "@velarium/columns";
import { type Engine, TransferPath } from "@velarium/engine";
import {
  AccessKind,
  copyWords,
  Domain,
  fieldKey,
  KEY_WORDS,
  type SlotIds,
  VALUE_WORDS,
  wordsOf,
} from "@velarium/slots";
import { scanTransaction, TxScan } from "@velarium/tx-codec";
import {
  BlockContext,
  BlockFees,
  BlockHash,
  CodeValues,
  Dispatch,
  EpochStart,
  GrantMode,
  Outcome,
  PublishAck,
  Shape,
  SlotValues,
} from "@velarium/wire";
import { Batch, type BlockInWork } from "./batch.ts";
import { CodeCache } from "./code-cache.ts";
import {
  type ContractOutcome,
  contributionOf,
  feeContribution,
  finalValue,
  keyName,
  runChainWork,
  runContract,
  type UndeclaredReads,
} from "./contract.ts";
import { DeltaSums } from "./delta-sums.ts";
import { ExecutorError } from "./error.ts";
import { AccessLinks } from "./links.ts";
import { ReceiptColumns, ResultColumns, ShardPublish, ShardReads } from "./outgoing.ts";
import { ReadyQueue } from "./ready-queue.ts";
import { outcomeOf, reasonOf } from "./reasons.ts";
import { SlotCache } from "./slot-cache.ts";

export interface ExecutorEffects {
  toShard(shard: number, bytes: Uint8Array): void;
  toScheduler(bytes: Uint8Array): void;
  toFramer(bytes: Uint8Array): void;
  /** Something can run or be sent that did not come from a message: call `work` soon. */
  wake(): void;
  /** The executor cannot go on. */
  fatal(error: unknown): void;
}

export interface ExecutorCoreOptions {
  readonly chain: ChainRules;
  readonly engine: Engine;
  readonly ids: SlotIds;
  /** Shard of every partition. */
  readonly shardOfPartition: readonly number[];
  readonly effects: ExecutorEffects;
  /** Rows of the slot cache. Default 1 M (145 bytes each). */
  readonly cacheRows?: number;
  /** Default 256 MiB. */
  readonly codeCacheBytes?: number;
  /** Contract transactions under way at once. Default 16. */
  readonly concurrentContracts?: number;
}

/** Transactions run before what they published is sent. 256 transfers take about 1 ms. */
const RUN_LIMIT = 256;
const NO_BYTES = new Uint8Array(0);
const UNDECLARED = -2;
const MAX_HASHES = 512;

export class ExecutorCore {
  epoch = -1;
  executor = 0;
  readonly totals = {
    transfers: 0,
    contracts: 0,
    returned: 0,
    rejected: 0,
    diverged: 0,
    usefulGas: 0,
    executedGas: 0,
    waits: 0,
    shardReads: 0,
    undeclaredReads: 0,
  };
  readonly cache: SlotCache;
  private readonly options: ExecutorCoreOptions;
  private readonly effects: ExecutorEffects;
  private readonly shards: number;
  private readonly shardOf: Uint8Array;
  private readonly batches: (Batch | undefined)[] = [];
  private readonly freeBatches: number[] = [];
  private readonly blocks = new Map<number, BlockInWork>();
  private readonly hashes = new Map<number, Uint8Array>();
  private readonly hashWaiters = new Map<number, number[]>();
  private readonly hashPromises = new Map<number, ((hash: Uint8Array) => void)[]>();
  private readonly tokens = new AccessLinks();
  private readonly waiters = new AccessLinks();
  private readonly wordPromises = new Map<number, (word: Uint8Array) => void>();
  private readonly codePromises = new Map<
    number,
    { prefix: Uint8Array; resolve: (code: Uint8Array) => void; reject: (e: Error) => void }
  >();
  private codeToken = 0;
  private readonly ready = new ReadyQueue();
  private readonly contracts: { batch: Batch; index: number }[] = [];
  private running = 0;
  private readonly codes: CodeCache;
  private readonly sums = new DeltaSums();
  private readonly reads: ShardReads[] = [];
  private readonly publishes: ShardPublish[] = [];
  private readonly results = new ResultColumns();
  private readonly receipts = new ReceiptColumns();
  /** Results held back until the shards have acknowledged: by publish batch. */
  private readonly unacknowledged = new Map<number, { left: number; results: Uint8Array }>();
  private publishBatch = 0;
  private readonly path = new TransferPath();
  private readonly pathWords: {
    balance: Uint32Array;
    nonce: Uint32Array;
    recipient: Uint32Array;
    fee: Uint32Array;
  };
  private pathBlock: BlockInWork | undefined;
  private readonly scan = new TxScan();
  private readonly zero = new Uint32Array(VALUE_WORDS);
  private readonly undeclared: UndeclaredReads;

  constructor(options: ExecutorCoreOptions) {
    this.options = options;
    this.effects = options.effects;
    this.cache = new SlotCache(options.cacheRows ?? 1 << 20);
    this.codes = new CodeCache(options.codeCacheBytes ?? 256 << 20);
    this.shardOf = Uint8Array.from(options.shardOfPartition);
    this.shards = Math.max(...options.shardOfPartition) + 1;
    for (let s = 0; s < this.shards; s++) {
      this.reads.push(new ShardReads());
      this.publishes.push(new ShardPublish());
    }
    const { path } = this;
    this.pathWords = {
      balance: wordsOf(path.senderBalance),
      nonce: wordsOf(path.senderNonce),
      recipient: wordsOf(path.recipientDelta),
      fee: wordsOf(path.beneficiaryDelta),
    };
    this.undeclared = {
      word: (batch, index, key) => this.fetchWord(batch, index, key),
      blockHash: (number, tail) => this.hashOrWait(number, tail),
      codeNow: (prefix) => this.codes.get(prefix),
      code: (prefix) => this.fetchCode(prefix),
    };
  }

  /** Transactions here that have not run. */
  get inFlight(): number {
    let n = 0;
    for (const batch of this.batches) n += batch?.unfinished ?? 0;
    return n;
  }

  get isIdle(): boolean {
    return this.inFlight === 0 && this.unacknowledged.size === 0 && this.results.seqs.length === 0;
  }

  /** More can be done without another message. */
  get hasWork(): boolean {
    return this.ready.length > 0 || this.results.seqs.length > 0;
  }

  onScheduler(bytes: Uint8Array): void {
    switch (schemaIdOf(bytes)) {
      case EpochStart.id:
        return this.startEpoch(decode(EpochStart, bytes));
      case Dispatch.id:
        return this.dispatch(decode(Dispatch, bytes));
      case BlockContext.id:
        return this.openBlock(decode(BlockContext, bytes));
      case BlockFees.id:
        return this.takeFees(decode(BlockFees, bytes));
      case BlockHash.id:
        return this.takeHash(decode(BlockHash, bytes));
      default:
        // Completed and Ownership are hints: nothing here depends on them.
        return;
    }
  }

  onShard(bytes: Uint8Array): void {
    switch (schemaIdOf(bytes)) {
      case SlotValues.id:
        return this.takeValues(decode(SlotValues, bytes));
      case CodeValues.id:
        return this.takeCodes(decode(CodeValues, bytes));
      case PublishAck.id:
        return this.takeAck(decode(PublishAck, bytes));
      default:
        return;
    }
  }

  private startEpoch(message: Message<typeof EpochStart>): void {
    if (message.epoch <= this.epoch) return;
    this.forget();
    this.epoch = message.epoch;
    this.executor = message.executor;
    for (let i = 0; i < message.numbers.length; i++)
      this.hashes.set(message.numbers[i]!, message.hashes.slice(i * 32, i * 32 + 32));
  }

  private forget(): void {
    this.batches.length = 0;
    this.freeBatches.length = 0;
    this.blocks.clear();
    this.hashes.clear();
    this.hashWaiters.clear();
    this.hashPromises.clear();
    this.tokens.clear();
    this.waiters.clear();
    this.wordPromises.clear();
    // Executions of the old epoch wait for ever and are collected; nothing they do reaches anyone.
    this.codePromises.clear();
    this.ready.clear();
    this.contracts.length = 0;
    this.running = 0;
    this.cache.clear();
    this.sums.clear();
    for (const reads of this.reads) reads.clear();
    for (const publish of this.publishes) publish.clear();
    this.results.clear();
    this.receipts.clear();
    this.unacknowledged.clear();
    this.pathBlock = undefined;
  }

  private openBlock(message: Message<typeof BlockContext>): void {
    if (message.epoch !== this.epoch) return;
    this.blocks.set(message.number, {
      number: message.number,
      time: message.time,
      gasLimit: message.gasLimit,
      firstSeq: message.firstSeq,
      beneficiary: message.beneficiary.slice(),
      beneficiaryHi: message.beneficiaryId[0]!,
      beneficiaryLo: message.beneficiaryId[1]!,
      beneficiaryKey: wordsOf(fieldKey(Domain.balance, message.beneficiary)),
      prevRandao: message.prevRandao.slice(),
      parentBeaconRoot: message.parentBeaconRoot.slice(),
      context: undefined,
      waiting: [],
    });
  }

  private takeFees(message: Message<typeof BlockFees>): void {
    if (message.epoch !== this.epoch) return;
    const block = this.blocks.get(message.number);
    if (!block) throw new ExecutorError("protocol", `fees of block ${message.number}, which was not opened`);
    if (block.context) return;
    const { chain } = this.options;
    const rules = chain.rulesAt(block.number, block.time);
    block.context = {
      rules,
      number: block.number,
      timestamp: block.time,
      beneficiary: block.beneficiary,
      gasLimit: block.gasLimit,
      baseFee: BigInt(`0x${Buffer.from(message.baseFee).toString("hex")}`),
      prevRandao: block.prevRandao,
      difficulty: 0n,
      blobBaseFee: chain.blobBaseFee(BigInt(message.excessBlobGas), rules),
    };
    // The blocks before are complete: their generations get no more contributions from anyone.
    this.flush();
    this.sums.dropBefore(block.firstSeq);
    for (const number of this.blocks.keys()) if (number < block.number) this.blocks.delete(number);
    for (const batch of block.waiting) for (let i = 0; i < batch.count; i++) this.arrived(batch, i);
    block.waiting.length = 0;
  }

  private takeHash(message: Message<typeof BlockHash>): void {
    if (message.epoch !== this.epoch) return;
    const hash = message.hash.slice();
    this.hashes.set(message.number, hash);
    if (this.hashes.size > MAX_HASHES) this.hashes.delete(this.hashes.keys().next().value!);
    const words = wordsOf(hash);
    for (const n of this.hashWaiters.get(message.number) ?? []) {
      const batch = this.batches[this.waiters.batch[n]!]!;
      const access = this.waiters.access[n]!;
      this.waiters.release(n);
      this.supply(batch, access, words, 0);
    }
    this.hashWaiters.delete(message.number);
    for (const resolve of this.hashPromises.get(message.number) ?? []) resolve(hash);
    this.hashPromises.delete(message.number);
  }

  private dispatch(message: Message<typeof Dispatch>): void {
    if (message.epoch !== this.epoch) return;
    const block = this.blocks.get(message.block);
    if (!block)
      throw new ExecutorError("protocol", `a dispatch for block ${message.block}, which was not opened`);
    const slot = this.freeBatches.pop() ?? this.batches.length;
    const batch = new Batch(slot, message, block);
    this.batches[slot] = batch;
    const { modes, accessEnds, seqs } = message;
    let access = 0;
    let generation = 0;
    for (let i = 0; i < batch.count; i++) {
      batch.remaining[i] = 1;
      const seq = seqs[i]!;
      for (const end = accessEnds[i]!; access < end; access++) {
        const mode = modes[access]!;
        if (mode === GrantMode.contribute) continue;
        const isDelta = mode === GrantMode.deltaFloor || mode === GrantMode.deltaWait;
        if (!this.resolve(batch, access, isDelta ? generation : -1)) batch.remaining[i]!++;
        if (isDelta) generation++;
        const kind = message.accessKinds[access]!;
        if (kind === AccessKind.W || kind === AccessKind.X) this.announceWrite(batch, access, seq);
      }
    }
    if (block.context) for (let i = 0; i < batch.count; i++) this.arrived(batch, i);
    else block.waiting.push(batch);
    this.sendReads();
  }

  private announceWrite(batch: Batch, access: number, seq: number): void {
    const { accessHi, accessLo } = batch.message;
    const row = this.cache.ensure(accessHi[access]!, accessLo[access]!, batch.keys, access * KEY_WORDS);
    if (row >= 0) this.cache.beginWrite(row, seq);
  }

  /** Finds the value of an access, or sees to it that it comes. True: it is here. */
  private resolve(batch: Batch, access: number, generation: number): boolean {
    const { message, keys, values } = batch;
    const { cache } = this;
    const mode = message.modes[access]!;
    const hi = message.accessHi[access]!;
    const lo = message.accessLo[access]!;
    const at = access * KEY_WORDS;
    if (mode === GrantMode.blockHash) return this.resolveHash(batch, access);
    if (mode === GrantMode.settled) {
      this.ask(batch, access, hi, lo, mode, message.versions[access]!, -1);
      return false;
    }
    const version = generation >= 0 ? message.genLasts[generation]! : message.versions[access]!;
    const row = cache.ensure(hi, lo, keys, at);
    if (row >= 0) {
      if (cache.version[row] === version) {
        cache.hits++;
        copyWords(values, access * VALUE_WORDS, cache.u32, cache.valueAt(row), VALUE_WORDS);
        return true;
      }
      if (cache.written[row] === version || cache.asked[row] === version) {
        this.totals.waits++;
        cache.waiters[row] = this.waiters.take(batch.slot, access, version, cache.waiters[row]!);
        return false;
      }
      cache.asked[row] = version;
    }
    cache.misses++;
    const asked = mode === GrantMode.local ? GrantMode.wait : mode;
    this.ask(batch, access, hi, lo, asked, message.versions[access]!, generation);
    return false;
  }

  private resolveHash(batch: Batch, access: number): boolean {
    const bytes = new DataView(batch.keys.buffer, batch.keys.byteOffset);
    const number = Number(bytes.getBigUint64(access * 56 + 48));
    const hash = this.hashes.get(number);
    // Too old to be known, or no earlier block at all: BLOCKHASH gives zero.
    if (hash === undefined && (number >= batch.block.number || number < batch.block.number - 256))
      return true;
    if (hash !== undefined) {
      copyWords(batch.values, access * VALUE_WORDS, wordsOf(hash), 0, VALUE_WORDS);
      return true;
    }
    const list = this.hashWaiters.get(number) ?? [];
    list.push(this.waiters.take(batch.slot, access, 0, -1));
    this.hashWaiters.set(number, list);
    return false;
  }

  private ask(
    batch: Batch,
    access: number,
    hi: number,
    lo: number,
    mode: number,
    version: number,
    generation: number,
  ): void {
    const out = this.reads[this.shardOf[hi >>> 24]!]!;
    this.totals.shardReads++;
    out.tokens.push(this.tokens.take(batch.slot, access, 0, -1));
    out.hi.push(hi);
    out.lo.push(lo);
    out.modes.push(mode);
    out.versions.push(version);
    out.keys.push(batch.keys, access * KEY_WORDS);
    if (generation < 0) return;
    out.genSeqs.push(batch.message.genSeqs[generation]!);
    out.genCounts.push(batch.message.genCounts[generation]!);
    out.genLasts.push(batch.message.genLasts[generation]!);
    // The version that the answer is: needed when it comes.
    this.tokens.version[out.tokens.at(out.tokens.length - 1)] = batch.message.genLasts[generation]!;
  }

  private takeValues(message: Message<typeof SlotValues>): void {
    if (message.epoch !== this.epoch) return;
    const { tokens, cache } = this;
    const words = wordsOf(message.values);
    for (let i = 0; i < message.tokens.length; i++) {
      const token = message.tokens[i]!;
      const slot = tokens.batch[token]!;
      if (slot === UNDECLARED) {
        const resolve = this.wordPromises.get(token);
        this.wordPromises.delete(token);
        tokens.release(token);
        resolve?.(message.values.slice(i * 32, i * 32 + 32));
        continue;
      }
      const access = tokens.access[token]!;
      const batch = this.batches[slot];
      if (!batch) throw new ExecutorError("protocol", `a value for token ${token}, which nobody waits for`);
      const from = batch.message;
      const version = tokens.version[token]! > 0 ? tokens.version[token]! : from.versions[access]!;
      tokens.release(token);
      if (from.modes[access] !== GrantMode.settled) {
        const row = cache.find(from.accessHi[access]!, from.accessLo[access]!);
        if (row >= 0 && cache.hasKey(row, batch.keys, access * KEY_WORDS)) {
          cache.put(row, version, words, i * VALUE_WORDS);
          this.wakeWaiters(row, version, words, i * VALUE_WORDS);
        }
      }
      this.supply(batch, access, words, i * VALUE_WORDS);
    }
  }

  private wakeWaiters(row: number, version: number, words: Uint32Array, at: number): void {
    const { waiters, cache } = this;
    let before = -1;
    let n = cache.waiters[row]!;
    while (n >= 0) {
      const next = waiters.next[n]!;
      if (waiters.version[n] !== version) {
        before = n;
        n = next;
        continue;
      }
      if (before < 0) cache.waiters[row] = next;
      else waiters.next[before] = next;
      const batch = this.batches[waiters.batch[n]!]!;
      const access = waiters.access[n]!;
      waiters.release(n);
      this.supply(batch, access, words, at);
      n = next;
    }
  }

  private supply(batch: Batch, access: number, words: Uint32Array, at: number): void {
    copyWords(batch.values, access * VALUE_WORDS, words, at, VALUE_WORDS);
    this.arrived(batch, batch.transactionOf(access));
  }

  private arrived(batch: Batch, index: number): void {
    if (--batch.remaining[index]! === 0) this.ready.push(batch.message.seqs[index]!, batch.slot, index);
  }

  /** Runs what is ready, up to a bound, and sends what came of it. Call after messages and while `hasWork`. */
  work(): void {
    const { ready } = this;
    let ran = 0;
    while (ran < RUN_LIMIT && ready.pop()) {
      const batch = this.batches[ready.batch]!;
      const { index } = ready;
      ran++;
      if (
        batch.message.shapes[index] === Shape.transfer &&
        batch.message.tail === 0 &&
        this.runTransfer(batch, index)
      )
        continue;
      this.contracts.push({ batch, index });
      this.startContracts();
    }
    this.flush();
  }

  private runTransfer(batch: Batch, index: number): boolean {
    const { path, scan, cache } = this;
    const { message, block, keys, values } = batch;
    if (this.pathBlock !== block) {
      path.open(block.context!);
      this.pathBlock = block;
    }
    const start = batch.rawStart(index);
    const raw = message.raw.blob;
    scanTransaction(raw, start, message.raw.ends[index]! - start, scan);
    const first = batch.firstAccess(index);
    if (!path.run(raw, scan, message.senders, index * 20, batch.valueBytes, first * 32)) return false;
    const included = path.outcome === "included";
    const seq = message.seqs[index]!;
    const { balance, nonce, recipient, fee } = this.pathWords;
    this.write(batch, first, seq, included ? balance : values, included ? 0 : first * VALUE_WORDS, cache);
    this.write(
      batch,
      first + 1,
      seq,
      included ? nonce : values,
      included ? 0 : (first + 1) * VALUE_WORDS,
      cache,
    );
    const d = first + 4;
    this.sums.add(
      message.accessHi[d]!,
      message.accessLo[d]!,
      message.versions[d]!,
      keys,
      d * KEY_WORDS,
      included ? recipient : this.zero,
      0,
    );
    if (message.feeGens[index]! >= 0) this.addFee(batch, index, included ? fee : this.zero);
    this.totals.transfers++;
    this.report(
      batch,
      seq,
      outcomeOf(path.outcome),
      reasonOf(path.reason),
      included ? 1 : 0,
      path.gasUsed,
      0,
      NO_BYTES,
    );
    this.finish(batch);
    return true;
  }

  private addFee(batch: Batch, index: number, amount: Uint32Array): void {
    const { block } = batch;
    this.sums.add(
      block.beneficiaryHi,
      block.beneficiaryLo,
      batch.message.feeGens[index]!,
      block.beneficiaryKey,
      0,
      amount,
      0,
    );
  }

  /** Publishes the version of a declared W, and serves who waits for it here. */
  private write(
    batch: Batch,
    access: number,
    seq: number,
    words: Uint32Array,
    at: number,
    cache: SlotCache,
  ): void {
    const hi = batch.message.accessHi[access]!;
    const lo = batch.message.accessLo[access]!;
    this.publish(hi, lo, seq, batch.keys, access * KEY_WORDS, words, at);
    const row = cache.find(hi, lo);
    if (row < 0 || !cache.hasKey(row, batch.keys, access * KEY_WORDS)) return;
    cache.endWrite(row);
    cache.put(row, seq, words, at);
    if (cache.waiters[row]! >= 0) this.wakeWaiters(row, seq, words, at);
  }

  private publish(
    hi: number,
    lo: number,
    seq: number,
    keys: Uint32Array,
    keyAt: number,
    words: Uint32Array,
    at: number,
  ): void {
    const out = this.publishes[this.shardOf[hi >>> 24]!]!;
    out.hi.push(hi);
    out.lo.push(lo);
    out.seqs.push(seq);
    out.keys.push(keys, keyAt);
    out.values.push(words, at);
  }

  private report(
    batch: Batch,
    seq: number,
    outcome: number,
    reason: number,
    status: number,
    gasUsed: number,
    blobGas: number,
    logs: Uint8Array,
  ): void {
    const { totals, receipts } = this;
    totals.executedGas += gasUsed;
    if (outcome === Outcome.included) totals.usefulGas += gasUsed;
    else if (outcome === Outcome.returned) totals.returned++;
    else totals.rejected++;
    this.results.add(seq, outcome, gasUsed, blobGas);
    if (receipts.block !== batch.block.number) this.sendReceipts();
    receipts.block = batch.block.number;
    receipts.add(seq, outcome, reason, status, gasUsed, blobGas, logs);
  }

  private finish(batch: Batch): void {
    if (--batch.unfinished > 0) return;
    this.batches[batch.slot] = undefined;
    this.freeBatches.push(batch.slot);
  }

  private startContracts(): void {
    const limit = this.options.concurrentContracts ?? 16;
    while (this.running < limit && this.contracts.length > 0) {
      const { batch, index } = this.contracts.shift()!;
      this.running++;
      const { epoch } = this;
      const { chain, engine } = this.options;
      const shape = batch.message.shapes[index];
      const isWork = shape === Shape.blockOpen || shape === Shape.blockClose;
      const done = isWork
        ? runChainWork(batch, index, engine, chain, this.undeclared)
        : runContract(batch, index, engine, this.undeclared);
      done.then(
        (outcome) => {
          if (epoch !== this.epoch) return;
          this.running--;
          this.finishContract(batch, index, outcome);
          this.startContracts();
          this.effects.wake();
        },
        (error) => {
          if (epoch === this.epoch) this.effects.fatal(error);
        },
      );
    }
    this.sendReads();
  }

  private finishContract(batch: Batch, index: number, outcome: ContractOutcome): void {
    const { message, keys, block } = batch;
    const seq = message.seqs[index]!;
    const { result } = outcome;
    const paysApart = message.feeGens[index]! >= 0;
    const beneficiary = keyName(block.beneficiaryKey, 0);
    let listed = false;
    const end = message.accessEnds[index]!;
    for (let a = batch.firstAccess(index); a < end; a++) {
      const kind = message.accessKinds[a]!;
      const mode = message.modes[a]!;
      if (mode === GrantMode.contribute) {
        const name = keyName(keys, a);
        const isFee = paysApart && name === beneficiary;
        if (isFee) listed = true;
        const amount = wordsOf(contributionOf(outcome, name, isFee));
        this.sums.add(
          message.accessHi[a]!,
          message.accessLo[a]!,
          message.versions[a]!,
          keys,
          a * KEY_WORDS,
          amount,
          0,
        );
      } else if (
        kind === AccessKind.W ||
        kind === AccessKind.X ||
        (kind === AccessKind.D && mode === GrantMode.settled)
      ) {
        const value = finalValue(outcome, keyName(keys, a), batch.valueBytes.slice(a * 32, a * 32 + 32));
        this.write(batch, a, seq, wordsOf(value), 0, this.cache);
      }
    }
    for (const { key, word } of outcome.undeclared) this.writeUndeclared(key, word, seq);
    if (paysApart) this.addFee(batch, index, wordsOf(feeContribution(outcome, beneficiary, listed)));
    for (const code of outcome.codes) {
      const partition = (code.hash[0]! * this.shardOf.length) >>> 8;
      const out = this.publishes[this.shardOf[partition]!]!;
      out.codeSeqs.push(seq);
      out.codeHashes.push(code.hash);
      out.codes.push(code.bytes);
      this.codes.put(code.hash, code.bytes);
    }
    this.totals.contracts++;
    if (outcome.learned) {
      this.totals.diverged++;
      if (this.receipts.block !== block.number) this.sendReceipts();
      this.receipts.learn(outcome.learned, this.options.ids);
    }
    const logs = result.logs.length <= 1 ? NO_BYTES : result.logs;
    this.report(
      batch,
      seq,
      outcomeOf(result.outcome),
      reasonOf(result.reason),
      result.status,
      result.gasUsed,
      outcome.blobGas,
      logs,
    );
    this.finish(batch);
  }

  private writeUndeclared(key: Uint8Array, word: Uint8Array, seq: number): void {
    const id = this.idOf(key);
    const keys = wordsOf(key.slice());
    const values = wordsOf(word.slice());
    this.publish(id.hi, id.lo, seq, keys, 0, values, 0);
    this.results.extra(id.hi, id.lo, AccessKind.W);
    const row = this.cache.ensure(id.hi, id.lo, keys, 0);
    if (row >= 0) this.cache.put(row, seq, values, 0);
  }

  private readonly oneHi = new Uint32Array(1);
  private readonly oneLo = new Uint32Array(1);
  private idOf(key: Uint8Array): { hi: number; lo: number } {
    this.options.ids.idsOf(key, 1, this.oneHi, this.oneLo);
    return { hi: this.oneHi[0]!, lo: this.oneLo[0]! };
  }

  private fetchWord(batch: Batch, index: number, key: Uint8Array): Promise<Uint8Array> {
    const { hi, lo } = this.idOf(key);
    const out = this.reads[this.shardOf[hi >>> 24]!]!;
    this.totals.undeclaredReads++;
    const token = this.tokens.take(UNDECLARED, 0, 0, -1);
    out.tokens.push(token);
    out.hi.push(hi);
    out.lo.push(lo);
    // Outside the tail the transaction is returned anyway: any published value serves to learn by.
    out.modes.push(batch.message.tail === 1 ? GrantMode.settled : GrantMode.floor);
    out.versions.push(batch.message.seqs[index]! - 1);
    out.keys.push(wordsOf(key.slice()), 0);
    return new Promise((resolve) => {
      this.wordPromises.set(token, resolve);
      this.effects.wake();
    });
  }

  private fetchCode(prefix: Uint8Array): Promise<Uint8Array> {
    const known = this.codes.get(prefix);
    if (known) return Promise.resolve(known);
    const out = this.reads[this.shardOf[(prefix[0]! * this.shardOf.length) >>> 8]!]!;
    const token = this.codeToken;
    this.codeToken = (token + 1) >>> 0;
    out.codeTokens.push(token);
    out.codePrefixes.push(prefix);
    return new Promise((resolve, reject) => {
      this.codePromises.set(token, { prefix: prefix.slice(), resolve, reject });
      this.effects.wake();
    });
  }

  private takeCodes(message: Message<typeof CodeValues>): void {
    if (message.epoch !== this.epoch) return;
    const { ends, blob } = message.codes;
    for (let i = 0; i < message.tokens.length; i++) {
      const asked = this.codePromises.get(message.tokens[i]!);
      if (!asked) continue;
      this.codePromises.delete(message.tokens[i]!);
      if (message.found[i] === 0)
        asked.reject(new ExecutorError("protocol", "a shard has no code of a hash that a slot names"));
      else {
        const code = blob.slice(i === 0 ? 0 : ends[i - 1]!, ends[i]!);
        this.codes.put(asked.prefix, code);
        asked.resolve(code);
      }
    }
  }

  private hashOrWait(number: number, wait: boolean): Uint8Array | Promise<Uint8Array> {
    const known = this.hashes.get(number);
    if (known) return known;
    if (!wait || number < 0) return new Uint8Array(32);
    return new Promise((resolve) => {
      const list = this.hashPromises.get(number);
      if (list) list.push(resolve);
      else this.hashPromises.set(number, [resolve]);
    });
  }

  private takeAck(message: Message<typeof PublishAck>): void {
    if (message.epoch !== this.epoch) return;
    const held = this.unacknowledged.get(message.batch);
    if (!held || --held.left > 0) return;
    this.unacknowledged.delete(message.batch);
    this.effects.toScheduler(held.results);
  }

  private sendReads(): void {
    for (let s = 0; s < this.shards; s++) {
      const out = this.reads[s]!;
      if (out.tokens.length > 0) this.effects.toShard(s, out.pack(this.epoch, this.executor));
      if (out.codeTokens.length > 0) this.effects.toShard(s, out.packCodes(this.epoch));
    }
  }

  private sendReceipts(): void {
    if (this.receipts.seqs.length > 0) this.effects.toFramer(this.receipts.pack(this.epoch));
  }

  /** For DeltaSums.drain. */
  delta(
    hi: number,
    lo: number,
    gen: number,
    count: number,
    u32: Uint32Array,
    keyAt: number,
    amountAt: number,
  ): void {
    const out = this.publishes[this.shardOf[hi >>> 24]!]!;
    out.deltaHi.push(hi);
    out.deltaLo.push(lo);
    out.deltaGens.push(gen);
    out.deltaCounts.push(count);
    out.deltaKeys.push(u32, keyAt);
    out.deltaAmounts.push(u32, amountAt);
  }

  /** Sends reads, versions and receipts. Results follow when the shards have acknowledged. */
  private flush(): void {
    this.sendReads();
    this.sendReceipts();
    if (this.results.seqs.length === 0) return;
    this.sums.drain(this);
    const results = this.results.pack(this.epoch);
    const batch = this.publishBatch++;
    let left = 0;
    for (const publish of this.publishes) if (!publish.isEmpty) left++;
    if (left === 0) {
      this.effects.toScheduler(results);
      return;
    }
    this.unacknowledged.set(batch, { left, results });
    for (let s = 0; s < this.shards; s++)
      if (!this.publishes[s]!.isEmpty)
        this.effects.toShard(s, this.publishes[s]!.pack(this.epoch, this.executor, batch));
  }
}
