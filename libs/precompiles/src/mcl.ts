/**
 * The curves of mcl in WebAssembly: 10-50 times as fast as JavaScript. One instance of the library serves one curve.
 * It is used by pointers into its memory, without the library's wrappers, which allocate for every element.
 */
import createModule from "mcl-wasm/dist/mcl_c.js";
import { isZeroRange } from "./bytes.ts";
import type { CurveEncoding, PairingCurve } from "./curve.ts";

/** Names of the library for its curves. */
export const MclCurveId = { bn254: 4, bls12381: 5, p256: 107 } as const;

/** What is used of an instance. Functions write to their first pointer; sizes are in bytes. */
export interface MclInstance {
  readonly wasmMemory: { readonly buffer: ArrayBuffer };
  _malloc(bytes: number): number;
  _mclBn_init(curve: number, compiledFor: number): number;
  _mclBn_setMapToMode(mode: number): void;
  _mclBn_verifyOrderG1(on: number): void;
  _mclBn_verifyOrderG2(on: number): void;
  _mclBnFr_setBigEndianMod(out: number, bytes: number, size: number): number;
  _mclBnFr_inv(out: number, x: number): void;
  _mclBnFr_mul(out: number, x: number, y: number): void;
  _mclBnFr_deserialize(out: number, bytes: number, size: number): number;
  _mclBnFr_isZero(x: number): number;
  _mclBnFp_deserialize(out: number, bytes: number, size: number): number;
  _mclBnFp_serialize(out: number, max: number, x: number): number;
  _mclBnFp_setInt32(out: number, value: number): void;
  _mclBnFp_clear(x: number): void;
  _mclBnFp_mapToG1(out: number, x: number): number;
  _mclBnFp2_mapToG2(out: number, x: number): number;
  _mclBnG1_clear(x: number): void;
  _mclBnG1_add(out: number, x: number, y: number): void;
  _mclBnG1_mul(out: number, point: number, scalar: number): void;
  _mclBnG1_mulVec(out: number, points: number, scalars: number, count: number): void;
  _mclBnG1_normalize(out: number, x: number): void;
  _mclBnG1_isZero(x: number): number;
  _mclBnG1_isValid(x: number): number;
  _mclBnG1_isValidOrder(x: number): number;
  _mclBnG1_getBasePoint(out: number): number;
  _mclBnG2_clear(x: number): void;
  _mclBnG2_add(out: number, x: number, y: number): void;
  _mclBnG2_mul(out: number, point: number, scalar: number): void;
  _mclBnG2_mulVec(out: number, points: number, scalars: number, count: number): void;
  _mclBnG2_normalize(out: number, x: number): void;
  _mclBnG2_isZero(x: number): number;
  _mclBnG2_isValid(x: number): number;
  _mclBnG2_isValidOrder(x: number): number;
  _mclBnGT_isOne(x: number): number;
  _mclBnGT_mul(out: number, x: number, y: number): void;
  _mclBnGT_setInt32(out: number, value: number): void;
  _mclBn_millerLoop(out: number, g1: number, g2: number): void;
  _mclBn_finalExp(out: number, x: number): void;
}

/** The library's own check that its structures have the expected sizes: scalar words × 10 + field words. */
const COMPILED_FOR = 46;
/** The map of RFC 9380, which EIP-2537 names. */
const MAP_RFC9380 = 5;

/** Sizes of the library's structures, the same for every curve. */
export const FP = 48;
export const FR = 32;
export const G1 = 3 * FP;
export const G2 = 6 * FP;
const GT = 12 * FP;
const SCALAR = 32;
/** Points of a sum that are multiplied together; longer sums are taken in parts, so memory is bounded. */
const PART = 128;

export async function loadMcl(curve: number): Promise<MclInstance> {
  const instance = (await createModule({
    cryptoGetRandomValues: (bytes) => void crypto.getRandomValues(bytes),
  })) as unknown as MclInstance;
  if (instance._mclBn_init(curve, COMPILED_FOR) !== 0) throw new Error(`mcl does not know curve ${curve}`);
  if (curve === MclCurveId.bls12381) instance._mclBn_setMapToMode(MAP_RFC9380);
  // Orders are checked where a precompile asks for it, and only there.
  instance._mclBn_verifyOrderG1(0);
  instance._mclBn_verifyOrderG2(0);
  return instance;
}

