/** `PackedPath` on the kernel: transactions from columns into linear memory, results read where they stand. */
import type { BlockContext, OutcomeKind, OutcomeReason, PackedPath } from "@velarium/engine";
import { type Kernel, layout } from "@velarium/evm-kernel";
import type { TxScan } from "@velarium/tx-codec";
import { isPackable, packedSize, putPacked } from "./packed-transaction.ts";
import { ResultView } from "./result-view.ts";
import type { EngineStats } from "./stats.ts";

const { RELATED_ADDED, RELATED_BYTES, RELATED_FEE, RELATED_WRITTEN, TXFLAG_KEEPS_EMPTY, TXFLAG_WATCHED } =
  layout;

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
  private readonly parts: PackedPathParts;
  private readonly result: ResultView;
  private readonly flags: number;
  private context!: BlockContext;
  /** Accesses that the last match was about, and where in `words` it stands. */
  private declared = 0;
  private related = 0;

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
    const at = this.parts.kernel.beginInPlace(packedSize(scan));
    const { result } = this;
    result.follow();
    putPacked(result.bytes, result.words, at, raw, scan, senders, senderAt, this.flags);
    return true;
  }

  preload(
    first: number,
    end: number,
    keyWords: Uint32Array,
    valueWords: Uint32Array,
    kinds: Uint8Array,
  ): void {
    this.parts.kernel.preloadColumns(first, end, keyWords, valueWords, kinds);
  }

  declare(first: number, end: number, keyWords: Uint32Array, kinds: Uint8Array): void {
    this.parts.kernel.preloadColumns(first, end, keyWords, undefined, kinds);
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
    result.look();
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

  match(count: number): boolean {
    const at = this.parts.kernel.relate();
    this.result.follow();
    if (at === 0) return false;
    this.declared = count;
    this.related = at >> 2;
    return true;
  }

  get fee(): number {
    return this.relation(RELATED_FEE);
  }
  written(access: number): number {
    return access < this.declared ? this.relation(RELATED_WRITTEN + access * RELATED_BYTES) : -1;
  }
  added(access: number): number {
    return access < this.declared ? this.relation(RELATED_ADDED + access * RELATED_BYTES) : -1;
  }

  private relation(offset: number): number {
    return this.words[this.related + (offset >> 2)]! | 0;
  }
}
