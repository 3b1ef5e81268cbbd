/**
 * The hot loop: one frame in, grants for every access, one Dispatch per executor out. It goes through the frame in
 * runs of some fifty transactions: first all their rows are found (independent loads, so that cache misses overlap),
 * then they are placed and granted in seq order. No object per transaction or access.
 */
import { encode } from "@velarium/columns";
import { AccessKind, partitionOfId } from "@velarium/slots";
import { carriedKeys, Ownership } from "@velarium/wire";
import { RUN_TRANSACTIONS } from "./frame-columns.ts";
import { type DispatchBlock, Grants, Losses, type Progress, type SealSink } from "./grants.ts";
import { type FrameMessage, PlacedColumns } from "./placed.ts";
import {
  type ExecutorLoads,
  HOT_HEAT,
  HOT_WEIGHT,
  IN_FLIGHT_WEIGHT,
  OWNED_WEIGHT,
  type PlacementPolicy,
} from "./placement.ts";
import { COMPLETE_AT, HEAT, META, NO_WRITER, type SlotTable } from "./slot-table.ts";

/**
 * Accesses whose rows are loaded ahead, so that cache misses overlap (see `SlotTable.ensureAll`): 256 lines of 64 bytes
 * are half of a first-level cache.
 */
const TOUCH_CHUNK = 256;

export interface DispatchSink extends SealSink {
  dispatch(executor: number, bytes: Uint8Array): void;
  /** Told before any of them is sent: consecutive seqs from `firstSeq` on, and the executor of each. */
  placed(firstSeq: number, count: number, executors: Uint8Array): void;
  ownership(loser: number, bytes: Uint8Array): void;
}

export class Dispatcher {
  readonly table: SlotTable;
  readonly grants: Grants;
  private readonly policy: PlacementPolicy;
  private readonly progress: Progress;
  private readonly sink: DispatchSink;
  private readonly placedOn: PlacedColumns[] = [];
  private keyEnds = new Uint32Array(1024);
  private readonly owners = new Uint8Array(256);
  private readonly weights = new Int32Array(256);

  constructor(
    table: SlotTable,
    policy: PlacementPolicy,
    progress: Progress,
    sink: DispatchSink,
    tlpWindow: number,
  ) {
    this.table = table;
    this.policy = policy;
    this.progress = progress;
    this.sink = sink;
    this.grants = new Grants(table, progress, sink, tlpWindow);
  }

  /** Grants and sends transactions `from`..`to` of a frame. `settled`: the marked tail, everything before is complete. */
  run(
    frame: FrameMessage,
    from: number,
    to: number,
    epoch: number,
    block: DispatchBlock,
    loads: ExecutorLoads,
    settled: boolean,
  ): void {
    const { table, grants } = this;
    const { accessEnds } = frame;
    const firstAccess = from === 0 ? 0 : accessEnds[from - 1]!;
    const lastAccess = to === 0 ? 0 : accessEnds[to - 1]!;
    const { complete, durable } = this.progress;
    table.reserve(frame.accessHi, firstAccess, lastAccess, 1, complete, durable);
    table.lay(frame, from, to, firstAccess, lastAccess);
    this.begin(frame, to, loads.count);
    grants.begin(frame, block, table.ensure(block.beneficiaryHi, block.beneficiaryLo));
    for (let next = from, access = firstAccess; next < to; ) {
      const most = Math.min(to, next + RUN_TRANSACTIONS);
      let end = next + 1;
      while (end < most && accessEnds[end]! - access <= TOUCH_CHUNK) end++;
      const last = accessEnds[end - 1]!;
      table.ensureAll(access, last);
      this.placeAll(frame, next, end, loads);
      if (settled) for (let i = next; i < end; i++) grants.settle(frame, i);
      else grants.grant(frame, next, end, this.placedOn);
      next = end;
      access = last;
    }
    grants.finish(block);
    const columns = table.memory.frame;
    this.sink.placed(frame.firstSeq + from, to - from, columns.executors.subarray(from, to));
    for (let e = 0; e < loads.count; e++) {
      const out = this.placedOn[e]!;
      if (out.count > 0) this.sink.dispatch(e, out.pack(frame, columns, epoch, this.keyEnds));
    }
    this.sendLosses(epoch, loads.count);
  }

