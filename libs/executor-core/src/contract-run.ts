/** One transaction, or one piece of chain work, on the engine: what it sees, what came out, and what that means slot by slot. */
import type { ChainRules } from "@velarium/chain-rules";
import {
  type Engine,
  EngineError,
  type ExecutionResult,
  NO_ACCESSES,
  NO_LOGS,
  NO_WORDS,
  toExecutable,
} from "@velarium/engine";
import { AccessKind, Domain, SLOT_KEY_BYTES, type SlotIds, WORD_BYTES } from "@velarium/slots";
import { decodeTransaction, TxError } from "@velarium/tx-codec";
import { GrantMode, Reason, Shape } from "@velarium/wire";
import { type BlockHashes, blockNumberOf } from "./block-hashes.ts";
import { runChainWork } from "./chain-work.ts";
import type { CodeCache } from "./code-cache.ts";
import type { DispatchBatch } from "./dispatch-batch.ts";
import { ExecutorError } from "./error.ts";
import { KeyIndex } from "./key-index.ts";
import type { ExecutorEffects, ExecutorStats } from "./options.ts";
import type { IdentifiedAccesses } from "./outcome-messages.ts";
import { ResolvedView } from "./resolved-view.ts";
import type { Resolver } from "./resolver.ts";
import type { SlotCache } from "./slot-cache.ts";
import { identify } from "./undeclared.ts";
import type { UnwrittenCodes } from "./unwritten-codes.ts";
import { addBytes } from "./word-sum.ts";

/** What an epoch works with. */
export interface EpochParts {
  readonly epoch: number;
  readonly executor: number;
  readonly shards: number;
  readonly partitions: number;
  readonly rules: ChainRules;
  readonly engine: Engine;
  readonly keepsEmptyAccounts: boolean;
  readonly cache: SlotCache;
  readonly codes: CodeCache;
  readonly unwritten: UnwrittenCodes;
  readonly hashes: BlockHashes;
  readonly ids: SlotIds;
  readonly effects: ExecutorEffects;
  readonly stats: ExecutorStats;
  readonly clock: () => number;
  readonly yieldTurn: () => Promise<void>;
  /** Runs `work` soon, or at once. */
  readonly later: (work: () => void) => void;
}

const NO_BYTES = new Uint8Array(0);
const ZERO_WORD = new Uint8Array(WORD_BYTES);

const without = (outcome: "rejected"): ExecutionResult => ({
  outcome,
  status: 0,
  gasUsed: 0,
  refund: 0,
  logs: NO_LOGS,
  returnData: NO_BYTES,
  createdAddress: undefined,
  beneficiaryFee: 0n,
  accesses: NO_ACCESSES,
  writes: NO_WORDS,
  deltas: NO_WORDS,
  codes: [],
});

const isWrite = (kind: number): boolean => kind === AccessKind.W || kind === AccessKind.X;

export class ContractRun {
  readonly position: number;
  readonly batch: DispatchBatch;
  readonly index: number;
  readonly seq: number;
  readonly first: number;
  readonly end: number;
  /** Set where the reason is not the engine's. */
  reason: number | undefined;
  blobs = 0;
  /** Marked tail: accesses without declaration; per write among them its value, undefined for reads. */
  extras: IdentifiedAccesses | undefined;
  extraValues: (Uint8Array | undefined)[] = [];
  private readonly parts: EpochParts;
  private readonly resolver: Resolver;
  private readonly view: ResolvedView;
  private result!: ExecutionResult;
  private writes!: KeyIndex;
  private deltas!: KeyIndex;

  constructor(parts: EpochParts, resolver: Resolver, position: number) {
    this.parts = parts;
    this.resolver = resolver;
    this.position = position;
    this.batch = resolver.inFlight.batchOf(position);
    this.index = resolver.inFlight.indexOf(position);
    this.seq = resolver.inFlight.seqOf(position);
    this.first = this.batch.firstAccess(this.index);
    this.end = this.batch.message.accessEnds[this.index]!;
    this.view = new ResolvedView(this.batch, this.first, this.end, {
      fetchSlot: (key) => this.fetchSlot(key),
      codeAtHand: (prefix) => parts.codes.get(prefix),
      fetchCode: (prefix) => resolver.fetchCode(prefix),
    });
  }

