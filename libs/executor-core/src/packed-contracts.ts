/**
 * Contract transactions on the engine's way without objects: declared accesses go from the batch into the engine as
 * columns, what was written comes out as words. Tails, chain work and whatever that way refuses run as `ContractRun`.
 */
import type { PackedPath } from "@velarium/engine";
import { AccessKind, addWord, copyWords, KEY_WORDS, VALUE_WORDS } from "@velarium/slots";
import { scanTransaction, TxError, TxScan } from "@velarium/tx-codec";
import { GrantMode, isChainWork, Outcome } from "@velarium/wire";
import type { BlockState } from "./block-state.ts";
import type { EpochParts } from "./contract-run.ts";
import type { DispatchBatch } from "./dispatch-batch.ts";
import type { Outbox } from "./outbox.ts";
import { reasonCode } from "./reasons.ts";
import type { Resolver } from "./resolver.ts";

/** What the window does with what a transaction leaves behind. */
export interface Settling {
  write(batch: DispatchBatch, access: number, seq: number, value: Uint32Array, valueAt: number): void;
  finish(position: number, batch: DispatchBatch): void;
}

export class PackedContracts {
  private readonly path: PackedPath;
  private readonly parts: EpochParts;
  private readonly resolver: Resolver;
  private readonly outbox: Outbox;
  private readonly settling: Settling;
  private readonly scan = new TxScan();
  private block: BlockState | undefined;
  private readonly codeAtHand: (prefix: Uint8Array) => Uint8Array | undefined;
  private readonly sum = new Uint32Array(VALUE_WORDS);

  constructor(path: PackedPath, parts: EpochParts, resolver: Resolver, outbox: Outbox, settling: Settling) {
    this.path = path;
    this.parts = parts;
    this.resolver = resolver;
    this.outbox = outbox;
    this.settling = settling;
    this.codeAtHand = (prefix) => parts.codes.get(prefix);
  }

  /** False: not a case of this way; nothing has happened. */
  run(position: number): boolean {
    const { inFlight } = this.resolver;
    const batch = inFlight.batchOf(position);
    const index = inFlight.indexOf(position);
    const { message, block } = batch;
    if (batch.isTail || isChainWork(message.shapes[index]!) || message.feeGens[index]! < 0) return false;
    const { path, scan } = this;
    if (this.block !== block) {
      path.open(block.context!);
      this.block = block;
    }
    const { blob, ends } = message.raw;
    const start = batch.rawStart(index);
    try {
      scanTransaction(blob, start, ends[index]! - start, scan);
    } catch (error) {
      if (error instanceof TxError) return false;
      throw error;
    }
    if (!path.begin(blob, scan, message.senders, index * 20)) return false;
    const first = batch.firstAccess(index);
    const end = message.accessEnds[index]!;
    this.handOver(batch, first, end);
    if (!path.run(this.codeAtHand)) return false;
    if (!path.match(end - first)) return false;
    this.settle(position, batch, index, first, end);
    return true;
  }

  /** Stretches of accesses with values, and of such as only contribute. */
  private handOver(batch: DispatchBatch, first: number, end: number): void {
    const { modes, accessKinds } = batch.message;
    const { keyWords, valueWords } = batch;
    for (let from = first; from < end; ) {
      const contributes = modes[from] === GrantMode.contribute;
      let to = from + 1;
      while (to < end && (modes[to] === GrantMode.contribute) === contributes) to++;
      if (contributes) this.path.declare(from, to, keyWords, accessKinds);
      else this.path.preload(from, to, keyWords, valueWords, accessKinds);
      from = to;
    }
  }

  private settle(position: number, batch: DispatchBatch, index: number, first: number, end: number): void {
    const { path, outbox, settling } = this;
    const { stats } = this.parts;
    const { message, block } = batch;
    const { accessHi, accessLo, accessKinds, versions } = message;
    const seq = message.seqs[index]!;
    outbox.enter(block);
    const { words } = path;
    for (let access = first; access < end; access++) {
      const kind = accessKinds[access]!;
      const at = path.added(access - first);
      if (kind === AccessKind.W || kind === AccessKind.X) {
        this.writeAfter(batch, access, seq, path.written(access - first), at);
      } else if (kind === AccessKind.D) {
        const amount = at < 0 ? undefined : words;
        block.deltas.add(
          accessHi[access]!,
          accessLo[access]!,
          versions[access]!,
          batch.keyWords,
          access * KEY_WORDS,
          amount,
          Math.max(at, 0),
        );
        stats.contributions++;
      }
    }
    // Whoever declares the beneficiary's balance takes the fee along with it: then nothing is left for this one.
    const { fee } = path;
    block.deltas.add(
      block.beneficiaryHi,
      block.beneficiaryLo,
      message.feeGens[index]!,
      block.beneficiaryKeyWords,
      0,
      fee < 0 ? undefined : words,
      Math.max(fee, 0),
    );
    stats.contributions++;

    const included = path.outcome === "included";
    const outcome = Outcome[path.outcome];
    const { gasUsed } = path;
    outbox.results.add(seq, outcome, gasUsed, 0);
    outbox.receipts.add(
      seq,
      outcome,
      reasonCode(path.reason),
      included ? path.status : 0,
      gasUsed,
      0,
      included ? path.logs : undefined,
    );
    stats.contracts++;
    stats[path.outcome]++;
    stats.executedGas += gasUsed;
    if (included) stats.usefulGas += gasUsed;
    settling.finish(position, batch);
  }

  /** The value of a declared write afterwards: as written, or as before, with what was added blindly. */
  private writeAfter(
    batch: DispatchBatch,
    access: number,
    seq: number,
    written: number,
    added: number,
  ): void {
    const { words } = this.path;
    if (written >= 0) {
      this.settling.write(batch, access, seq, words, written);
      return;
    }
    if (added < 0) {
      this.settling.write(batch, access, seq, batch.valueWords, access * VALUE_WORDS);
      return;
    }
    copyWords(this.sum, 0, batch.valueWords, access * VALUE_WORDS, VALUE_WORDS);
    addWord(this.sum, 0, words, added);
    this.settling.write(batch, access, seq, this.sum, 0);
  }
}
