/** `PackedPath` on the kernel: transactions from columns into linear memory, results read where they stand. */
import type { BlockContext, OutcomeKind, OutcomeReason, PackedPath } from "@velarium/engine";
import { type Kernel, layout } from "@velarium/evm-kernel";
import { AccessKind, covers, KEY_WORDS, sameKey, VALUE_WORDS } from "@velarium/slots";
import type { TxScan } from "@velarium/tx-codec";
import { isPackable, TransactionPacker } from "./packed-transaction.ts";
import { ResultView } from "./result-view.ts";
import type { EngineStats } from "./stats.ts";

const {
  RESULT_ACCESS_COUNT,
  RESULT_ACCESS_KINDS,
  RESULT_ACCESSES,
  RESULT_DELTA_COUNT,
  RESULT_DELTA_KEYS,
  RESULT_DELTA_WORDS,
  RESULT_WRITE_COUNT,
  RESULT_WRITE_KEYS,
  RESULT_WRITE_WORDS,
  TXFLAG_KEEPS_EMPTY,
  TXFLAG_WATCHED,
} = layout;

const OUTCOMES: readonly OutcomeKind[] = ["included", "rejected", "returned"];
const NO_BYTES = new Uint8Array(0);

/** What the path needs of the engine around it. */
export interface PackedPathParts {
  readonly kernel: Kernel;
  readonly stats: EngineStats;
  readonly keepsEmptyAccounts: boolean;
  /** Takes the memory from whoever waits in it, and enters the block. */
  readonly enter: (context: BlockContext) => void;
}

export class KernelPath implements PackedPath {
  outcome: OutcomeKind = "included";
  reason: OutcomeReason | undefined;
  status: 0 | 1 = 0;
  gasUsed = 0;
  logs: Uint8Array = NO_BYTES;
  written = new Int32Array(64);
  added = new Int32Array(64);
  fee = -1;
  private readonly parts: PackedPathParts;
  private readonly result: ResultView;
  private readonly packer = new TransactionPacker();
  private readonly flags: number;
  private context!: BlockContext;
  /** Per declared access: its kind, as the engine understands it. */
  private kinds = new Uint8Array(64);

  constructor(parts: PackedPathParts) {
    this.parts = parts;
    this.result = new ResultView(parts.kernel);
    this.flags = TXFLAG_WATCHED | (parts.keepsEmptyAccounts ? TXFLAG_KEEPS_EMPTY : 0);
  }

  get words(): Uint32Array {
    return this.result.words;
  }

  open(context: BlockContext): void {
    this.context = context;
  }

  begin(raw: Uint8Array, scan: TxScan, senders: Uint8Array, senderAt: number): boolean {
    if (!isPackable(scan)) return false;
    this.parts.enter(this.context);
    this.parts.kernel.beginPacked(this.packer.pack(raw, scan, senders, senderAt, this.flags));
    return true;
  }

  preload(count: number, keys: Uint8Array, words: Uint8Array, kinds: Uint8Array): void {
    this.parts.kernel.preload(count, keys, words, this.engineKinds(count, kinds));
  }

  declare(count: number, keys: Uint8Array, kinds: Uint8Array): void {
    this.parts.kernel.declare(count, keys, this.engineKinds(count, kinds));
  }

  /** To the kernel the hash of a block is a slot that is read. */
  private engineKinds(count: number, kinds: Uint8Array): Uint8Array {
    for (let i = 0; i < count; i++) if (kinds[i] === AccessKind.H) return kinds.map(engineKind);
    return kinds;
  }