  /** Rejects only when the epoch cannot go on here. */
  async execute(): Promise<ExecutionResult> {
    const result = this.isChainWork ? await this.chainWork() : await this.transaction();
    this.result = result;
    this.writes = new KeyIndex(result.writes.keys, result.writes.count);
    this.deltas = new KeyIndex(result.deltas.keys, result.deltas.count);
    if (result.outcome === "included" && (this.batch.isTail || this.isChainWork)) await this.findExtras();
    return result;
  }

  get logs(): Uint8Array {
    const { logs } = this.result;
    return logs.length === 1 ? NO_BYTES : logs;
  }

  /** Value of a declared write afterwards: as written, or as before, with what was added blindly. */
  valueAfter(access: number, out: Uint8Array): void {
    const { keys, values } = this.batch;
    const at = access * SLOT_KEY_BYTES;
    const written = this.writes.find(keys, at);
    if (written >= 0) {
      out.set(this.result.writes.words.subarray(written * WORD_BYTES, (written + 1) * WORD_BYTES));
      return;
    }
    out.set(values.subarray(access * WORD_BYTES, (access + 1) * WORD_BYTES));
    const added = this.deltas.find(keys, at);
    if (added >= 0) addBytes(out, 0, this.result.deltas.words, added * WORD_BYTES);
  }

  /** Amount added blindly to a slot; undefined when nothing was. */
  deltaOf(keys: Uint8Array, at: number): Uint8Array | undefined {
    const added = this.deltas.find(keys, at);
    return added < 0
      ? undefined
      : this.result.deltas.words.subarray(added * WORD_BYTES, (added + 1) * WORD_BYTES);
  }

  /** What goes to the fee's generation: nothing when the balance was declared, which then takes the fee along. */
  feeContribution(): Uint8Array | undefined {
    const { beneficiaryKey } = this.batch.block;
    const declared = this.view.declared.find(beneficiaryKey);
    if (declared >= 0) {
      const kind = this.kindOf(declared);
      if (kind !== AccessKind.R && kind !== AccessKind.P) return undefined;
    }
    return this.deltaOf(beneficiaryKey, 0);
  }

  learned(): IdentifiedAccesses {
    return identify(this.result.accesses, this.batch.block.beneficiaryKey, this.parts.ids);
  }

  private get isChainWork(): boolean {
    const shape = this.batch.message.shapes[this.index]!;
    return shape === Shape.blockOpen || shape === Shape.blockClose;
  }

  private kindOf(declared: number): AccessKind {
    return this.batch.message.accessKinds[this.first + declared] as AccessKind;
  }

  private fetchSlot(key: Uint8Array): Promise<Uint8Array> {
    const { batch, resolver } = this;
    const exact = batch.isTail || this.isChainWork;
    if (key[0] === Domain.blockHash) return this.fetchHash(blockNumberOf(key, 0), exact);
    // Elsewhere the transaction has diverged already: any value serves to learn what it would look at.
    return exact
      ? resolver.fetchSlot(key, GrantMode.settled, this.seq - 1)
      : resolver.fetchSlot(key, GrantMode.floor, Number.MAX_SAFE_INTEGER);
  }

  private fetchHash(number: number, exact: boolean): Promise<Uint8Array> {
    const { hashes } = this.parts;
    const hash = hashes.get(number);
    if (hash !== undefined) return Promise.resolve(hash);
    if (!exact || number >= this.batch.block.number || !hashes.mayCome(number))
      return Promise.resolve(ZERO_WORD);
    return new Promise((resolve) => hashes.wait(number, resolve));
  }

