/** The pairing curves of `@noble/curves`: always there, and what serves until the WebAssembly library has loaded. */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { bn254 } from "@noble/curves/bn254.js";
import { isZeroRange, padded, toBytes, toInteger } from "./bytes.ts";
import { BLS12_381_ENCODING, BN254_ENCODING, type CurveEncoding, type PairingCurve } from "./curve.ts";

/** A point as the library has it; F is a field element, a pair of them for G2. */
interface Point<F> {
  is0(): boolean;
  add(other: Point<F>): Point<F>;
  multiplyUnsafe(scalar: bigint): Point<F>;
  isTorsionFree(): boolean;
  toAffine(): { readonly x: F; readonly y: F };
  assertValidity(): void;
}

interface Group<F> {
  readonly Point: {
    readonly ZERO: Point<F>;
    fromAffine(affine: { x: F; y: F }): Point<F>;
  };
}

interface Pair {
  readonly c0: bigint;
  readonly c1: bigint;
}

/** The part of the library's interface in use: that of both curves, told apart by their encodings. */
interface Library {
  readonly G1: Group<bigint> & { mapToCurve?(u: bigint): Point<bigint> };
  readonly G2: Group<Pair> & { mapToCurve?(u: [bigint, bigint]): Point<Pair> };
  readonly fields: {
    readonly Fp: { readonly ORDER: bigint; sqr(x: bigint): bigint; mul(a: bigint, b: bigint): bigint };
    readonly Fp2: { eql(a: Pair, b: Pair): boolean };
    readonly Fr: { readonly ORDER: bigint };
    readonly Fp12: { readonly ONE: unknown; eql(a: unknown, b: unknown): boolean };
  };
  pairingBatch(pairs: { g1: unknown; g2: unknown }[]): unknown;
}

const SCALAR = 32;

export class NobleCurve implements PairingCurve {
  private readonly library: Library;
  private readonly encoding: CurveEncoding;

  constructor(library: Library, encoding: CurveEncoding) {
    this.library = library;
    this.encoding = encoding;
  }

  addG1(input: Uint8Array): Uint8Array | undefined {
    const a = this.readG1(input, 0, false);
    const b = this.readG1(input, 2 * this.encoding.width, false);
    return a && b && this.writeG1(a.add(b));
  }

  addG2(input: Uint8Array): Uint8Array | undefined {
    const a = this.readG2(input, 0, false);
    const b = this.readG2(input, 4 * this.encoding.width, false);
    return a && b && this.writeG2(a.add(b));
  }

  multiplyG1(input: Uint8Array, pairs: number): Uint8Array | undefined {
    let sum = this.library.G1.Point.ZERO;
    const size = 2 * this.encoding.width;
    for (let i = 0, at = 0; i < pairs; i++, at += size + SCALAR) {
      const point = this.readG1(input, at, true);
      if (point === undefined) return undefined;
      sum = sum.add(point.multiplyUnsafe(this.scalar(input, at + size)));
    }
    return this.writeG1(sum);
  }

  multiplyG2(input: Uint8Array, pairs: number): Uint8Array | undefined {
    let sum = this.library.G2.Point.ZERO;
    const size = 4 * this.encoding.width;
    for (let i = 0, at = 0; i < pairs; i++, at += size + SCALAR) {
      const point = this.readG2(input, at, true);
      if (point === undefined) return undefined;
      sum = sum.add(point.multiplyUnsafe(this.scalar(input, at + size)));
    }
    return this.writeG2(sum);
  }

  pairsToOne(input: Uint8Array, pairs: number): boolean | undefined {
    const { width } = this.encoding;
    const list: { g1: unknown; g2: unknown }[] = [];
    for (let i = 0, at = 0; i < pairs; i++, at += 6 * width) {
      const g1 = this.readG1(input, at, true);
      const g2 = g1 && this.readG2(input, at + 2 * width, true);
      if (g1 === undefined || g2 === undefined) return undefined;
      // A pairing with infinity is one; the library refuses to compute it.
      if (!g1.is0() && !g2.is0()) list.push({ g1, g2 });
    }
    if (list.length === 0) return true;
    const { Fp12 } = this.library.fields;
    return Fp12.eql(this.library.pairingBatch(list), Fp12.ONE);
  }

