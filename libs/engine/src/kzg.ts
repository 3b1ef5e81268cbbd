/**
 * Verification of KZG proofs for the point evaluation precompile (EIP-4844). It needs one point of the trusted setup,
 * [τ]₂, so the setup's 4 MB of other points are not carried along.
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";

/** `KZG_SETUP_G2[1]` of the ceremony, as the consensus specification of Deneb gives it. */
const TAU_G2 =
  "b5bfd7dd8cdeb128843bc287230af38926187075cbfbefa81009a2ce615ac53d2914e5870cb452d2afaaab24f3499f72185cbfee53492714734429b7b38608e23926c911cceceac9a36851477ba4c60b087041de621000edc98edada20c1def2";

const { G1, G2, fields, pairingBatch } = bls12_381;
const ORDER = fields.Fr.ORDER;
const digits = (hex: string): string => (hex.startsWith("0x") ? hex.slice(2) : hex);

let tau: InstanceType<typeof G2.Point> | undefined;

function scalar(hex: string): bigint {
  const value = BigInt(`0x${digits(hex)}`);
  if (value >= ORDER) throw new RangeError("a field element is not below the order of the curve");
  return value;
}

function g1(hex: string): InstanceType<typeof G1.Point> {
  const point = G1.Point.fromHex(digits(hex));
  if (!point.is0()) point.assertValidity();
  return point;
}

const times = (point: InstanceType<typeof G1.Point>, by: bigint) =>
  by === 0n ? G1.Point.ZERO : point.multiply(by);

/**
 * True when `proof` shows that the polynomial under `commitment` is y at z. Points and scalars that are none throw an
 * error whose message starts with `C_KZG_BADARGS`: by that name the interpreter knows that all gas is lost.
 */
export function verifyKzgProof(commitment: string, z: string, y: string, proof: string): boolean {
  try {
    return verify(commitment, z, y, proof);
  } catch (cause) {
    throw new RangeError(`C_KZG_BADARGS: ${String(cause)}`, { cause });
  }
}

function verify(commitment: string, z: string, y: string, proof: string): boolean {
  tau ??= G2.Point.fromHex(TAU_G2);
  const at = scalar(z);
  const value = scalar(y);
  const quotient = g1(proof);
  const left = g1(commitment).subtract(times(G1.Point.BASE, value));
  const shifted = at === 0n ? tau : tau.subtract(G2.Point.BASE.multiply(at));
  // e(C − y, −G₂) · e(π, τ − z) = 1; pairings with the point at infinity are 1 and are left out.
  const pairs = [
    { g1: left, g2: G2.Point.BASE.negate() },
    { g1: quotient, g2: shifted },
  ].filter((pair) => !pair.g1.is0() && !pair.g2.is0());
  if (pairs.length === 0) return true;
  return fields.Fp12.eql(pairingBatch(pairs), fields.Fp12.ONE);
}