  run(codeAtHand: (prefix: Uint8Array) => Uint8Array | undefined): boolean {
    const { kernel, stats } = this.parts;
    for (;;) {
      const status = kernel.run();
      if (status === "done") break;
      if (status !== "miss") return false;
      const miss = kernel.miss();
      const code = miss.kind === "code" ? codeAtHand(miss.prefix) : undefined;
      if (code === undefined) return false;
      kernel.supplyCode(code);
    }
    const { result } = this;
    result.collect();
    stats.executions++;
    this.outcome = OUTCOMES[result.outcome]!;
    // The rare case may make an object.
    this.reason = this.outcome === "included" ? undefined : kernel.outcome().reason;
    this.status = result.status;
    this.gasUsed = result.gasUsed;
    stats.gas += this.gasUsed;
    this.logs = result.logs();
    return true;
  }

  match(
    keyWords: Uint32Array,
    firstWord: number,
    kinds: Uint8Array,
    firstKind: number,
    count: number,
    beneficiaryKey: Uint32Array,
  ): boolean {
    const { result } = this;
    if (result.codeCount > 0) return false;
    if (count > this.kinds.length) this.reserve(count * 2);
    for (let i = 0; i < count; i++) {
      this.kinds[i] = engineKind(kinds[firstKind + i]!);
      this.written[i] = this.added[i] = -1;
    }
    this.fee = -1;
    if (!this.isCovered(keyWords, firstWord, count, beneficiaryKey)) return false;
    if (this.outcome === "included") this.relate(keyWords, firstWord, count, beneficiaryKey);
    return true;
  }

  private reserve(count: number): void {
    this.kinds = new Uint8Array(count);
    this.written = new Int32Array(count);
    this.added = new Int32Array(count);
  }

  private isCovered(keyWords: Uint32Array, first: number, count: number, beneficiary: Uint32Array): boolean {
    const { result, kinds } = this;
    const { words, bytes } = result;
    const accesses = result.number(RESULT_ACCESS_COUNT);
    const kindAt = result.number(RESULT_ACCESS_KINDS);
    let key = result.region(RESULT_ACCESSES);
    // Accesses mostly come in the order in which they were declared: begin each search behind the last find.
    let next = 0;
    for (let a = 0; a < accesses; a++, key += KEY_WORDS) {
      const kind = bytes[kindAt + a] as AccessKind;
      const found = find(keyWords, first, count, words, key, next);
      if (found < 0) {
        if (kind !== AccessKind.D || !sameKey(words, key, beneficiary, 0)) return false;
        continue;
      }
      if (!covers(kinds[found] as AccessKind, kind)) return false;
      next = found + 1 === count ? 0 : found + 1;
    }
    return true;
  }

  private relate(keyWords: Uint32Array, first: number, count: number, beneficiary: Uint32Array): void {
    const { result } = this;
    const { words } = result;
    const writes = result.number(RESULT_WRITE_COUNT);
    let key = result.region(RESULT_WRITE_KEYS);
    let word = result.region(RESULT_WRITE_WORDS);
    let next = 0;
    for (let w = 0; w < writes; w++, key += KEY_WORDS, word += VALUE_WORDS) {
      const found = find(keyWords, first, count, words, key, next);
      this.written[found] = word;
      next = found + 1 === count ? 0 : found + 1;
    }
    const deltas = result.number(RESULT_DELTA_COUNT);
    key = result.region(RESULT_DELTA_KEYS);
    word = result.region(RESULT_DELTA_WORDS);
    for (let d = 0; d < deltas; d++, key += KEY_WORDS, word += VALUE_WORDS) {
      const found = find(keyWords, first, count, words, key, 0);
      if (found >= 0) this.added[found] = word;
      else if (sameKey(words, key, beneficiary, 0)) this.fee = word;
    }
  }
}

const engineKind = (kind: number): number => (kind === AccessKind.H ? AccessKind.R : kind);

/** Number of the declared key that equals the one at `key` of `words`, searched from `start` around; −1: none. */
function find(
  keyWords: Uint32Array,
  first: number,
  count: number,
  words: Uint32Array,
  key: number,
  start: number,
): number {
  for (let k = 0, i = start; k < count; k++) {
    if (sameKey(keyWords, first + i * KEY_WORDS, words, key)) return i;
    if (++i === count) i = 0;
  }
  return -1;
}
