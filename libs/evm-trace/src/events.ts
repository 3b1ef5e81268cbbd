/** Packed records as objects, one at a time; those of an execution to be run again as if it had been told. */
import { TraceError } from "./error.ts";
import { type Failure, Field, padded, RECORD_BYTES, RecordKind, RerunKind } from "./layout.ts";
import { RerunRecords } from "./rerun/records.ts";
import { rerun } from "./rerun/rerun.ts";

export interface StepEvent {
  readonly kind: typeof RecordKind.step;
  readonly op: number;
  /** 0 is the transaction's own frame. */
  readonly depth: number;
  readonly pc: number;
  /** Gas before the opcode is charged. */
  readonly gas: bigint;
  readonly memoryWords: number;
  readonly stackHeight: number;
  readonly refund: bigint;
  /** 0 when the stack is empty. */
  readonly top: bigint;
}

export interface EnterEvent {
  readonly kind: typeof RecordKind.enter;
  /** Opcode of the call or creation; CALL or CREATE for the transaction itself. */
  readonly op: number;
  readonly depth: number;
  readonly gas: bigint;
  readonly callerGas: bigint;
  readonly value: bigint;
  /** 20 bytes each. `to` is the account whose code runs. */
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  /** Calldata, or initcode of a creation. */
  readonly input: Uint8Array;
}

export interface ExitEvent {
  readonly kind: typeof RecordKind.exit;
  readonly failure: Failure;
  readonly depth: number;
  readonly gasLeft: bigint;
  readonly output: Uint8Array;
}

export interface MemoryEvent {
  readonly kind: typeof RecordKind.memory;
  readonly depth: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export type TraceEvent = StepEvent | EnterEvent | ExitEvent | MemoryEvent;

export interface TraceReadOptions {
  /** Steps at most, which also bounds the work of running an execution again. Default 4 million: some seconds. */
  readonly maxSteps?: number;
}

export const DEFAULT_MAX_STEPS = 2 ** 22;

/** Events in order. Byte columns may borrow from `trace`. @throws TraceError `format`, `limit` */
export function traceEvents(trace: Uint8Array, options: TraceReadOptions = {}): Generator<TraceEvent> {
  if (trace[0] !== RerunKind.begin) return toldEvents(trace);
  return rerun(new RerunRecords(trace, 0), options.maxSteps ?? DEFAULT_MAX_STEPS);
}

function* toldEvents(trace: Uint8Array): Generator<TraceEvent> {
  const view = new DataView(trace.buffer, trace.byteOffset, trace.byteLength);
  for (let at = 0; at < trace.length; ) {
    if (at + RECORD_BYTES > trace.length) throw cutOff(at);
    const kind = view.getUint8(at + Field.kind);
    const depth = view.getUint16(at + Field.depth, true);
    if (kind === RecordKind.step) {
      yield stepAt(view, at, depth);
      at += RECORD_BYTES;
      continue;
    }
    const size = view.getUint32(at + Field.pc, true);
    const addresses = kind === RecordKind.enter ? 40 : 0;
    const body = at + RECORD_BYTES + addresses;
    const end = at + RECORD_BYTES + padded(addresses + size);
    if (end > trace.length) throw cutOff(at);
    const bytes = trace.subarray(body, body + size);
    if (kind === RecordKind.enter) yield enterAt(view, at, depth, trace, bytes);
    else if (kind === RecordKind.exit)
      yield {
        kind,
        failure: view.getUint8(at + Field.op) as Failure,
        depth,
        gasLeft: view.getBigInt64(at + Field.gas, true),
        output: bytes,
      };
    else if (kind === RecordKind.memory)
      yield { kind, depth, offset: view.getUint32(at + Field.memory, true), bytes };
    else throw new TraceError("format", `byte ${at}: no record is of kind ${kind}`);
    at = end;
  }
}

const cutOff = (at: number): TraceError => new TraceError("format", `the record at byte ${at} is cut off`);

function stepAt(view: DataView, at: number, depth: number): StepEvent {
  return {
    kind: RecordKind.step,
    op: view.getUint8(at + Field.op),
    depth,
    pc: view.getUint32(at + Field.pc, true),
    gas: view.getBigInt64(at + Field.gas, true),
    memoryWords: view.getUint32(at + Field.memory, true),
    stackHeight: view.getUint32(at + Field.height, true),
    refund: view.getBigInt64(at + Field.refund, true),
    top: wordAt(view, at + Field.word),
  };
}

function enterAt(
  view: DataView,
  at: number,
  depth: number,
  trace: Uint8Array,
  input: Uint8Array,
): EnterEvent {
  const from = at + RECORD_BYTES;
  return {
    kind: RecordKind.enter,
    op: view.getUint8(at + Field.op),
    depth,
    gas: view.getBigInt64(at + Field.gas, true),
    callerGas: view.getBigInt64(at + Field.callerGas, true),
    value: wordAt(view, at + Field.word),
    from: trace.subarray(from, from + 20),
    to: trace.subarray(from + 20, from + 40),
    input,
  };
}

function wordAt(view: DataView, at: number): bigint {
  let word = 0n;
  for (let limb = 3; limb >= 0; limb--) word = (word << 64n) | view.getBigUint64(at + limb * 8, true);
  return word;
}
