/**
 * The hot loop of scheduling: grants for every access of a run of transactions, in seq order. Rows and executors are known
 * by then (`rows`, `executors`), and the rows are in the cache.
 *
 * All of the usual cases stand in one function, and what it calls in the others takes and returns no seq: a seq is a
 * double, and V8 puts every double that crosses a call into an object of its own. (Grants in small functions, as one would
 * write them first, took twice the time.) What each case means is said in grants.ts.
 */
import { F64Vector, U8Vector, U32Vector } from "@velarium/columns";
import { AccessKind, partitionOfId } from "@velarium/slots";
import { GrantMode, Shape } from "@velarium/wire";
import { ConflictHistory, NOTED_HEAT, ParallelismMeter } from "./conflicts.ts";
import { grantGeneration, IN_FLIGHT, type Progress, type SealSink, sealGeneration } from "./grants.ts";
import type { FrameMessage, PlacedColumns } from "./placed.ts";
import {
  COMPLETE_AT,
  DEPTH,
  GEN_COUNT,
  GEN_DEPTH,
  GEN_LAST,
  GEN_SEQ,
  HEAT,
  META,
  NO_WRITER,
  type SlotTable,
  VERSION,
} from "./slot-table.ts";

/** What the dispatcher needs of the block it is in. */
export interface DispatchBlock {
  readonly firstSeq: number;
  readonly beneficiaryHi: number;
  readonly beneficiaryLo: number;
  /** Versions and contributions to expect, per partition. */
  readonly versionCounts: Uint32Array;
  readonly deltaCounts: Uint32Array;
}

/** Slots that one executor loses in a frame. */
export class Losses {
  readonly hi = new U32Vector(64);
  readonly lo = new U32Vector(64);
  readonly versions = new F64Vector(64);
  readonly owners = new U8Vector(64);

  clear(): void {
    this.hi.clear();
    this.lo.clear();
    this.versions.clear();
    this.owners.clear();
  }
}

/** Of two numbers below 2^31, without a branch: which depth is larger is a coin toss, and a wrong guess costs 20 cycles. */
const larger = (a: number, b: number): number => {
  const more = (a - b) | 0;
  return (b + (more & ~(more >> 31))) | 0;
};

export class GrantLoop {
  readonly history = new ConflictHistory();
  readonly parallelism: ParallelismMeter;
  /** Grants by mode. */
  readonly grantCounts = new Float64Array(8);
  ownershipMoves = 0;
  /** Of each access of the frame: its row, -1 where the slot has none. */
  rows = new Int32Array(4096);
  /** Of each transaction of the frame: its executor. */
  executors = new Uint8Array(1024);
  readonly losses: Losses[] = [];
  private readonly table: SlotTable;
  private readonly progress: Progress;
  private readonly seals: SealSink;

  constructor(table: SlotTable, progress: Progress, seals: SealSink, tlpWindow: number) {
    this.table = table;
    this.progress = progress;
    this.seals = seals;
    this.parallelism = new ParallelismMeter(tlpWindow);
  }