/** Field elements and points between inputs and the library's memory. */
export class MclCurve implements PairingCurve {
  private readonly mcl: MclInstance;
  private readonly encoding: CurveEncoding;
  private readonly bytesAt: number;
  private readonly points: number;
  private readonly scalars: number;
  private readonly sum: number;
  private readonly part: number;
  private readonly target: number;
  private readonly product: number;
  private heap: Uint8Array;

  constructor(mcl: MclInstance, encoding: CurveEncoding) {
    this.mcl = mcl;
    this.encoding = encoding;
    this.bytesAt = mcl._malloc(FP);
    this.points = mcl._malloc(PART * G2);
    this.scalars = mcl._malloc(PART * FR);
    this.sum = mcl._malloc(G2);
    this.part = mcl._malloc(G2);
    this.target = mcl._malloc(GT);
    this.product = mcl._malloc(GT);
    this.heap = new Uint8Array(mcl.wasmMemory.buffer);
  }

  addG1(input: Uint8Array): Uint8Array | undefined {
    const { mcl, points, sum } = this;
    if (!this.readG1(points, input, 0, false)) return undefined;
    if (!this.readG1(points + G1, input, 2 * this.encoding.width, false)) return undefined;
    mcl._mclBnG1_add(sum, points, points + G1);
    return this.writeG1(sum);
  }

  addG2(input: Uint8Array): Uint8Array | undefined {
    const { mcl, points, sum } = this;
    if (!this.readG2(points, input, 0, false)) return undefined;
    if (!this.readG2(points + G2, input, 4 * this.encoding.width, false)) return undefined;
    mcl._mclBnG2_add(sum, points, points + G2);
    return this.writeG2(sum);
  }

  multiplyG1(input: Uint8Array, pairs: number): Uint8Array | undefined {
    const { mcl, points, scalars, sum, part } = this;
    const size = 2 * this.encoding.width;
    mcl._mclBnG1_clear(sum);
    for (let done = 0; done < pairs; done += PART) {
      const count = Math.min(PART, pairs - done);
      for (let i = 0, at = done * (size + SCALAR); i < count; i++, at += size + SCALAR) {
        if (!this.readG1(points + i * G1, input, at, true)) return undefined;
        this.readScalar(scalars + i * FR, input, at + size);
      }
      // One product alone is faster without the tables of a sum.
      if (count === 1) mcl._mclBnG1_mul(part, points, scalars);
      else mcl._mclBnG1_mulVec(part, points, scalars, count);
      mcl._mclBnG1_add(sum, sum, part);
    }
    return this.writeG1(sum);
  }

  multiplyG2(input: Uint8Array, pairs: number): Uint8Array | undefined {
    const { mcl, points, scalars, sum, part } = this;
    const size = 4 * this.encoding.width;
    mcl._mclBnG2_clear(sum);
    for (let done = 0; done < pairs; done += PART) {
      const count = Math.min(PART, pairs - done);
      for (let i = 0, at = done * (size + SCALAR); i < count; i++, at += size + SCALAR) {
        if (!this.readG2(points + i * G2, input, at, true)) return undefined;
        this.readScalar(scalars + i * FR, input, at + size);
      }
      // One product alone is faster without the tables of a sum.
      if (count === 1) mcl._mclBnG2_mul(part, points, scalars);
      else mcl._mclBnG2_mulVec(part, points, scalars, count);
      mcl._mclBnG2_add(sum, sum, part);
    }
    return this.writeG2(sum);
  }

  pairsToOne(input: Uint8Array, pairs: number): boolean | undefined {
    const { mcl, target, product } = this;
    const { width } = this.encoding;
    const [g1, g2] = [this.sum, this.points];
    mcl._mclBnGT_setInt32(product, 1);
    for (let i = 0, at = 0; i < pairs; i++, at += 6 * width) {
      if (!this.readG1(g1, input, at, true) || !this.readG2(g2, input, at + 2 * width, true))
        return undefined;
      if (mcl._mclBnG1_isZero(g1) === 1 || mcl._mclBnG2_isZero(g2) === 1) continue;
      mcl._mclBn_millerLoop(target, g1, g2);
      mcl._mclBnGT_mul(product, product, target);
    }
    mcl._mclBn_finalExp(target, product);
    return mcl._mclBnGT_isOne(target) === 1;
  }

  mapToG1(input: Uint8Array): Uint8Array | undefined {
    const { mcl, points, sum } = this;
    if (!this.readField(points, input, 0)) return undefined;
    return mcl._mclBnFp_mapToG1(sum, points) === 0 ? this.writeG1(sum) : undefined;
  }

