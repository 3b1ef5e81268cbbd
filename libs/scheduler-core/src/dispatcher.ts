/**
 * The hot loop: one frame in, grants for every access, one Dispatch per executor out. It goes through the frame in
 * chunks of some fifty transactions: first all their rows are found (independent loads, so that cache misses overlap),
 * then they are placed and granted in seq order. No object per transaction or access.
 */
import { encode, F64Vector, U8Vector, U32Vector } from "@velarium/columns";
import { AccessKind, partitionOfId } from "@velarium/slots";
import { GrantMode, Ownership, Shape } from "@velarium/wire";
import { ConflictHistory, NOTED_HEAT, ParallelismMeter } from "./conflicts.ts";
import { grantValue, joinGeneration, type Progress, recordWrite, type SealSink } from "./grants.ts";
import { type FrameMessage, PlacedColumns } from "./placed.ts";
import {
  type ExecutorLoads,
  HOT_HEAT,
  HOT_WEIGHT,
  IN_FLIGHT_WEIGHT,
  OWNED_WEIGHT,
  type PlacementPolicy,
} from "./placement.ts";
import { COMPLETE_AT, DEPTH, GEN_DEPTH, HEAT, META, NO_WRITER, type SlotTable } from "./slot-table.ts";

/**
 * Accesses whose rows are loaded ahead: the first loop has no branch on what it loads, so some ten cache misses overlap
 * instead of one or two; 256 lines of 64 bytes are half of a first-level cache.
 */
const TOUCH_CHUNK = 256;

/** What the dispatcher needs of the block it is in. */
export interface DispatchBlock {
  readonly firstSeq: number;
  readonly beneficiaryHi: number;
  readonly beneficiaryLo: number;
  /** Versions and contributions to expect, per partition. */
  readonly versionCounts: Uint32Array;
  readonly deltaCounts: Uint32Array;
}

export interface DispatchSink extends SealSink {
  dispatch(executor: number, bytes: Uint8Array): void;
  /** Told before the transaction of this seq is sent. */
  placed(seq: number, executor: number): void;
  ownership(loser: number, bytes: Uint8Array): void;
}

/** Slots that one executor loses in a frame. */
class Losses {
  readonly hi = new U32Vector(64);
  readonly lo = new U32Vector(64);
  readonly versions = new F64Vector(64);
  readonly owners = new U8Vector(64);
}

export class Dispatcher {
  readonly table: SlotTable;
  readonly history = new ConflictHistory();
  readonly parallelism: ParallelismMeter;
  /** Grants by mode. */
  readonly grantCounts = new Float64Array(8);
  ownershipMoves = 0;
  private readonly policy: PlacementPolicy;
  private readonly progress: Progress;
  private readonly sink: DispatchSink;
  private readonly placedOn: PlacedColumns[] = [];
  private readonly losses: Losses[] = [];
  /** Keeps the loads of `findRows` from being optimised away. */
  private touched = 0;
  private rows = new Int32Array(4096);
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
    this.parallelism = new ParallelismMeter(tlpWindow);
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
    const { accessEnds, accessHi } = frame;
    const firstAccess = from === 0 ? 0 : accessEnds[from - 1]!;
    const { complete, durable } = this.progress;
    this.table.reserve(accessHi, firstAccess, to === 0 ? 0 : accessEnds[to - 1]!, 1, complete, durable);
    this.indexKeys(frame);
    while (this.placedOn.length < loads.count) {
      this.placedOn.push(new PlacedColumns());
      this.losses.push(new Losses());
    }
    for (let e = 0; e < loads.count; e++) this.placedOn[e]!.clear();

