/**
 * The function under construction, seen as a frame that runs: its locals, gas, operands, and the ways out. A status is
 * returned from the middle of the code: that costs V8 no join, where a branch to a common exit would be one more edge
 * over which all locals are merged.
 */
import type { IrFunction, ValueId } from "@velarium/evm-ir";
import { layout } from "@velarium/evm-kernel";
import { type FunctionCode, I32, I64 } from "../wasm/code.ts";
import { OP, SIMD } from "../wasm/opcodes.ts";
import { emitLoadBigEndian, emitLoadLimbs } from "../words/memory.ts";
import { constantWord, LIMBS, type Limb, limbAt, pushLimb, Scratch, type Word } from "../words/word.ts";
import { type Assignment, limbsFor } from "./assignment.ts";
import type { KernelFunction } from "./imports.ts";
import type { OutlinedFunctions } from "./outlined.ts";

const STACK_LIMIT = 1024;

/** Where the constants of a template stand in the code: after the PUSH at `pc`, `size` bytes. */
export interface ImmediatePlace {
  readonly pc: number;
  readonly size: 20 | 32;
}

/** Locals that every part of the function may use. */
export interface FrameLocals {
  /** Parameter: address of the frame. */
  readonly frame: 0;
  /** i32: where the window begins on the frame's operand stack. */
  readonly stack: number;
  /** i32, where the window floats: where the operand stack begins. */
  readonly base: number | undefined;
  /** i32: address of EVM memory. */
  readonly memory: number;
  /** i64: offsets below it have a whole word of memory behind them. */
  readonly wordOffsets: number;
  /** i64: gas left. */
  readonly gas: number;
  /** i32: resume point the frame came in with, cleared on arrival. */
  readonly point: number;
}

export interface FrameCodeOptions {
  readonly ir: IrFunction;
  readonly code: FunctionCode;
  /** Blocks of the component. */
  readonly blocks: readonly number[];
  readonly assignment: Assignment;
  readonly immediates: readonly ImmediatePlace[];
  readonly kernel: (name: KernelFunction) => number;
  readonly outlined: OutlinedFunctions;
}

export class FrameCode {
  readonly ir: IrFunction;
  readonly code: FunctionCode;
  readonly scratch: Scratch;
  readonly locals: FrameLocals;
  readonly outlined: OutlinedFunctions;
  readonly kernel: (name: KernelFunction) => number;
  /** Multiplications in the component. */
  readonly multiplications: number;
  readonly #assignment: Assignment;
  readonly #immediates: readonly ImmediatePlace[];
  readonly #constants = new Map<ValueId, Word>();
  /** Locals that immediates are loaded into, by use. */
  readonly #immediateLocals: number[][] = [];
  /** Immediates that are loaded once, when the function is entered. */
  readonly #heldImmediates = new Map<number, readonly number[]>();

  constructor(options: FrameCodeOptions) {
    const { code } = options;
    this.ir = options.ir;
    this.code = code;
    this.kernel = options.kernel;
    this.outlined = options.outlined;
    this.#assignment = options.assignment;
    this.#immediates = options.immediates;
    this.scratch = new Scratch(code);
    const { blocks } = options.ir;
    this.multiplications = options.blocks.reduce(
      (sum, id) => sum + blocks[id]!.instructions.filter(({ op }) => op === "mul").length,
      0,
    );
    const isFloating = blocks[options.blocks[0]!]!.floating;
    this.locals = {
      frame: 0,
      stack: code.local(I32),
      base: isFloating ? code.local(I32) : undefined,
      memory: code.local(I32),
      wordOffsets: code.local(I64),
      gas: code.local(I64),
      point: code.local(I32),
    };
  }

