/**
 * One epoch of execution: transactions run when their values and their block's fees are here, plain transfers at once
 * and wholly in flat arrays, everything else one after another on the engine.
 */
import { BLOB_GAS } from "@velarium/chain-rules";
import type { Message } from "@velarium/columns";
import { type ExecutionResult, TransferPath } from "@velarium/engine";
import { AccessKind, KEY_WORDS, SLOT_KEY_BYTES, VALUE_WORDS, WORD_BYTES, wordsOf } from "@velarium/slots";
import { TxScan } from "@velarium/tx-codec";
import {
  type BlockContext,
  type BlockFees,
  type Dispatch,
  isChainWork,
  Outcome,
  Reason,
  Shape,
} from "@velarium/wire";
import { AccessArenas } from "./access-arena.ts";
import { BlockState } from "./block-state.ts";
import { ContractRun, type EpochParts } from "./contract-run.ts";
import { DeltaTable } from "./delta-table.ts";
import { DispatchBatch } from "./dispatch-batch.ts";
import { ExecutorError } from "./error.ts";
import { Outbox } from "./outbox.ts";
import { PackedContracts } from "./packed-contracts.ts";
import { PositionHeap } from "./position-heap.ts";
import { reasonCode } from "./reasons.ts";
import { Resolver } from "./resolver.ts";

/**
 * Results after which what there is leaves at once. A publication has some 330 bytes per transfer over all shards, so
 * this is a message of about 100 KiB for each of two; smaller ones wait for `later`, because a message costs sender and
 * receiver tens of µs whatever is in it.
 */
const TRANSFERS_PER_FLUSH = 512;
const CONTRACTS_PER_FLUSH = 4;
/** Emptied tables of contributions kept for later blocks. */
const KEPT_TABLES = 4;
/** Contract transactions run this long before other events have their turn, ms. */
const SLICE_MS = 4;

export class EpochWindow {
  readonly resolver: Resolver;
  readonly outbox: Outbox;
  isOver = false;
  private readonly parts: EpochParts;
  private readonly blocks = new Map<number, BlockState>();
  private readonly ready = new PositionHeap();
  private readonly contracts = new PositionHeap();
  private readonly arenas = new AccessArenas();
  private readonly tables: DeltaTable[] = [];
  private readonly path: TransferPath;
  /** What the path computes, as words. */
  private readonly senderBalance: Uint32Array;
  private readonly senderNonce: Uint32Array;
  private readonly recipientDelta: Uint32Array;
  private readonly beneficiaryDelta: Uint32Array;
  private pathBlock: BlockState | undefined;
  private readonly packed: PackedContracts | undefined;
  private readonly scan = new TxScan();
  private running = false;
  private waitingHeld = 0;
  private isFlushDue = false;

  constructor(parts: EpochParts) {
    this.parts = parts;
    const { epoch, executor, shards, partitions, cache, effects, stats } = parts;
    this.outbox = new Outbox(epoch, executor, shards, partitions, cache, effects, stats);
    this.resolver = new Resolver({ ...parts, onResolved: (position) => this.resolved(position) });
    this.path = new TransferPath({ keepsEmptyAccounts: parts.keepsEmptyAccounts });
    this.senderBalance = wordsOf(this.path.senderBalance);
    this.senderNonce = wordsOf(this.path.senderNonce);
    this.recipientDelta = wordsOf(this.path.recipientDelta);
    this.beneficiaryDelta = wordsOf(this.path.beneficiaryDelta);
    const { packed } = parts.engine;
    this.packed =
      packed &&
      new PackedContracts(packed, parts, this.resolver, this.outbox, {
        write: (batch, access, seq, value, at) => this.write(batch, access, seq, value, at),
        finish: (position, batch) => this.finish(position, batch),
      });
  }

  /** Nothing dispatched is unfinished, nothing published is unacknowledged. */
  get isIdle(): boolean {
    return (
      this.resolver.inFlight.head === this.resolver.inFlight.tail &&
      this.outbox.isEmpty &&
      this.outbox.unacknowledged === 0
    );
  }
  get inFlight(): number {
    return this.resolver.inFlight.tail - this.resolver.inFlight.head;
  }
  /** Transactions that have their values and wait for their block's fees. */
  get held(): number {
    return this.waitingHeld;
  }

  open(message: Message<typeof BlockContext>): void {
    if (this.blocks.has(message.number)) return;
    this.blocks.set(message.number, new BlockState(message, this.tables.pop() ?? new DeltaTable()));
  }