  mapToG1(input: Uint8Array): Uint8Array | undefined {
    const u = this.field(input, 0);
    return u === undefined ? undefined : this.writeG1(this.library.G1.mapToCurve!(u));
  }

  mapToG2(input: Uint8Array): Uint8Array | undefined {
    const u = this.pair(input, 0);
    return u && this.writeG2(this.library.G2.mapToCurve!([u.c0, u.c1]));
  }

  private scalar(input: Uint8Array, at: number): bigint {
    return toInteger(padded(input, at, SCALAR)) % this.library.fields.Fr.ORDER;
  }

  private field(input: Uint8Array, at: number): bigint | undefined {
    const { width } = this.encoding;
    const value = toInteger(padded(input, at, width));
    return value < this.library.fields.Fp.ORDER ? value : undefined;
  }

  private pair(input: Uint8Array, at: number): Pair | undefined {
    const { width, imaginaryFirst } = this.encoding;
    const first = this.field(input, at);
    const second = this.field(input, at + width);
    if (first === undefined || second === undefined) return undefined;
    return imaginaryFirst ? { c0: second, c1: first } : { c0: first, c1: second };
  }

  private readG1(input: Uint8Array, at: number, inSubgroup: boolean): Point<bigint> | undefined {
    const { width } = this.encoding;
    if (isZeroRange(input, at, at + 2 * width)) return this.library.G1.Point.ZERO;
    const x = this.field(input, at);
    const y = this.field(input, at + width);
    if (x === undefined || y === undefined) return undefined;
    return checked(this.library.G1, x, y, inSubgroup);
  }

  private readG2(input: Uint8Array, at: number, inSubgroup: boolean): Point<Pair> | undefined {
    const { width } = this.encoding;
    if (isZeroRange(input, at, at + 4 * width)) return this.library.G2.Point.ZERO;
    const x = this.pair(input, at);
    const y = this.pair(input, at + 2 * width);
    if (x === undefined || y === undefined) return undefined;
    return checked(this.library.G2, x, y, inSubgroup);
  }

  private writeG1(point: Point<bigint>): Uint8Array {
    const { width } = this.encoding;
    const out = new Uint8Array(2 * width);
    if (point.is0()) return out;
    const { x, y } = point.toAffine();
    out.set(toBytes(x, width), 0);
    out.set(toBytes(y, width), width);
    return out;
  }

  private writeG2(point: Point<Pair>): Uint8Array {
    const { width, imaginaryFirst } = this.encoding;
    const out = new Uint8Array(4 * width);
    if (point.is0()) return out;
    const { x, y } = point.toAffine();
    const real = imaginaryFirst ? width : 0;
    const imaginary = width - real;
    out.set(toBytes(x.c0, width), real);
    out.set(toBytes(x.c1, width), imaginary);
    out.set(toBytes(y.c0, width), 2 * width + real);
    out.set(toBytes(y.c1, width), 2 * width + imaginary);
    return out;
  }
}

/** The library tells by an error whether a point is valid, and by its text which rule it breaks. */
function checked<F>(group: Group<F>, x: F, y: F, inSubgroup: boolean): Point<F> | undefined {
  try {
    const point = group.Point.fromAffine({ x, y });
    point.assertValidity();
    return point;
  } catch (error) {
    if (inSubgroup || !String((error as Error).message).includes("subgroup")) return undefined;
    return group.Point.fromAffine({ x, y });
  }
}

export const nobleBn254 = (): PairingCurve => new NobleCurve(bn254 as unknown as Library, BN254_ENCODING);
export const nobleBls12381 = (): PairingCurve =>
  new NobleCurve(bls12_381 as unknown as Library, BLS12_381_ENCODING);