  /** Loads what the locals mirror; first thing in the function. */
  enter(): void {
    const { code, locals } = this;
    this.loadField(layout.FRAME_STACK);
    // Where the window floats, stubs find it.
    code.set(locals.base ?? locals.stack);
    this.loadField(layout.FRAME_MEMORY);
    code.set(locals.memory);
    code.get(locals.frame);
    code.memory(OP.i64Load, layout.FRAME_GAS);
    code.set(locals.gas);
    this.loadField(layout.FRAME_POINT);
    code.set(locals.point);
    this.reloadMemorySize();
    for (const [index, held] of this.#heldImmediates) this.#fillImmediate(index, held);
  }

  /** Has an immediate loaded on entry: for those that loops use. Before `enter`. */
  holdImmediate(index: number): void {
    if (this.#heldImmediates.has(index)) return;
    const count = this.#immediates[index]!.size === 20 ? 3 : LIMBS;
    this.#heldImmediates.set(
      index,
      Array.from({ length: count }, () => this.code.local(I64)),
    );
  }

  // ---- Fields of the frame

  /** Pushes an i32 field. */
  loadField(field: number): void {
    this.code.get(this.locals.frame);
    this.code.memory(OP.i32Load, field);
  }
  storeField(field: number, value: number): void {
    this.code.get(this.locals.frame);
    this.code.i32(value);
    this.code.memory(OP.i32Store, field);
  }
  storeGas(): void {
    this.code.get(this.locals.frame);
    this.code.get(this.locals.gas);
    this.code.memory(OP.i64Store, layout.FRAME_GAS);
  }
  /** After anything that may have expanded memory. Its size is a multiple of 32. */
  reloadMemorySize(): void {
    const { code, scratch } = this;
    const size = scratch.i64(0);
    code.get(this.locals.frame);
    code.memory(OP.i64Load32U, layout.FRAME_MEMORY_BYTES);
    code.tee(size);
    code.i64(31);
    code.op(OP.i64Sub);
    code.i64(0);
    code.get(size);
    code.i64(0);
    code.op(OP.i64Ne);
    code.op(OP.select);
    code.set(this.locals.wordOffsets);
  }

  // ---- Values

  bitsOf(value: ValueId): number {
    return this.ir.values[value]!.bits;
  }

  /**
   * The word of a value. An immediate is loaded into locals of the given use, so that the operands of one instruction do
   * not share them.
   */
  word(value: ValueId, use = 0): Word {
    const definition = this.ir.values[value]!;
    if (definition.kind === "constant") {
      let word = this.#constants.get(value);
      if (word === undefined) this.#constants.set(value, (word = constantWord(definition.value)));
      return word;
    }
    if (definition.kind === "immediate") return this.#loadImmediate(definition.index, use);
    const truth = this.#assignment.truth[value]!;
    if (truth !== -1) return [{ truth }];
    return this.#assignment.limbs[value] ?? [];
  }

  words(values: readonly ValueId[]): Word[] {
    return values.map((value, i) => this.word(value, i));
  }

  #loadImmediate(index: number, use: number): Word {
    const held = this.#heldImmediates.get(index);
    if (held !== undefined) return held;
    const all = (this.#immediateLocals[use] ??= Array.from({ length: LIMBS }, () => this.code.local(I64)));
    const locals = this.#immediates[index]!.size === 20 ? all.slice(0, 3) : all;
    this.#fillImmediate(index, locals);
    return locals;
  }

  #fillImmediate(index: number, locals: readonly number[]): void {
    const { code } = this;
    const { pc, size } = this.#immediates[index]!;
    const at = this.scratch.i32(0);
    this.loadField(layout.FRAME_CODE);
    // The last byte of the word is the last of the data; what stands before 20 bytes of data is cut off.
    code.i32(pc + 1 + size - 32);
    code.op(OP.i32Add);
    code.set(at);
    emitLoadBigEndian(this.scratch, at, 0, locals);
    if (size === 20) {
      code.get(locals[2]!);
      code.i64(0xffff_ffffn);
      code.op(OP.i64And);
      code.set(locals[2]!);
    }
  }

  /** Is the result of an instruction needed at all? */
  isUsed(result: ValueId): boolean {
    return this.#assignment.truth[result] !== -1 || this.#assignment.limbs[result] !== undefined;
  }

  /** Locals that a result of more than one bit goes to; of a truth, scratch locals that `finish` converts from. */
  target(result: ValueId): readonly number[] {
    const limbs = this.#assignment.limbs[result];
    if (limbs !== undefined) return limbs;
    return [this.scratch.i64(20)];
  }

