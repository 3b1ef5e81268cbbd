/** Operations on the frame's memory, calldata and code. */
import type { Instruction, ValueId } from "@velarium/evm-ir";
import { layout } from "@velarium/evm-kernel";
import { OP } from "../wasm/opcodes.ts";
import { emitLoadBigEndian, emitStoreBigEndian } from "../words/memory.ts";
import { constantOf, constantWord, limbAt, pushLimb, pushOr, type Word } from "../words/word.ts";
import type { FrameCode } from "./frame-code.ts";
import type { KernelFunction } from "./imports.ts";

const U32 = 0xffff_ffffn;

/** Expands memory to cover a range and charges for that. `extent`: the size to cover, when it is not the operand's. */
export function emitTouch(frame: FrameCode, instruction: Instruction, extent?: bigint): void {
  const { code, locals } = frame;
  const [offset, operand] = frame.words(instruction.args) as [Word, Word];
  const size = extent === undefined ? operand : constantWord(extent);
  const knownSize = constantOf(size);
  if (knownSize === 0n) return;
  // Inline only the common test: up to a word at an offset that has one behind it.
  const isWord = knownSize !== undefined && knownSize <= 32n;
  if (isWord) {
    pushOutside(frame, offset);
    code.if();
  } else pushMayExpand(frame, offset, size);
  code.get(locals.frame);
  pushSaturated(frame, offset);
  pushSaturated(frame, size);
  code.get(locals.gas);
  code.call(frame.kernel("expand"));
  frame.settle();
  frame.reloadMemorySize();
  code.end();
}

/** Pushes: no whole word of memory stands behind the offset. */
function pushOutside(frame: FrameCode, offset: Word): void {
  const { code, locals } = frame;
  pushLimb(code, limbAt(offset, 0));
  code.get(locals.wordOffsets);
  code.op(OP.i64GeU);
  if (!pushOr(code, offset, 1)) return;
  code.i64(0);
  code.op(OP.i64Ne);
  code.op(OP.i32Or);
}

/** Opens an `if` for ranges that are not within memory for certain. */
function pushMayExpand(frame: FrameCode, offset: Word, size: Word): void {
  const { code, locals } = frame;
  // Both below 2^32, or the sum may have wrapped.
  pushLimb(code, limbAt(offset, 0));
  pushLimb(code, limbAt(size, 0));
  code.op(OP.i64Add);
  code.get(locals.frame);
  code.memory(OP.i64Load32U, layout.FRAME_MEMORY_BYTES);
  code.op(OP.i64GtU);
  pushLimb(code, limbAt(offset, 0));
  pushLimb(code, limbAt(size, 0));
  code.op(OP.i64Or);
  code.i64(32);
  code.op(OP.i64ShrU);
  if (pushOr(code, offset, 1)) code.op(OP.i64Or);
  if (pushOr(code, size, 1)) code.op(OP.i64Or);
  code.i64(0);
  code.op(OP.i64Ne);
  code.op(OP.i32Or);
  code.if();
}

/** Pushes a word as i64, -1 when it needs more. */
export function pushSaturated(frame: FrameCode, word: Word): void {
  const { code } = frame;
  const known = constantOf(word);
  if (known !== undefined) {
    code.i64(known >> 64n === 0n ? known : -1n);
    return;
  }
  const low = limbAt(word, 0);
  if (word.length <= 1) {
    pushLimb(code, low);
    return;
  }
  code.i64(-1);
  pushLimb(code, low);
  if (pushOr(code, word, 1)) {
    code.i64(0);
    code.op(OP.i64Ne);
  } else code.i32(0);
  code.op(OP.select);
}

/** An address in the frame's memory as a local and an offset from it. */
function placeOf(frame: FrameCode, offset: Word): { base: number; offset: number } {
  const { code, locals, scratch } = frame;
  const known = constantOf(offset);
  if (known !== undefined && known <= U32 - 64n) return { base: locals.memory, offset: Number(known) };
  const base = scratch.i32(0);
  code.get(locals.memory);
  frame.pushI32(limbAt(offset, 0));
  code.op(OP.i32Add);
  code.set(base);
  return { base, offset: 0 };
}

export function emitMload(frame: FrameCode, { args, result }: Instruction): void {
  if (!frame.isUsed(result)) return;
  const { base, offset } = placeOf(frame, frame.word(args[0]!));
  emitLoadBigEndian(frame.scratch, base, offset, frame.target(result));
  frame.finish(result);
}