  mapToG2(input: Uint8Array): Uint8Array | undefined {
    const { mcl, points, sum } = this;
    if (!this.readPair(points, input, 0)) return undefined;
    return mcl._mclBnFp2_mapToG2(sum, points) === 0 ? this.writeG2(sum) : undefined;
  }

  private bytes(): Uint8Array {
    if (this.heap.length === 0) this.heap = new Uint8Array(this.mcl.wasmMemory.buffer);
    return this.heap;
  }

  private readScalar(to: number, input: Uint8Array, at: number): void {
    this.bytes().set(input.subarray(at, at + SCALAR), this.bytesAt);
    this.mcl._mclBnFr_setBigEndianMod(to, this.bytesAt, SCALAR);
  }

  /** False when the element is not below the modulus. The library reads little-endian bytes. */
  private readField(to: number, input: Uint8Array, at: number): boolean {
    const { fieldBytes, width } = this.encoding;
    if (!isZeroRange(input, at, at + width - fieldBytes)) return false;
    const heap = this.bytes();
    for (let i = 0; i < fieldBytes; i++) heap[this.bytesAt + i] = input[at + width - 1 - i]!;
    return this.mcl._mclBnFp_deserialize(to, this.bytesAt, fieldBytes) === fieldBytes;
  }

  private readPair(to: number, input: Uint8Array, at: number): boolean {
    const { width, imaginaryFirst } = this.encoding;
    const real = imaginaryFirst ? at + width : at;
    const imaginary = imaginaryFirst ? at : at + width;
    return this.readField(to, input, real) && this.readField(to + FP, input, imaginary);
  }

  private readG1(to: number, input: Uint8Array, at: number, inSubgroup: boolean): boolean {
    const { mcl } = this;
    const { width, wholeG1 } = this.encoding;
    if (isZeroRange(input, at, at + 2 * width)) {
      mcl._mclBnG1_clear(to);
      return true;
    }
    if (!this.readField(to, input, at) || !this.readField(to + FP, input, at + width)) return false;
    mcl._mclBnFp_setInt32(to + 2 * FP, 1);
    return mcl._mclBnG1_isValid(to) === 1 && (wholeG1 || !inSubgroup || mcl._mclBnG1_isValidOrder(to) === 1);
  }

  private readG2(to: number, input: Uint8Array, at: number, inSubgroup: boolean): boolean {
    const { mcl } = this;
    const { width } = this.encoding;
    if (isZeroRange(input, at, at + 4 * width)) {
      mcl._mclBnG2_clear(to);
      return true;
    }
    if (!this.readPair(to, input, at) || !this.readPair(to + 2 * FP, input, at + 2 * width)) return false;
    mcl._mclBnFp_setInt32(to + 4 * FP, 1);
    mcl._mclBnFp_clear(to + 5 * FP);
    return mcl._mclBnG2_isValid(to) === 1 && (!inSubgroup || mcl._mclBnG2_isValidOrder(to) === 1);
  }

  private writeField(out: Uint8Array, at: number, from: number): void {
    const { fieldBytes, width } = this.encoding;
    this.mcl._mclBnFp_serialize(this.bytesAt, FP, from);
    const heap = this.bytes();
    for (let i = 0; i < fieldBytes; i++) out[at + width - 1 - i] = heap[this.bytesAt + i]!;
  }

  private writeG1(point: number): Uint8Array {
    const { width } = this.encoding;
    const out = new Uint8Array(2 * width);
    if (this.mcl._mclBnG1_isZero(point) === 1) return out;
    this.mcl._mclBnG1_normalize(point, point);
    this.writeField(out, 0, point);
    this.writeField(out, width, point + FP);
    return out;
  }

  private writeG2(point: number): Uint8Array {
    const { width, imaginaryFirst } = this.encoding;
    const out = new Uint8Array(4 * width);
    if (this.mcl._mclBnG2_isZero(point) === 1) return out;
    this.mcl._mclBnG2_normalize(point, point);
    const real = imaginaryFirst ? width : 0;
    const imaginary = width - real;
    this.writeField(out, real, point);
    this.writeField(out, imaginary, point + FP);
    this.writeField(out, 2 * width + real, point + 2 * FP);
    this.writeField(out, 2 * width + imaginary, point + 3 * FP);
    return out;
  }
}