    const feeGroup = this.table.groupOf(block.beneficiaryHi);
    const feeRow = feeGroup.ensure(block.beneficiaryHi, block.beneficiaryLo);
    let access = firstAccess;
    let found = firstAccess;
    for (let i = from; i < to; i++) {
      const end = accessEnds[i]!;
      if (end > found) {
        // Rows of the next transactions as well, about a chunk of accesses.
        let ahead = i;
        while (ahead + 1 < to && accessEnds[ahead + 1]! - access <= TOUCH_CHUNK) ahead++;
        this.findRows(frame, found, accessEnds[ahead]!);
        found = accessEnds[ahead]!;
      }
      const seq = frame.firstSeq + i;
      const e = loads.count === 1 ? 0 : this.place(frame, access, end, loads);
      loads.inFlight[e]!++;
      const out = this.placedOn[e]!;
      out.indexes.push(i);
      out.seqs.push(seq);
      this.sink.placed(seq, e);
      const depth = 1 + this.depthOf(frame, access, end);
      let paysByContribution = true;
      for (; access < end; access++) {
        if (settled) this.grantSettled(frame, access, seq, e, depth, block, out);
        else this.grant(frame, access, seq, e, depth, block, out);
        const kind = frame.accessKinds[access]!;
        if (
          (kind === AccessKind.W || kind === AccessKind.X || (settled && kind === AccessKind.D)) &&
          frame.accessLo[access] === block.beneficiaryLo &&
          frame.accessHi[access] === block.beneficiaryHi
        )
          paysByContribution = false;
      }
      const shape = frame.shapes[i]!;
      if (shape === Shape.blockOpen || shape === Shape.blockClose || !paysByContribution)
        out.feeGens.push(-1);
      else {
        out.feeGens.push(
          joinGeneration(feeGroup, feeRow, seq, block.firstSeq, depth, this.progress, this.sink),
        );
        block.deltaCounts[partitionOfId(block.beneficiaryHi)]!++;
      }
      const meter = this.parallelism;
      meter.transactions++;
      if (depth > meter.deepest) meter.deepest = depth;
    }
    this.parallelism.roll();
    for (let e = 0; e < loads.count; e++) {
      const out = this.placedOn[e]!;
      if (out.indexes.length > 0) this.sink.dispatch(e, out.pack(frame, epoch, this.keyEnds));
    }
    this.sendLosses(epoch, loads.count);
  }

  /** An undeclared write of the marked tail: the row follows, and one more version is to be expected. */
  correct(hi: number, lo: number, seq: number, executor: number, block: DispatchBlock): void {
    const group = this.table.groupOf(hi);
    group.reserve(1, this.progress.complete, this.progress.durable);
    const row = group.ensure(hi, lo);
    recordWrite(group, row, seq, executor, this.parallelism.deepest);
    block.versionCounts[partitionOfId(hi)]!++;
  }

  private findRows(frame: FrameMessage, from: number, to: number): void {
    if (this.rows.length < to) {
      const grown = new Int32Array(2 * to);
      grown.set(this.rows);
      this.rows = grown;
    }
    const { rows, table } = this;
    const { groups, groupMask } = table;
    const { accessHi, accessLo, accessKinds } = frame;
    let touched = this.touched;
    for (let a = from; a < to; a++) touched ^= groups[(accessHi[a]! >>> 24) & groupMask]!.touch(accessLo[a]!);
    for (let a = from; a < to; a++)
      rows[a] = groups[(accessHi[a]! >>> 24) & groupMask]!.candidate(accessLo[a]!);
    for (let a = from; a < to; a++) {
      const hi = accessHi[a]!;
      const group = groups[(hi >>> 24) & groupMask]!;
      const row = rows[a]!;
      if (row >= 0 && group.confirm(row, hi)) continue;
      const kind = accessKinds[a]!;
      const isRead = kind === AccessKind.R || kind === AccessKind.P || kind === AccessKind.H;
      rows[a] = isRead ? group.find(hi, accessLo[a]!) : group.ensure(hi, accessLo[a]!);
    }
    this.touched = touched;
  }

  /** Where each transaction's keys end: transfers have none. */
  private indexKeys(frame: FrameMessage): void {
    const count = frame.shapes.length;
    if (this.keyEnds.length < count) this.keyEnds = new Uint32Array(2 * count);
    const { keyEnds } = this;
    let keys = 0;
    let access = 0;
    for (let i = 0; i < count; i++) {
      const end = frame.accessEnds[i]!;
      if (frame.shapes[i] !== Shape.transfer) keys += end - access;
      access = end;
      keyEnds[i] = keys;
    }
  }

  private place(frame: FrameMessage, from: number, to: number, loads: ExecutorLoads): number {
    const { rows, owners, weights, table, progress } = this;
    let owned = 0;
    for (let a = from; a < to; a++) {
      const kind = frame.accessKinds[a]!;
      if (kind === AccessKind.D || kind === AccessKind.H) continue;
      const group = table.groupOf(frame.accessHi[a]!);
      const row = rows[a]!;
      if (row < 0) continue;
      const writer = group.u32[(row << 1) + META]! & 255;
      if (writer === NO_WRITER) continue;
      if (weights[writer] === 0) owners[owned++] = writer;
      weights[writer]! +=
        group.f64[row + COMPLETE_AT]! <= progress.complete
          ? OWNED_WEIGHT
          : group.u32[(row << 1) + HEAT]! >= HOT_HEAT
            ? HOT_WEIGHT
            : IN_FLIGHT_WEIGHT;
    }
    const e = this.policy.place(loads, owners, owned, weights);
    for (let k = 0; k < owned; k++) weights[owners[k]!] = 0;
    return e;
  }

  /** Longest chain of transactions that this one has to wait for, counted from the start of the window. */
  private depthOf(frame: FrameMessage, from: number, to: number): number {
    const { rows, table } = this;
    let depth = this.parallelism.base;
    for (let a = from; a < to; a++) {
      const kind = frame.accessKinds[a]!;
      if (kind === AccessKind.D || kind === AccessKind.H) continue;
      if (rows[a]! < 0) continue;
      const { u32 } = table.groupOf(frame.accessHi[a]!);
      const w = rows[a]! << 1;
      if (u32[w + DEPTH]! > depth) depth = u32[w + DEPTH]!;
      if (u32[w + GEN_DEPTH]! > depth) depth = u32[w + GEN_DEPTH]!;
    }
    return depth;
  }

  private grant(
    frame: FrameMessage,
    access: number,
    seq: number,
    e: number,
    depth: number,
    block: DispatchBlock,
    out: PlacedColumns,
  ): void {
    const kind = frame.accessKinds[access]!;
    if (kind === AccessKind.H) {
      out.modes.push(GrantMode.blockHash);
      out.versions.push(0);
      return;
    }
    const hi = frame.accessHi[access]!;
    const group = this.table.groupOf(hi);
    const row = this.rows[access]!;
    if (row < 0) {
      // Nobody writes it: every reader gets the same version, which executors have in their caches.
      out.modes.push(GrantMode.floor);
      out.versions.push(group.floorOf(hi));
      this.grantCounts[GrantMode.floor]!++;
      return;
    }
    if (kind === AccessKind.D) {
      out.modes.push(GrantMode.contribute);
      out.versions.push(joinGeneration(group, row, seq, block.firstSeq, depth, this.progress, this.sink));
      block.deltaCounts[partitionOfId(hi)]!++;
      return;
    }
    if (grantValue(group, row, seq, e, this.progress, out)) {
      const at = (row << 1) + HEAT;
      const heat = ++group.u32[at]!;
      if (heat >= NOTED_HEAT && (heat & (heat - 1)) === 0)
        this.history.note(hi, frame.accessLo[access]!, heat);
    }
    this.grantCounts[out.modes.at(out.modes.length - 1)]!++;
    if (kind !== AccessKind.R && kind !== AccessKind.P) this.write(frame, access, seq, e, depth, block);
  }

  private grantSettled(
    frame: FrameMessage,
    access: number,
    seq: number,
    e: number,
    depth: number,
    block: DispatchBlock,
    out: PlacedColumns,
  ): void {
    const kind = frame.accessKinds[access]!;
    const isHash = kind === AccessKind.H;
    out.modes.push(isHash ? GrantMode.blockHash : GrantMode.settled);
    out.versions.push(isHash ? 0 : seq - 1);
    if (kind === AccessKind.W || kind === AccessKind.X || kind === AccessKind.D)
      this.write(frame, access, seq, e, depth, block);
  }

  private write(
    frame: FrameMessage,
    access: number,
    seq: number,
    e: number,
    depth: number,
    block: DispatchBlock,
  ): void {
    const hi = frame.accessHi[access]!;
    const before = recordWrite(this.table.groupOf(hi), this.rows[access]!, seq, e, depth);
    block.versionCounts[partitionOfId(hi)]!++;
    if (before === NO_WRITER || before === e) return;
    const losses = this.losses[before]!;
    losses.hi.push(hi);
    losses.lo.push(frame.accessLo[access]!);
    losses.versions.push(seq);
    losses.owners.push(e);
    this.ownershipMoves++;
  }

  private sendLosses(epoch: number, executors: number): void {
    for (let e = 0; e < executors; e++) {
      const { hi, lo, versions, owners } = this.losses[e]!;
      if (hi.length === 0) continue;
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
      hi.clear();
      lo.clear();
      versions.clear();
      owners.clear();
    }
  }
}
