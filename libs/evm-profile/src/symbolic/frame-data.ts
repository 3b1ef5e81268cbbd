/**
 * What moves through a frame's memory: calldata, code and return data copied in, bytes hashed and passed on. An offset
 * or a size that is not known ends the path, but for data copied whole.
 */
import type { Bytes, ExpressionId } from "../profile/format.ts";
import type { Expressions } from "./expressions.ts";
import { SymbolicMemory } from "./memory.ts";
import type { PathState } from "./path-state.ts";
import type { SoughtSelector } from "./sought-selector.ts";
import { Unknown } from "./unknown.ts";

/** What is asked of memory, where it can be followed. */
function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Unknown("memory");
  return value;
}

export class FrameData {
  private readonly expressions: Expressions;
  private readonly code: Uint8Array;
  private readonly selector: SoughtSelector;
  private readonly positions: readonly number[];

  /** `positions`: of the PUSH instructions whose data differs between codes of one template. */
  constructor(
    expressions: Expressions,
    code: Uint8Array,
    selector: SoughtSelector,
    positions: readonly number[],
  ) {
    this.expressions = expressions;
    this.code = code;
    this.selector = selector;
    this.positions = positions;
  }

  /** The word of calldata at an offset; the first four bytes are the selector. */
  calldata(offset: ExpressionId): ExpressionId {
    const { expressions } = this;
    if (this.selector.isEmpty) return expressions.constant(0n);
    const at = expressions.valueOf(offset);
    if (at === undefined) return expressions.intern({ op: "calldataat", args: [offset] });
    if (at >= 4n)
      return expressions.intern({ op: "calldata", offset: Number(at > 0xffff_ffffn ? 0xffff_ffffn : at) });
    const head = expressions.constant(this.selector.word);
    const tail = expressions.intern({ op: "calldata", offset: 4 });
    const inHead = 4 - Number(at);
    return expressions.joined([
      { value: head, from: Number(at), size: inHead },
      { value: tail, from: 0, size: 32 - inHead },
    ]);
  }

  copyCalldata(memory: SymbolicMemory, to: ExpressionId, from: ExpressionId, size: ExpressionId): void {
    const { expressions } = this;
    const source = expressions.all[from]!;
    const count = expressions.all[size]!;
    if (count.op === "environment" && count.name === "calldatasize" && expressions.valueOf(from) === 0n)
      return memory.storeWhole(this.offset(to), { kind: "calldata" });
    const bytes = this.offset(size);
    if (bytes === 0) return;
    const at = this.offset(to);
    const isZeros = source.op === "environment" && source.name === "calldatasize";
    for (let done = 0; done < bytes; done += 32) {
      const value = isZeros
        ? expressions.constant(0n)
        : this.calldata(expressions.apply("add", [from, expressions.constant(BigInt(done))]));
      memory.store(at + done, value, 0, Math.min(32, bytes - done));
    }
  }

  copyCode(memory: SymbolicMemory, to: ExpressionId, from: ExpressionId, size: ExpressionId): void {
    const bytes = this.offset(size);
    if (bytes === 0) return;
    const source = this.offset(from);
    const at = this.offset(to);
    // What differs between codes of one template is not known here. A PUSH has 32 bytes of data at most.
    if (this.positions.some((pc) => pc + 33 > source && pc + 1 < source + bytes)) throw new Unknown("memory");
    for (let done = 0; done < bytes; done += 32) {
      let word = 0n;
      for (let i = 0; i < 32; i++) word = (word << 8n) | BigInt(this.code[source + done + i] ?? 0);
      memory.store(at + done, this.expressions.constant(word), 0, Math.min(32, bytes - done));
    }
  }

  /** True when the frame fails by it. */
  copyReturned(state: PathState, to: ExpressionId, from: ExpressionId, size: ExpressionId): boolean {
    const { expressions } = this;
    const count = expressions.all[size]!;
    const call = state.lastCall;
    if (
      call !== undefined &&
      count.op === "returnsize" &&
      count.step === call.step &&
      expressions.valueOf(from) === 0n
    ) {
      state.memory.storeWhole(this.offset(to), { kind: "returned", step: call.step });
      return false;
    }
    const bytes = expressions.valueOf(size);
    const start = expressions.valueOf(from);
    if (bytes === undefined || start === undefined) throw new Unknown("returndata");
    if (bytes === 0n && start === 0n) return false;
    if (call === undefined) return true;
    if (call.size === undefined || start + bytes > BigInt(call.size)) throw new Unknown("returndata");
    this.storeReturned(state.memory, this.offset(to), call.step, Number(start), Number(bytes));
    return false;
  }

  storeReturned(memory: SymbolicMemory, at: number, step: number, from: number, size: number): void {
    for (let done = 0; done < size; done += 32) {
      const value = this.expressions.intern({ op: "returned", step, offset: from + done });
      memory.store(at + done, value, 0, Math.min(32, size - done));
    }
  }

  move(memory: SymbolicMemory, to: ExpressionId, from: ExpressionId, size: ExpressionId): void {
    const bytes = this.offset(size);
    if (bytes === 0) return;
    const parts = known(memory.parts(this.offset(from), bytes, this.expressions));
    let at = this.offset(to);
    for (const part of parts) {
      memory.store(at, part.value, part.from, part.size);
      at += part.size;
    }
  }

  /** `size` bytes of memory at `offset`, as a frame passes them on. */
  bytesAt(state: PathState, offset: ExpressionId, size: ExpressionId): Bytes {
    const count = this.expressions.valueOf(size);
    if (count === 0n) return { kind: "parts", parts: [] };
    if (count === undefined) {
      const expression = this.expressions.all[size]!;
      const whole = state.memory.whole(this.offset(offset));
      const fits =
        (whole?.kind === "calldata" &&
          expression.op === "environment" &&
          expression.name === "calldatasize") ||
        (whole?.kind === "returned" && expression.op === "returnsize" && expression.step === whole.step);
      if (fits && whole !== undefined) return whole;
      throw new Unknown("memory");
    }
    const parts = known(state.memory.parts(this.offset(offset), this.offset(size), this.expressions));
    return { kind: "parts", parts };
  }

  /** An offset or a size that is known. */
  offset(id: ExpressionId): number {
    const value = this.expressions.valueOf(id);
    if (!SymbolicMemory.isOffset(value)) throw new Unknown("memory");
    return Number(value);
  }

  /** The word of memory at an offset. */
  load(memory: SymbolicMemory, at: ExpressionId): ExpressionId {
    return known(memory.load(this.offset(at), this.expressions));
  }

  /** The hash of `size` bytes of memory at `from`. */
  keccak(memory: SymbolicMemory, from: ExpressionId, size: ExpressionId): ExpressionId {
    const bytes = this.offset(size);
    return this.expressions.keccak(
      bytes === 0 ? [] : known(memory.parts(this.offset(from), bytes, this.expressions)),
    );
  }
}