  fees(message: Message<typeof BlockFees>): void {
    const block = this.blocks.get(message.number);
    if (block === undefined)
      throw new ExecutorError("order", `fees of block ${message.number}, which is not open`);
    if (block.context !== undefined) return;
    // The parent is complete: nobody asks for what older blocks have gathered here.
    for (const number of this.blocks.keys()) if (number < message.number) this.forget(number);
    block.setFees(message, this.parts.rules);
    for (const position of block.held) this.ready.push(position);
    this.waitingHeld -= block.held.length;
    block.held = [];
    this.pump();
  }

  private forget(number: number): void {
    const { deltas } = this.blocks.get(number)!;
    this.blocks.delete(number);
    deltas.clear();
    if (this.tables.length < KEPT_TABLES) this.tables.push(deltas);
  }

  dispatch(message: Message<typeof Dispatch>): void {
    const block = this.blocks.get(message.block);
    if (block === undefined)
      throw new ExecutorError("order", `a dispatch of block ${message.block}, which is not open`);
    const arena = this.arenas.take(message.accessHi.length);
    const batch = new DispatchBatch(message, block, arena, this.scan);
    const { trace, shapes } = message;
    batch.watch = this.parts.effects.watchDispatch?.(trace, message.block, message.frame, shapes.length);
    this.outbox.keepVersions();
    this.resolver.take(batch);
    this.pump();
  }

  /** Runs what can run; what comes of it is sent soon. Call after values or hashes have come. */
  pump(): void {
    this.runReady();
    this.flushSoon();
    if (!this.running && this.contracts.length > 0) {
      this.running = true;
      void this.runContracts();
    }
  }

  end(): void {
    this.isOver = true;
    this.resolver.end();
  }

  private flushSoon(): void {
    if (this.isFlushDue || this.outbox.isEmpty) return;
    this.isFlushDue = true;
    this.parts.later(() => {
      this.isFlushDue = false;
      if (!this.isOver) this.outbox.flush();
    });
  }

  private resolved(position: number): void {
    const { block } = this.resolver.inFlight.batchOf(position);
    if (block.context !== undefined) this.ready.push(position);
    else {
      block.held.push(position);
      this.waitingHeld++;
    }
  }

  private runReady(): void {
    for (let position = this.ready.pop(); position >= 0; position = this.ready.pop()) {
      if (!this.runTransfer(position)) this.contracts.push(position);
      else if (this.outbox.results.count >= TRANSFERS_PER_FLUSH) this.outbox.flush();
    }
  }

  /** False: not a plain transfer after all; nothing has happened. */
  private runTransfer(position: number): boolean {
    const { inFlight } = this.resolver;
    const batch = inFlight.batchOf(position);
    const i = inFlight.indexOf(position);
    const { message, block } = batch;
    const feeGen = message.feeGens[i]!;
    if (message.shapes[i] !== Shape.transfer || batch.isTail || feeGen < 0) return false;
    const { path, scan } = this;
    if (this.pathBlock !== block) {
      path.open(block.context!);
      this.pathBlock = block;
    }
    const { blob } = message.raw;
    batch.arena.scans.recall(i, scan);
    const first = batch.firstAccess(i);
    if (!path.run(blob, scan, message.senders, i * 20, batch.values, first * WORD_BYTES)) return false;

    const { outbox } = this;
    const { stats } = this.parts;
    outbox.enter(block);
    const seq = message.seqs[i]!;
    const included = path.outcome === "included";
    if (included) {
      this.write(batch, first, seq, this.senderBalance, 0);
      this.write(batch, first + 1, seq, this.senderNonce, 0);
    } else {
      this.write(batch, first, seq, batch.valueWords, first * VALUE_WORDS);
      this.write(batch, first + 1, seq, batch.valueWords, (first + 1) * VALUE_WORDS);
    }
    const d = first + 4;
    block.deltas.add(
      message.accessHi[d]!,
      message.accessLo[d]!,
      message.versions[d]!,
      batch.keyWords,
      d * KEY_WORDS,
      included ? this.recipientDelta : undefined,
      0,
    );
    block.deltas.add(
      block.beneficiaryHi,
      block.beneficiaryLo,
      feeGen,
      block.beneficiaryKeyWords,
      0,
      included ? this.beneficiaryDelta : undefined,
      0,
    );
    stats.contributions += 2;
    stats.transfers++;
    stats[path.outcome]++;
    stats.executedGas += path.gasUsed;
    if (included) stats.usefulGas += path.gasUsed;
    const outcome = included
      ? Outcome.included
      : path.outcome === "returned"
        ? Outcome.returned
        : Outcome.rejected;
    outbox.results.add(seq, outcome, path.gasUsed, 0);
    outbox.receipts.add(seq, outcome, reasonCode(path.reason), included ? 1 : 0, path.gasUsed, 0);
    this.finish(position, batch);
    return true;
  }

