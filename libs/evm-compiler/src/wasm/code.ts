/** The body of one function while it is written: instructions, and locals as they are asked for. */
import { ByteSink } from "./bytes.ts";
import { BULK, BULK_PREFIX, EMPTY_BLOCK, OP, SIMD, SIMD_PREFIX, VALUE, type ValueType } from "./opcodes.ts";

/** A limit of the emitter was passed; the code stays with the interpreter. */
export class BudgetError extends Error {
  readonly code: BudgetKind;
  constructor(code: BudgetKind, message: string) {
    super(message);
    this.name = "BudgetError";
    this.code = code;
  }
}

export type BudgetKind =
  | "code-size"
  | "variants"
  | "operations"
  | "locals"
  | "nesting"
  | "bytes"
  | "time"
  | "memory"
  | "ir"
  | "crash";

export class FunctionCode {
  readonly code = new ByteSink(4096);
  readonly parameters: readonly ValueType[];
  /** Types of the locals behind the parameters, by index. */
  readonly #locals: ValueType[] = [];
  readonly #maxBytes: number;
  readonly #maxLocals: number;
  /** Open blocks, loops and ifs. */
  depth = 0;

  constructor(parameters: readonly ValueType[], limits: { maxBytes: number; maxLocals: number }) {
    this.parameters = parameters;
    this.#maxBytes = limits.maxBytes;
    this.#maxLocals = limits.maxLocals;
  }

  get localCount(): number {
    return this.parameters.length + this.#locals.length;
  }

  /** A new local. Throws BudgetError. */
  local(type: ValueType): number {
    const index = this.localCount;
    if (index >= this.#maxLocals) {
      throw new BudgetError("locals", `the function needs more than ${this.#maxLocals} locals`);
    }
    this.#locals.push(type);
    return index;
  }

  /** Throws BudgetError when the body has become too large; called once per operation, not per byte. */
  checkSize(): void {
    if (this.code.length > this.#maxBytes) {
      throw new BudgetError("bytes", `the function needs more than ${this.#maxBytes} bytes of WebAssembly`);
    }
  }

  op(opcode: number): void {
    this.code.byte(opcode);
  }
  unreachable(): void {
    this.code.byte(OP.unreachable);
  }
  get(local: number): void {
    this.code.byte(OP.localGet);
    this.code.u32(local);
  }
  set(local: number): void {
    this.code.byte(OP.localSet);
    this.code.u32(local);
  }
  tee(local: number): void {
    this.code.byte(OP.localTee);
    this.code.u32(local);
  }
  i32(value: number): void {
    this.code.byte(OP.i32Const);
    this.code.s32(value);
  }
  i64(value: bigint | number): void {
    this.code.byte(OP.i64Const);
    if (typeof value === "number") this.code.s32(value);
    else this.code.s64(value);
  }
  call(functionIndex: number): void {
    this.code.byte(OP.call);
    this.code.u32(functionIndex);
  }
  /** Ends the function; the called one returns to the caller. */
  returnCall(functionIndex: number): void {
    this.code.byte(OP.returnCall);
    this.code.u32(functionIndex);
  }
  globalGet(index: number): void {
    this.code.byte(OP.globalGet);
    this.code.u32(index);
  }
  /** A load or store; no alignment is promised. */
  memory(opcode: number, offset: number): void {
    this.code.byte(opcode);
    this.code.byte(0);
    this.code.u32(offset);
  }
  simd(opcode: number): void {
    this.code.byte(SIMD_PREFIX);
    this.code.u32(opcode);
  }
  simdMemory(opcode: number, offset: number): void {
    this.simd(opcode);
    this.code.byte(0);
    this.code.u32(offset);
  }
  lane(opcode: number, lane: number): void {
    this.simd(opcode);
    this.code.byte(lane);
  }
  /** Reverses the 16 bytes on the stack. */
  reverseBytes(): void {
    this.v128(REVERSED);
    this.simd(SIMD.i8x16Swizzle);
  }
  v128(bytes: Uint8Array): void {
    this.simd(SIMD.v128Const);
    this.code.raw(bytes);
  }
  memoryCopy(): void {
    this.code.byte(BULK_PREFIX);
    this.code.u32(BULK.memoryCopy);
    this.code.byte(0);
    this.code.byte(0);
  }
  memoryFill(): void {
    this.code.byte(BULK_PREFIX);
    this.code.u32(BULK.memoryFill);
    this.code.byte(0);
  }

  block(): void {
    this.#open(OP.block);
  }
  loop(): void {
    this.#open(OP.loop);
  }
  if(): void {
    this.#open(OP.if);
  }
  else(): void {
    this.code.byte(OP.else);
  }
  end(): void {
    this.depth--;
    this.code.byte(OP.end);
  }
  br(levels: number): void {
    this.code.byte(OP.br);
    this.code.u32(levels);
  }
  brIf(levels: number): void {
    this.code.byte(OP.brIf);
    this.code.u32(levels);
  }
  brTable(levels: readonly number[], otherwise: number): void {
    this.code.byte(OP.brTable);
    this.code.u32(levels.length);
    for (const level of levels) this.code.u32(level);
    this.code.u32(otherwise);
  }

  /** Locals, instructions and the closing end, as the code section holds them. */
  writeTo(sink: ByteSink): void {
    const groups: [number, ValueType][] = [];
    for (const type of this.#locals) {
      const last = groups[groups.length - 1];
      if (last !== undefined && last[1] === type) last[0]++;
      else groups.push([1, type]);
    }
    const head = new ByteSink(16 + groups.length * 6);
    head.u32(groups.length);
    for (const [count, type] of groups) {
      head.u32(count);
      head.byte(type);
    }
    sink.u32(head.length + this.code.length + 1);
    sink.raw(head.view());
    sink.raw(this.code.view());
    sink.byte(OP.end);
  }

  #open(opcode: number): void {
    this.depth++;
    this.code.byte(opcode);
    this.code.byte(EMPTY_BLOCK);
  }
}

const REVERSED = Uint8Array.from({ length: 16 }, (_, i) => 15 - i);
export const I32 = VALUE.i32;
export const I64 = VALUE.i64;
export const V128 = VALUE.v128;
