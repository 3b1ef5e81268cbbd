/** Packs records where an engine has them as objects: the reference interpreter, and tests. */
import { TraceError } from "./error.ts";
import type { EnterEvent, ExitEvent, MemoryEvent, StepEvent } from "./events.ts";
import { Field, padded, RECORD_BYTES, RecordKind } from "./layout.ts";

const FIRST_BYTES = 1 << 16;
const LIMB = (1n << 64n) - 1n;

export class TraceWriter {
  private bytes = new Uint8Array(FIRST_BYTES);
  private view = new DataView(this.bytes.buffer);
  private length = 0;
  private readonly maxBytes: number;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** What was written so far; borrowed until the next record. */
  get trace(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  clear(): void {
    this.length = 0;
  }

  /** @throws TraceError `limit` */
  step(event: Omit<StepEvent, "kind">): void {
    const at = this.begin(RecordKind.step, event.op, event.depth, event.pc, event.gas, 0);
    this.view.setUint32(at + Field.memory, event.memoryWords, true);
    this.view.setUint32(at + Field.height, event.stackHeight, true);
    this.view.setBigInt64(at + Field.refund, event.refund, true);
    this.word(at, event.top);
  }

  /** @throws TraceError `limit` */
  enter(event: Omit<EnterEvent, "kind">): void {
    const { input } = event;
    const at = this.begin(
      RecordKind.enter,
      event.op,
      event.depth,
      input.length,
      event.gas,
      40 + input.length,
    );
    this.view.setBigInt64(at + Field.callerGas, event.callerGas, true);
    this.word(at, event.value);
    this.bytes.set(event.from, at + RECORD_BYTES);
    this.bytes.set(event.to, at + RECORD_BYTES + 20);
    this.bytes.set(input, at + RECORD_BYTES + 40);
  }

  /** @throws TraceError `limit` */
  exit(event: Omit<ExitEvent, "kind">): void {
    const { output } = event;
    const at = this.begin(
      RecordKind.exit,
      event.failure,
      event.depth,
      output.length,
      event.gasLeft,
      output.length,
    );
    this.bytes.set(output, at + RECORD_BYTES);
  }

  /** @throws TraceError `limit` */
  memory(event: Omit<MemoryEvent, "kind">): void {
    const at = this.begin(RecordKind.memory, 0, event.depth, event.bytes.length, 0n, event.bytes.length);
    this.view.setUint32(at + Field.memory, event.offset, true);
    this.bytes.set(event.bytes, at + RECORD_BYTES);
  }

  private begin(kind: number, op: number, depth: number, pc: number, gas: bigint, extra: number): number {
    const at = this.length;
    this.reserve(RECORD_BYTES + padded(extra));
    this.bytes.fill(0, at, this.length);
    this.view.setUint8(at + Field.kind, kind);
    this.view.setUint8(at + Field.op, op);
    this.view.setUint16(at + Field.depth, depth, true);
    this.view.setUint32(at + Field.pc, pc, true);
    this.view.setBigInt64(at + Field.gas, gas, true);
    return at;
  }

  private reserve(size: number): void {
    const length = this.length + size;
    if (length > this.maxBytes)
      throw new TraceError("limit", `the trace is longer than ${this.maxBytes} bytes`);
    if (length > this.bytes.length) {
      const grown = new Uint8Array(Math.min(Math.max(length, this.bytes.length * 2), this.maxBytes));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
      this.view = new DataView(grown.buffer);
    }
    this.length = length;
  }

  private word(at: number, value: bigint): void {
    for (let limb = 0; limb < 4; limb++)
      this.view.setBigUint64(at + Field.word + limb * 8, (value >> BigInt(64 * limb)) & LIMB, true);
  }
}