  private finish(position: number, batch: DispatchBatch): void {
    this.resolver.inFlight.finish(position);
    if (--batch.unfinished > 0) return;
    this.arenas.giveBack(batch.arena);
    if (batch.watch) this.outbox.watch(batch.watch);
  }

  /** Publishes a version and hands it to those here that wait for it; the outbox keeps it at hand. */
  private write(
    batch: DispatchBatch,
    access: number,
    seq: number,
    value: Uint32Array,
    valueAt: number,
  ): void {
    const hi = batch.message.accessHi[access]!;
    const lo = batch.message.accessLo[access]!;
    const keyAt = access * KEY_WORDS;
    this.outbox.version(hi, lo, seq, batch.keyWords, keyAt, value, valueAt);
    if (batch.waiters[access]! >= 0) this.resolver.wake(batch, access, value, valueAt);
  }

  private async runContracts(): Promise<void> {
    const { clock, yieldTurn, effects } = this.parts;
    let since = clock();
    try {
      for (let position = this.contracts.pop(); position >= 0; position = this.contracts.pop()) {
        const isFast = this.packed?.run(position) === true;
        if (!isFast) {
          const run = new ContractRun(this.parts, this.resolver, position);
          const result = await run.execute();
          if (this.isOver) return;
          this.settle(run, result);
        }
        this.runReady();
        const late = clock() - since >= SLICE_MS;
        const enough = isFast ? TRANSFERS_PER_FLUSH : CONTRACTS_PER_FLUSH;
        if (late || this.outbox.results.count >= enough) this.outbox.flush();
        if (!late) continue;
        await yieldTurn();
        if (this.isOver) return;
        since = clock();
      }
    } catch (error) {
      if (!this.isOver) effects.failed(error as Error);
      return;
    }
    this.running = false;
    this.flushSoon();
  }

  private settle(run: ContractRun, result: ExecutionResult): void {
    const { batch, index, seq, first, end, position } = run;
    const { message, block } = batch;
    const { outbox } = this;
    const { stats } = this.parts;
    outbox.enter(block);
    const value = new Uint8Array(WORD_BYTES);
    const valueWords = wordsOf(value);
    for (let access = first; access < end; access++) {
      const kind = message.accessKinds[access]!;
      if (kind === AccessKind.W || kind === AccessKind.X || (batch.isTail && kind === AccessKind.D)) {
        run.valueAfter(access, value);
        this.write(batch, access, seq, valueWords, 0);
      } else if (kind === AccessKind.D) {
        const amount = run.deltaOf(batch.keys, access * SLOT_KEY_BYTES);
        const { accessHi, accessLo, versions } = message;
        block.deltas.add(
          accessHi[access]!,
          accessLo[access]!,
          versions[access]!,
          batch.keyWords,
          access * KEY_WORDS,
          amount && wordsOf(amount),
          0,
        );
        stats.contributions++;
      }
    }
    const feeGen = message.feeGens[index]!;
    if (feeGen >= 0) {
      const fee = run.feeContribution();
      block.deltas.add(
        block.beneficiaryHi,
        block.beneficiaryLo,
        feeGen,
        block.beneficiaryKeyWords,
        0,
        fee && wordsOf(fee),
        0,
      );
      stats.contributions++;
    }
    const { extras } = run;
    const extraKeys = extras && wordsOf(extras.keys);
    for (let k = 0; extras !== undefined && k < extras.count; k++) {
      const written = run.extraValues[k];
      if (written === undefined) continue;
      const hi = extras.hi[k]!;
      const lo = extras.lo[k]!;
      const words = wordsOf(written);
      outbox.version(hi, lo, seq, extraKeys!, k * KEY_WORDS, words, 0);
    }
    for (const { hash, bytes } of result.codes) {
      this.parts.codes.set(hash, bytes);
      outbox.code(seq, hash, bytes);
    }

    const outcome = Outcome[result.outcome];
    const reason = run.reason ?? reasonCode(result.reason);
    const included = result.outcome === "included";
    const blobGas = included ? run.blobs * BLOB_GAS : 0;
    outbox.results.add(seq, outcome, result.gasUsed, blobGas);
    if (extras !== undefined && extras.count > 0) outbox.results.addExtras(extras);
    outbox.receipts.add(
      seq,
      outcome,
      reason,
      included ? result.status : 0,
      result.gasUsed,
      blobGas,
      included ? run.logs : undefined,
    );
    if (reason === Reason.diverged) {
      outbox.receipts.addLearned(run.learned());
      stats.diverged++;
    }
    if (isChainWork(message.shapes[index]!)) stats.chainWork++;
    else stats.contracts++;
    if (batch.isTail) stats.tail++;
    stats[result.outcome]++;
    stats.executedGas += result.gasUsed;
    if (included) stats.usefulGas += result.gasUsed;
    this.finish(position, batch);
  }
}
