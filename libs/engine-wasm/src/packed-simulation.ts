/** `PackedSimulation` on the kernel. */
import { type BlockContext, type PackedSimulation, PackedState } from "@velarium/engine";
import { layout } from "@velarium/evm-kernel";
import type { TxScan } from "@velarium/tx-codec";
import type { PackedPathParts } from "./packed-path.ts";
import { isPackable, packedSize, putPacked } from "./packed-transaction.ts";
import { ResultView } from "./result-view.ts";

const { RESULT_ACCESS_COUNT, RESULT_ACCESS_KINDS, RESULT_ACCESSES } = layout;

const FLAGS =
  layout.TXFLAG_SKIP_NONCE |
  layout.TXFLAG_SKIP_FUNDS |
  layout.TXFLAG_SKIP_FEE |
  layout.TXFLAG_SKIP_SENDER_CODE |
  layout.TXFLAG_REPORT_ATTEMPTS;

export class KernelSimulation implements PackedSimulation {
  status: 0 | 1 = 0;
  gasUsed = 0;
  count = 0;
  keysAt = 0;
  kindsAt = 0;
  missAt = 0;
  private readonly parts: PackedPathParts;
  private readonly result: ResultView;
  private readonly flags: number;
  private context!: BlockContext;

  constructor(parts: PackedPathParts) {
    this.parts = parts;
    this.result = new ResultView(parts.kernel);
    this.flags = FLAGS | (parts.keepsEmptyAccounts ? layout.TXFLAG_KEEPS_EMPTY : 0);
  }

  get bytes(): Uint8Array {
    return this.result.bytes;
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

  preload(count: number, keys: Uint8Array, words: Uint8Array): void {
    this.parts.kernel.preload(count, keys, words);
  }

  run(): PackedState {
    const { kernel, stats } = this.parts;
    const { result } = this;
    const status = kernel.run();
    if (status === "miss") {
      result.follow();
      const at = kernel.missAt();
      this.missAt = at + layout.MISS_KEY;
      return result.bytes[at + layout.MISS_KIND] === layout.MISS_CODE ? PackedState.code : PackedState.slot;
    }
    if (status !== "done") return PackedState.refused;
    result.collect();
    stats.executions++;
    this.status = result.status;
    this.gasUsed = result.gasUsed;
    stats.gas += this.gasUsed;
    this.count = result.number(RESULT_ACCESS_COUNT);
    this.keysAt = result.number(RESULT_ACCESSES);
    this.kindsAt = result.number(RESULT_ACCESS_KINDS);
    return PackedState.done;
  }

  supplySlot(words: Uint8Array, at: number): void {
    this.parts.kernel.supplySlot(words, at);
  }

  supplyCode(code: Uint8Array): void {
    this.parts.kernel.supplyCode(code);
  }
}
