/**
 * Memory of the slot table: rows, tags, floors, the kernel's counts and the columns of the frame at hand, in one
 * WebAssembly memory, in which the kernel (assembly/index.ts) searches and grants. It begins at a page, so that a row of 64
 * bytes is one cache line (an ordinary large buffer begins 16 bytes behind a page).
 */
import type { WasmMemory } from "@velarium/wasm";
import { COUNT_WORDS, FLOORS } from "../assembly/interface.ts";
import { FrameColumns } from "./frame-columns.ts";
import { allocate, createKernel, PAGE_BYTES, type SchedulerKernel } from "./kernel.ts";

const ROW_BYTES = 64;
/** A frame of some thousand transfers; columns grow with larger ones. */
const INITIAL_ROOM = { transactions: 1024, accesses: 8192 };
const align = (offset: number): number => (offset + 63) & ~63;

export class RowMemory {
  readonly kernel: SchedulerKernel;
  f64!: Float64Array;
  u32!: Uint32Array;
  tags!: Uint8Array;
  /** Everything that was ever known of a slot without a row is complete up to here; by group and low bits of idHi. */
  floors!: Float64Array;
  /** Words of assembly/interface.ts. */
  counts!: Uint32Array;
  frame!: FrameColumns;
  private readonly memory: WasmMemory;
  private readonly places: number;
  private readonly tagCount: number;
  private readonly groups: number;
  private room = INITIAL_ROOM;

  /** Zeroed. Throws KernelFileError of libs/wasm. */
  constructor(places: number, tagCount: number, groups: number) {
    this.places = places;
    this.tagCount = tagCount;
    this.groups = groups;
    this.memory = allocate(this.columnsOf(undefined).end);
    this.kernel = createKernel(this.memory);
    this.look();
    this.kernel.countsAt(this.counts.byteOffset, this.floors.byteOffset, groups - 1);
  }

  /** Room for a frame; true when the views are others now. */
  reserveFrame(transactions: number, accesses: number): boolean {
    const { room } = this;
    if (transactions <= room.transactions && accesses <= room.accesses) return false;
    this.room = {
      transactions: Math.max(room.transactions, 2 * transactions),
      accesses: Math.max(room.accesses, 2 * accesses),
    };
    const more = this.columnsOf(undefined).end - this.memory.buffer.byteLength;
    if (more > 0) this.memory.grow(Math.ceil(more / PAGE_BYTES));
    this.look();
    return true;
  }

  private get tagsAt(): number {
    return this.places * ROW_BYTES;
  }

  private get floorsAt(): number {
    return align(this.tagsAt + this.tagCount);
  }

  private get countsAt(): number {
    return this.floorsAt + this.groups * FLOORS * 8;
  }

  private columnsOf(buffer: ArrayBuffer | undefined): FrameColumns {
    return new FrameColumns(buffer, align(this.countsAt + COUNT_WORDS * 4), this.room);
  }

  /** Views of the memory as it is now. */
  private look(): void {
    const { buffer } = this.memory;
    const bytes = this.places * ROW_BYTES;
    this.f64 = new Float64Array(buffer, 0, bytes / 8);
    this.u32 = new Uint32Array(buffer, 0, bytes / 4);
    this.tags = new Uint8Array(buffer, this.tagsAt, this.tagCount);
    this.floors = new Float64Array(buffer, this.floorsAt, this.groups * FLOORS);
    this.counts = new Uint32Array(buffer, this.countsAt, COUNT_WORDS);
    const frame = this.columnsOf(buffer);
    this.frame = frame;
    this.kernel.columnsAt(
      frame.accessHi.byteOffset,
      frame.accessKinds.byteOffset,
      frame.rows.byteOffset,
      frame.modes.byteOffset,
      frame.versions.byteOffset,
      frame.accessEnds.byteOffset,
      frame.shapes.byteOffset,
      frame.executors.byteOffset,
      frame.feeGens.byteOffset,
      frame.generations.byteOffset,
      frame.events.byteOffset,
    );
  }
}