  /** Room for a frame in everything that is kept from frame to frame. */
  private begin(frame: FrameMessage, transactions: number, executors: number): void {
    this.indexKeys(frame);
    while (this.placedOn.length < executors) {
      this.placedOn.push(new PlacedColumns());
      this.grants.losses.push(new Losses());
    }
    for (let e = 0; e < executors; e++) this.placedOn[e]!.begin(transactions);
  }

  /** An undeclared write of the marked tail: the row follows, and one more version is to be expected. */
  correct(hi: number, lo: number, seq: number, executor: number, block: DispatchBlock): void {
    const { table } = this;
    table.reserve(Uint32Array.of(hi), 0, 1, 0, this.progress.complete, this.progress.durable);
    this.grants.recordWrite(table.ensure(hi, lo), seq, executor);
    block.versionCounts[partitionOfId(hi)]!++;
  }

  /** Where each transaction's keys end: transfers have none. */
  private indexKeys(frame: FrameMessage): void {
    const count = frame.shapes.length;
    if (this.keyEnds.length < count) this.keyEnds = new Uint32Array(2 * count);
    const { keyEnds } = this;
    if (frame.keys.length === 0) {
      keyEnds.fill(0, 0, count);
      return;
    }
    let keys = 0;
    let access = 0;
    for (let i = 0; i < count; i++) {
      const end = frame.accessEnds[i]!;
      keys += carriedKeys(frame.shapes[i]!, end - access);
      access = end;
      keyEnds[i] = keys;
    }
  }

  private placeAll(frame: FrameMessage, from: number, to: number, loads: ExecutorLoads): void {
    const { executors } = this.table.memory.frame;
    if (loads.count === 1) {
      const out = this.placedOn[0]!;
      executors.fill(0, from, to);
      for (let i = from; i < to; i++) out.indexes[out.count++] = i;
      loads.inFlight[0]! += to - from;
      return;
    }
    let access = from === 0 ? 0 : frame.accessEnds[from - 1]!;
    for (let i = from; i < to; i++) {
      const end = frame.accessEnds[i]!;
      const e = this.place(frame, access, end, loads);
      const out = this.placedOn[e]!;
      out.indexes[out.count++] = i;
      loads.inFlight[e]!++;
      executors[i] = e;
      access = end;
    }
  }

  private place(frame: FrameMessage, from: number, to: number, loads: ExecutorLoads): number {
    const { owners, weights, table, progress } = this;
    const { rows } = table.memory.frame;
    let owned = 0;
    for (let a = from; a < to; a++) {
      const kind = frame.accessKinds[a]!;
      if (kind === AccessKind.D || kind === AccessKind.H) continue;
      const row = rows[a]!;
      if (row < 0) continue;
      const writer = table.u32[(row << 1) + META]! & 255;
      if (writer === NO_WRITER) continue;
      if (weights[writer] === 0) owners[owned++] = writer;
      weights[writer]! +=
        table.f64[row + COMPLETE_AT]! <= progress.complete
          ? OWNED_WEIGHT
          : table.u32[(row << 1) + HEAT]! >= HOT_HEAT
            ? HOT_WEIGHT
            : IN_FLIGHT_WEIGHT;
    }
    const e = this.policy.place(loads, owners, owned, weights);
    for (let k = 0; k < owned; k++) weights[owners[k]!] = 0;
    return e;
  }

  private sendLosses(epoch: number, executors: number): void {
    for (let e = 0; e < executors; e++) {
      const losses = this.grants.losses[e]!;
      if (losses.hi.length === 0) continue;
      const { hi, lo, versions, owners } = losses;
      this.sink.ownership(
        e,
        encode(Ownership, {
          epoch,
          executor: e,
          hi: hi.view(),
          lo: lo.view(),
          versions: versions.view(),
          owners: owners.view(),
        }),
      );
      losses.clear();
    }
  }
}