export function emitMstore(frame: FrameCode, { args }: Instruction): void {
  const [at, value] = frame.words(args) as [Word, Word];
  const { base, offset } = placeOf(frame, at);
  emitStoreBigEndian(frame.code, base, offset, value);
}

export function emitMstore8(frame: FrameCode, { args }: Instruction): void {
  const [at, value] = frame.words(args) as [Word, Word];
  const { base, offset } = placeOf(frame, at);
  frame.code.get(base);
  frame.pushI32(limbAt(value, 0));
  frame.code.memory(OP.i32Store8, offset);
}

export function emitMsize(frame: FrameCode, result: ValueId): void {
  const { code, locals } = frame;
  code.get(locals.frame);
  code.memory(OP.i64Load32U, layout.FRAME_MEMORY_BYTES);
  frame.setLow(frame.target(result));
  frame.finish(result);
}

/** Copies and `mcopy`: the kernel expands, charges and copies. */
export function emitCopy(frame: FrameCode, name: KernelFunction, { args }: Instruction): void {
  const { code, locals } = frame;
  for (const [i, word] of frame.words(args).entries()) frame.storeScratch(i, word);
  code.get(locals.frame);
  for (let i = 0; i < args.length; i++) frame.pushScratchAddress(i);
  code.get(locals.gas);
  code.call(frame.kernel(name));
  frame.settle();
  frame.reloadMemorySize();
}

export function emitKeccak(frame: FrameCode, { args, result }: Instruction): void {
  if (!frame.isUsed(result)) return;
  const { code, locals } = frame;
  const [offset, size] = frame.words(args) as [Word, Word];
  code.get(locals.memory);
  frame.pushI32(limbAt(offset, 0));
  code.op(OP.i32Add);
  frame.pushI32(limbAt(size, 0));
  frame.pushScratchAddress(0);
  code.call(frame.kernel("keccak"));
  frame.loadScratch(0, result);
}

export function emitLog(frame: FrameCode, { args }: Instruction): void {
  const { code, locals } = frame;
  // As on the operand stack: the first operand on top.
  for (const [i, word] of frame.words(args).entries()) frame.storeScratch(args.length - 1 - i, word);
  code.get(locals.frame);
  code.i32(args.length - 2);
  frame.pushScratchAddress(args.length);
  code.get(locals.gas);
  code.call(frame.kernel("log"));
  frame.settle();
  frame.reloadMemorySize();
}

/** A word of calldata: read in place when it is inside, by the kernel when it is not. */
export function emitCalldataload(frame: FrameCode, { args, result }: Instruction): void {
  if (!frame.isUsed(result)) return;
  const { code, locals, scratch } = frame;
  const offset = frame.word(args[0]!);
  const target = frame.target(result);
  const known = constantOf(offset);
  if (known !== undefined && known > U32 - 64n) {
    code.i64(0);
    frame.setLow(target);
    frame.finish(result);
    return;
  }
  const at = scratch.i32(0);
  pushInsideCalldata(frame, offset, known);
  code.if();
  frame.loadField(layout.FRAME_INPUT);
  if (known === undefined) {
    frame.pushI32(limbAt(offset, 0));
    code.op(OP.i32Add);
  }
  code.set(at);
  emitLoadBigEndian(scratch, at, Number(known ?? 0n), target);
  code.else();
  frame.storeScratch(0, offset);
  code.get(locals.frame);
  frame.pushScratchAddress(0);
  frame.pushScratchAddress(0);
  code.call(frame.kernel("calldataload"));
  for (const [i, local] of target.entries()) {
    code.get(locals.stack);
    code.memory(OP.i64Load, 8 * i);
    code.set(local);
  }
  code.end();
  frame.finish(result);
}

function pushInsideCalldata(frame: FrameCode, offset: Word, known: bigint | undefined): void {
  const { code, locals } = frame;
  code.get(locals.frame);
  code.memory(OP.i64Load32U, layout.FRAME_INPUT_BYTES);
  if (known !== undefined) {
    code.i64(known + 32n);
    code.op(OP.i64GeU);
    return;
  }
  // Signed: the size less 32 may be negative, and an offset from 2^63 on is excluded below.
  code.i64(32);
  code.op(OP.i64Sub);
  pushLimb(code, limbAt(offset, 0));
  code.op(OP.i64GeS);
  pushLimb(code, limbAt(offset, 0));
  code.i64(32);
  code.op(OP.i64ShrU);
  if (pushOr(code, offset, 1)) code.op(OP.i64Or);
  code.op(OP.i64Eqz);
  code.op(OP.i32And);
}