  /** Grants transactions `from` to `to`; each goes into the columns of its executor. `feeRow`: the beneficiary's balance. */
  grant(
    frame: FrameMessage,
    from: number,
    to: number,
    block: DispatchBlock,
    feeRow: number,
    placedOn: readonly PlacedColumns[],
  ): void {
    const { table, rows, executors, grantCounts, progress, parallelism } = this;
    const { f64, u32 } = table;
    const { complete, durable } = progress;
    const { accessEnds, accessHi, accessKinds, shapes, firstSeq } = frame;
    const { versionCounts, deltaCounts, firstSeq: blockFirstSeq } = block;
    const feePartition = partitionOfId(block.beneficiaryHi);
    const { base } = parallelism;
    let { deepest } = parallelism;
    let floors = 0;
    let access = from === 0 ? 0 : accessEnds[from - 1]!;
    for (let i = from; i < to; i++) {
      const end = accessEnds[i]!;
      const seq = firstSeq + i;
      const e = executors[i]!;
      const out = placedOn[e]!;
      const { modes, versions } = out;
      const place = out.count++;
      out.indexes[place] = i;
      out.seqs[place] = seq;
      // Longest chain of transactions that this one has to wait for, counted from the start of the window.
      let depth = base;
      for (let a = access; a < end; a++) {
        const w = rows[a]! << 1;
        if (w < 0) continue;
        const kind = accessKinds[a]!;
        if (kind === AccessKind.D || kind === AccessKind.H) continue;
        depth = larger(depth, larger(u32[w + DEPTH]!, u32[w + GEN_DEPTH]!));
      }
      depth++;
      deepest = larger(depth, deepest);
      const shape = shapes[i]!;
      let paysByContribution = shape !== Shape.blockOpen && shape !== Shape.blockClose;
      let at = out.accesses;
      for (; access < end; access++, at++) {
        const kind = accessKinds[access]!;
        const row = rows[access]!;
        if (kind === AccessKind.H) {
          modes[at] = GrantMode.blockHash;
          versions[at] = 0;
          continue;
        }
        if (row < 0) {
          // Nobody writes it: every reader gets the same version, which executors have in their caches.
          modes[at] = GrantMode.floor;
          versions[at] = table.floorOf(accessHi[access]!);
          floors++;
          continue;
        }
        const w = row << 1;
        if (kind === AccessKind.D) {
          if (f64[row + GEN_SEQ]! < blockFirstSeq) {
            // A generation lives in one block.
            if (f64[row + GEN_SEQ]! >= 0) sealGeneration(table, row, progress, this.seals);
            f64[row + GEN_SEQ] = seq;
          }
          u32[w + GEN_COUNT] = u32[w + GEN_COUNT]! + 1;
          f64[row + GEN_LAST] = seq;
          u32[w + GEN_DEPTH] = larger(depth, u32[w + GEN_DEPTH]!);
          modes[at] = GrantMode.contribute;
          versions[at] = f64[row + GEN_SEQ]!;
          deltaCounts[accessHi[access]! >>> 24]!++;
          continue;
        }
        if (f64[row + GEN_SEQ]! >= 0) {
          const granted = grantGeneration(table, row, progress, out, at);
          const mode = granted & ~IN_FLIGHT;
          // The sum exists once this reader has resolved it.
          if (mode !== GrantMode.floor) f64[row + COMPLETE_AT] = seq;
          modes[at] = mode;
          grantCounts[mode]!++;
          if (granted !== mode) this.heat(frame, access, row);
        } else {
          const version = f64[row + VERSION]!;
          versions[at] = version;
          if (f64[row + COMPLETE_AT]! <= complete || version <= durable) {
            modes[at] = GrantMode.floor;
            floors++;
          } else {
            const mode = (u32[w + META]! & 255) === e ? GrantMode.local : GrantMode.wait;
            modes[at] = mode;
            grantCounts[mode]!++;
            this.heat(frame, access, row);
          }
        }
        if (kind === AccessKind.R || kind === AccessKind.P) continue;
        if (row === feeRow) paysByContribution = false;
        f64[row + VERSION] = seq;
        f64[row + COMPLETE_AT] = seq;
        u32[w + DEPTH] = depth;
        versionCounts[accessHi[access]! >>> 24]!++;
        const meta = u32[w + META]!;
        const before = meta & 255;
        if (before === e) continue;
        u32[w + META] = (meta & ~255) | e;
        if (before !== NO_WRITER) this.lose(frame, access, i, before);
      }
      out.accesses = at;
      if (paysByContribution) {
        if (f64[feeRow + GEN_SEQ]! < blockFirstSeq) {
          if (f64[feeRow + GEN_SEQ]! >= 0) sealGeneration(table, feeRow, progress, this.seals);
          f64[feeRow + GEN_SEQ] = seq;
        }
        const w = feeRow << 1;
        u32[w + GEN_COUNT] = u32[w + GEN_COUNT]! + 1;
        f64[feeRow + GEN_LAST] = seq;
        u32[w + GEN_DEPTH] = larger(depth, u32[w + GEN_DEPTH]!);
        out.feeGens[place] = f64[feeRow + GEN_SEQ]!;
        deltaCounts[feePartition]!++;
      } else out.feeGens[place] = -1;
    }
    parallelism.deepest = deepest;
    parallelism.transactions += to - from;
    grantCounts[GrantMode.floor]! += floors;
  }

  /** One more reader met a version in flight. */
  private heat(frame: FrameMessage, access: number, row: number): void {
    const heat = ++this.table.u32[(row << 1) + HEAT]!;
    if (heat >= NOTED_HEAT && (heat & (heat - 1)) === 0)
      this.history.note(frame.accessHi[access]!, frame.accessLo[access]!, heat);
  }

  /** The transaction at `index` has made its executor the owner. */
  lose(frame: FrameMessage, access: number, index: number, before: number): void {
    const losses = this.losses[before]!;
    losses.hi.push(frame.accessHi[access]!);
    losses.lo.push(frame.accessLo[access]!);
    losses.versions.push(frame.firstSeq + index);
    losses.owners.push(this.executors[index]!);
    this.ownershipMoves++;
  }
}