  private async chainWork(): Promise<ExecutionResult> {
    const { batch, parts } = this;
    const { block, message } = batch;
    const context = block.context!;
    const shape = message.shapes[this.index]!;
    const needsParent = shape === Shape.blockOpen && context.rules.eip7702;
    const parentHash = needsParent ? await this.fetchHash(block.number - 1, true) : ZERO_WORD;
    return runChainWork(
      shape,
      parts.engine,
      parts.rules,
      context,
      parentHash,
      block.parentBeaconRoot,
      this.view,
    );
  }

  private async transaction(): Promise<ExecutionResult> {
    const { batch, index, parts } = this;
    const { raw, senders } = batch.message;
    try {
      const tx = decodeTransaction(raw.blob.subarray(batch.rawStart(index), raw.ends[index]!));
      const executable = toExecutable(tx, senders.slice(index * 20, index * 20 + 20));
      this.blobs = executable.blobVersionedHashes?.length ?? 0;
      return await parts.engine.execute(
        batch.block.context!,
        executable,
        this.view,
        batch.isTail ? {} : { declared: this.declaredForEngine() },
      );
    } catch (error) {
      // What the interpreter cannot do it cannot do anywhere, so every executor gives the same answer.
      if (error instanceof TxError) this.reason = Reason.malformed;
      else if (
        error instanceof EngineError &&
        (error.code === "INTERNAL" || error.code === "TOO_MANY_RESTARTS")
      )
        this.reason = Reason.internal;
      else throw error;
      return without("rejected");
    }
  }

  /** As declared, with the fee, which everybody may pay; to the engine a block hash is a slot that is read. */
  private declaredForEngine(): { count: number; keys: Uint8Array; kinds: Uint8Array } {
    const { batch, first, end } = this;
    const { beneficiaryKey } = batch.block;
    const listed = this.view.declared.find(beneficiaryKey) >= 0;
    const count = end - first + (listed ? 0 : 1);
    const keys = new Uint8Array(count * SLOT_KEY_BYTES);
    keys.set(batch.keys.subarray(first * SLOT_KEY_BYTES, end * SLOT_KEY_BYTES));
    const kinds = new Uint8Array(count);
    for (let a = first; a < end; a++) {
      const kind = batch.message.accessKinds[a]!;
      kinds[a - first] = kind === AccessKind.H ? AccessKind.R : kind;
    }
    if (!listed) {
      keys.set(beneficiaryKey, (count - 1) * SLOT_KEY_BYTES);
      kinds[count - 1] = AccessKind.D;
    }
    return { count, keys, kinds };
  }

  private async findExtras(): Promise<void> {
    const { batch, result } = this;
    const { block, isTail } = batch;
    const paysByContribution = batch.message.feeGens[this.index]! >= 0;
    const extras = identify(
      result.accesses,
      paysByContribution ? block.beneficiaryKey : undefined,
      this.parts.ids,
      {
        index: this.view.declared,
        // A delta declared in the tail was granted, and is published, as a write.
        kindOf: (index) => {
          const kind = this.kindOf(index);
          return isTail && kind === AccessKind.D ? AccessKind.W : kind;
        },
      },
    );
    if (extras.count === 0) return;
    for (let k = 0; k < extras.count; k++) {
      const kind = extras.kinds[k]!;
      if (!isWrite(kind) && kind !== AccessKind.D) {
        this.extraValues.push(undefined);
        continue;
      }
      if (!isTail)
        throw new ExecutorError(
          "chain-work",
          `chain work of block ${block.number} writes what it did not declare`,
        );
      const key = extras.keys.slice(k * SLOT_KEY_BYTES, (k + 1) * SLOT_KEY_BYTES);
      this.extraValues.push(await this.extraValue(key));
    }
    this.extras = isTail ? extras : undefined;
  }

  private async extraValue(key: Uint8Array): Promise<Uint8Array> {
    const written = this.writes.find(key);
    if (written >= 0) return this.result.writes.words.slice(written * WORD_BYTES, (written + 1) * WORD_BYTES);
    const value = (await this.view.fetch(key)).slice();
    const added = this.deltas.find(key);
    if (added >= 0) addBytes(value, 0, this.result.deltas.words, added * WORD_BYTES);
    return value;
  }
}