  /** Completes a result that was written to `target`. */
  finish(result: ValueId): void {
    const truth = this.#assignment.truth[result]!;
    if (truth === -1) return;
    this.code.get(this.scratch.i64(20));
    this.code.op(OP.i32WrapI64);
    this.code.set(truth);
  }

  /** Sets a result to the truth on the stack. */
  setTruth(result: ValueId): void {
    const truth = this.#assignment.truth[result]!;
    if (truth !== -1) this.code.set(truth);
    else {
      const limbs = this.#assignment.limbs[result]!;
      this.code.op(OP.i64ExtendI32U);
      this.setLow(limbs);
    }
  }

  /** Sets a target to the i64 on the stack. */
  setLow(target: readonly number[]): void {
    this.code.set(target[0]!);
    for (const local of target.slice(1)) {
      this.code.i64(0);
      this.code.set(local);
    }
  }

  /** Moves values into parameters at once. Parameters that nothing uses get nothing. */
  move(args: readonly ValueId[], params: readonly ValueId[]): (() => void) | undefined {
    const moves: {
      readonly arg: ValueId;
      readonly limb: number;
      readonly to: number;
      readonly truth: boolean;
    }[] = [];
    for (const [i, param] of params.entries()) {
      const arg = args[i]!;
      const truth = this.#assignment.truth[param]!;
      if (truth !== -1) {
        if (this.#assignment.truth[arg] !== truth) moves.push({ arg, limb: 0, to: truth, truth: true });
        continue;
      }
      const from = this.#assignment.limbs[arg];
      for (const [limb, to] of (this.#assignment.limbs[param] ?? []).entries()) {
        if (from?.[limb] !== to) moves.push({ arg, limb, to, truth: false });
      }
    }
    if (moves.length === 0) return undefined;
    return () => {
      let [held, word]: [ValueId, Word] = [-1, []];
      for (const { arg, limb, truth } of moves) {
        if (arg !== held) [held, word] = [arg, this.word(arg)];
        const source = limbAt(word, limb);
        if (truth) this.pushI32(source);
        else pushLimb(this.code, source);
      }
      for (let i = moves.length - 1; i >= 0; i--) this.code.set(moves[i]!.to);
    };
  }

  /** Pushes the lowest 32 bits of a limb. */
  pushI32(limb: Limb): void {
    if (typeof limb === "bigint") this.code.i32(Number(BigInt.asIntN(32, limb)));
    else if (typeof limb === "number") {
      this.code.get(limb);
      this.code.op(OP.i32WrapI64);
    } else this.code.get(limb.truth);
  }

  /** Loads a parameter from the frame's operand stack. */
  loadParam(param: ValueId, entry: number): void {
    if (!this.isUsed(param)) return;
    const target = this.target(param);
    emitLoadLimbs(this.code, this.locals.stack, 32 * entry, target.slice(0, limbsFor(this.bitsOf(param))));
    this.finish(param);
  }

  // ---- The window on the operand stack

  /** Places the window: `entries` operands up to the top of the stack. */
  placeWindow(entries: number): void {
    if (this.locals.base === undefined) return;
    this.loadField(layout.FRAME_SP);
    if (entries > 0) {
      this.code.i32(32 * entries);
      this.code.op(OP.i32Sub);
    }
    this.code.set(this.locals.stack);
  }

  /** Pushes the bytes of the operand stack below the window. */
  #pushBelow(): void {
    this.code.get(this.locals.stack);
    this.code.get(this.locals.base!);
    this.code.op(OP.i32Sub);
  }

  /** Takes operands from below into the window, topmost first. */
  takeOperands(results: readonly ValueId[]): void {
    const { code, locals } = this;
    const bytes = 32 * results.length;
    this.#pushBelow();
    code.i32(bytes);
    code.op(OP.i32LtU);
    this.haltIf();
    code.get(locals.stack);
    code.i32(bytes);
    code.op(OP.i32Sub);
    code.set(locals.stack);
    for (const [i, result] of results.entries()) this.loadParam(result, results.length - 1 - i);
  }

  /** Leaves with an exceptional halt when the stack has no room for a window of `height`. */
  checkRoom(height: number): void {
    if (this.locals.base === undefined) return;
    this.#pushBelow();
    this.code.i32(32 * (STACK_LIMIT - height));
    this.code.op(OP.i32GtU);
    this.haltIf();
  }

  // ---- Scratch words in the memory of the operand stack

  /** Pushes the address of scratch word `index`. */
  pushScratchAddress(index: number): void {
    this.code.get(this.locals.stack);
    if (index === 0) return;
    this.code.i32(32 * index);
    this.code.op(OP.i32Add);
  }
  storeScratch(index: number, word: Word): void {
    this.storeEntry(index, word);
  }
  loadScratch(index: number, result: ValueId): void {
    const target = this.target(result);
    emitLoadLimbs(this.code, this.locals.stack, 32 * index, target);
    this.finish(result);
  }

  /** Stores a word as entry `index` of the operand stack. */
  storeEntry(index: number, word: Word): void {
    const { code, locals } = this;
    for (const half of [0, 1]) {
      const [low, high] = [limbAt(word, 2 * half), limbAt(word, 2 * half + 1)];
      if (typeof low === "bigint" && typeof high === "bigint") {
        code.get(locals.stack);
        code.v128(pairBytes(low, high));
        code.simdMemory(SIMD.v128Store, 32 * index + 16 * half);
        continue;
      }
      for (const [i, limb] of [low, high].entries()) {
        code.get(locals.stack);
        pushLimb(code, limb);
        code.memory(OP.i64Store, 32 * index + 16 * half + 8 * i);
      }
    }
  }

  // ---- Ways out

  returnStatus(status: number): void {
    this.code.i32(status);
    this.code.op(OP.return);
  }

  /** Leaves with an exceptional halt when the i32 on the stack is not zero. */
  haltIf(): void {
    this.code.if();
    this.returnStatus(layout.STATUS_HALT);
    this.code.end();
  }

  /** Takes constant gas. */
  charge(gas: number): void {
    if (gas === 0) return;
    const { code, locals } = this;
    code.get(locals.gas);
    code.i64(gas);
    code.op(OP.i64Sub);
    code.tee(locals.gas);
    code.i64(0);
    code.op(OP.i64LtS);
    this.haltIf();
  }

  /** Takes the gas on the stack (i64, below 2^62). */
  chargeStacked(): void {
    const { code, locals } = this;
    const cost = this.scratch.i64(0);
    code.set(cost);
    code.get(locals.gas);
    code.get(cost);
    code.op(OP.i64Sub);
    code.tee(locals.gas);
    code.i64(0);
    code.op(OP.i64LtS);
    this.haltIf();
  }

  /** After an import "gas → gas": takes the result on the stack as the gas left, or leaves with the status in it. */
  settle(leave?: () => void): void {
    const { code, locals } = this;
    const left = this.scratch.i64(0);
    code.tee(left);
    code.i64(0);
    code.op(OP.i64LtS);
    code.if();
    leave?.();
    code.i64(0);
    code.get(left);
    code.op(OP.i64Sub);
    code.op(OP.i32WrapI64);
    code.op(OP.return);
    code.end();
    code.get(left);
    code.set(locals.gas);
  }

  /** Writes the canonical state: operand stack, pc, gas. */
  makeCanonical(stack: readonly ValueId[], pc: number): void {
    this.storeStack(stack);
    this.storeField(layout.FRAME_PC, pc);
  }

  /** Writes operand stack and gas. */
  storeStack(stack: readonly ValueId[]): void {
    const { code, locals } = this;
    for (const [i, value] of stack.entries()) this.storeEntry(i, this.word(value));
    code.get(locals.frame);
    code.get(locals.stack);
    code.i32(32 * stack.length);
    code.op(OP.i32Add);
    code.memory(OP.i32Store, layout.FRAME_SP);
    this.storeGas();
  }
}

function pairBytes(low: bigint, high: bigint): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, low, true);
  view.setBigUint64(8, high, true);
  return bytes;
}
