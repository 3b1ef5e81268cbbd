/** Words in linear memory: big-endian as EVM memory and calldata have them, or as limbs on the operand stack. */
import type { FunctionCode } from "../wasm/code.ts";
import { OP, SIMD } from "../wasm/opcodes.ts";
import { constantOf, LIMBS, limbAt, pushLimb, type Scratch, type Word } from "./word.ts";

/** Stores a word as 32 big-endian bytes at (i32 local `base`) + offset: two reversed halves. */
export function emitStoreBigEndian(code: FunctionCode, base: number, offset: number, word: Word): void {
  const known = constantOf(word);
  for (let half = 0; half < 2; half++) {
    code.get(base);
    if (known !== undefined) code.v128(halfBytes(known, half));
    else {
      const [low, high] = [limbAt(word, 2 - 2 * half), limbAt(word, 3 - 2 * half)];
      if (low === 0n && high === 0n) code.v128(ZERO);
      else {
        pushLimb(code, low);
        code.simd(SIMD.i64x2Splat);
        pushLimb(code, high);
        code.lane(SIMD.i64x2ReplaceLane, 1);
        code.reverseBytes();
      }
    }
    code.simdMemory(SIMD.v128Store, offset + 16 * half);
  }
}

const ZERO = new Uint8Array(16);

/** The upper (0) or lower (1) 16 bytes of a constant, big-endian. */
function halfBytes(value: bigint, half: number): Uint8Array {
  const bytes = new Uint8Array(16);
  let rest = half === 0 ? value >> 128n : value & ((1n << 128n) - 1n);
  for (let i = 15; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** Loads 32 big-endian bytes at (i32 local `base`) + offset into limbs; a target of fewer limbs takes the lowest. */
export function emitLoadBigEndian(
  scratch: Scratch,
  base: number,
  offset: number,
  target: readonly number[],
): void {
  const { code } = scratch;
  const half = scratch.v128(0);
  for (let pair = 0; pair * 2 < target.length; pair++) {
    code.get(base);
    code.simdMemory(SIMD.v128Load, offset + 16 - 16 * pair);
    code.reverseBytes();
    code.tee(half);
    code.lane(SIMD.i64x2ExtractLane, 0);
    code.set(target[2 * pair]!);
    const upper = target[2 * pair + 1];
    if (upper === undefined) continue;
    code.get(half);
    code.lane(SIMD.i64x2ExtractLane, 1);
    code.set(upper);
  }
}

/** Stores four limbs at (i32 local `base`) + offset. */
export function emitStoreLimbs(code: FunctionCode, base: number, offset: number, word: Word): void {
  for (let i = 0; i < LIMBS; i++) {
    code.get(base);
    pushLimb(code, limbAt(word, i));
    code.memory(OP.i64Store, offset + 8 * i);
  }
}

/** Loads limbs from (i32 local `base`) + offset. */
export function emitLoadLimbs(
  code: FunctionCode,
  base: number,
  offset: number,
  target: readonly number[],
): void {
  for (let i = 0; i < target.length; i++) {
    code.get(base);
    code.memory(OP.i64Load, offset + 8 * i);
    code.set(target[i]!);
  }
}
