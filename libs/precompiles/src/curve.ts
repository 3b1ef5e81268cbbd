/**
 * What the precompiles need of a curve with a pairing. Points come and go in the encoding of the precompiles
 * (EIP-196, EIP-197, EIP-2537): big-endian coordinates, infinity all zeros. Undefined: the input names no such point.
 */

export interface CurveEncoding {
  /** Bytes of a field element. */
  readonly fieldBytes: number;
  /** Bytes that a field element takes in an input; what exceeds `fieldBytes` is zero in front. */
  readonly width: number;
  /** Whether an element of the quadratic extension has its imaginary part first. */
  readonly imaginaryFirst: boolean;
  /** Whether every point of G1's curve is in the subgroup (cofactor 1), so that nothing needs to be checked. */
  readonly wholeG1: boolean;
}

export const BN254_ENCODING: CurveEncoding = {
  fieldBytes: 32,
  width: 32,
  imaginaryFirst: true,
  wholeG1: true,
};
export const BLS12_381_ENCODING: CurveEncoding = {
  fieldBytes: 48,
  width: 64,
  imaginaryFirst: false,
  wholeG1: false,
};

/** Scalars have 32 bytes each and are taken modulo the order. Lengths of inputs are the caller's to check. */
export interface PairingCurve {
  /** Sum of two points of the curve, in the subgroup or not. */
  addG1(input: Uint8Array): Uint8Array | undefined;
  addG2(input: Uint8Array): Uint8Array | undefined;
  /** Sum over `pairs` of scalar times point; each point is followed by its scalar, all must be in the subgroup. */
  multiplyG1(input: Uint8Array, pairs: number): Uint8Array | undefined;
  multiplyG2(input: Uint8Array, pairs: number): Uint8Array | undefined;
  /** Whether the product of the pairings is one; each pair is a G1 and a G2 point of the subgroups. */
  pairsToOne(input: Uint8Array, pairs: number): boolean | undefined;
  /** Field element to curve point, cofactor cleared (EIP-2537). */
  mapToG1(input: Uint8Array): Uint8Array | undefined;
  mapToG2(input: Uint8Array): Uint8Array | undefined;
}
