/** 0x100, verification of a signature on secp256r1 (EIP-7951). */
import { p256 } from "@noble/curves/nist.js";
import { isZeroRange, toInteger } from "./bytes.ts";
import { FP, FR, G1, type MclInstance } from "./mcl.ts";

const INPUT = 160;
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** True when `r, s` is a signature of `hash` by the key `x, y`; all five have 32 bytes, in the order of the input. */
export type VerifyP256 = (input: Uint8Array) => boolean;

/** Sizes and ranges that hold whichever library computes. */
export function isWellFormed(input: Uint8Array): boolean {
  if (input.length !== INPUT || isZeroRange(input, 96, 160)) return false;
  const r = toInteger(input.subarray(32, 64));
  const s = toInteger(input.subarray(64, 96));
  return r > 0n && r < ORDER && s > 0n && s < ORDER;
}

export const verifyByNoble: VerifyP256 = (input) => {
  const key = new Uint8Array(65);
  key[0] = 4;
  key.set(input.subarray(96, 160), 1);
  try {
    const options = { lowS: false, prehash: false };
    return p256.verify(input.slice(32, 96), input.slice(0, 32), key, options);
  } catch {
    // The library throws when the key is not on the curve.
    return false;
  }
};

/** Verification as in SEC 1, section 4.1.4, on mcl. */
export function createMclP256(mcl: MclInstance): VerifyP256 {
  const bytes = mcl._malloc(32);
  const [hash, r, s] = [mcl._malloc(FR), mcl._malloc(FR), mcl._malloc(FR)];
  const [base, key, sum] = [mcl._malloc(G1), mcl._malloc(G1), mcl._malloc(G1)];
  mcl._mclBnG1_getBasePoint(base);
  const heap = (): Uint8Array => new Uint8Array(mcl.wasmMemory.buffer);
  const scalar = (to: number, input: Uint8Array, at: number): void => {
    heap().set(input.subarray(at, at + 32), bytes);
    mcl._mclBnFr_setBigEndianMod(to, bytes, 32);
  };
  const field = (to: number, input: Uint8Array, at: number): boolean => {
    heap().set(input.slice(at, at + 32).reverse(), bytes);
    return mcl._mclBnFp_deserialize(to, bytes, 32) === 32;
  };
  return (input) => {
    if (!field(key, input, 96) || !field(key + FP, input, 128)) return false;
    mcl._mclBnFp_setInt32(key + 2 * FP, 1);
    if (mcl._mclBnG1_isValid(key) !== 1) return false;
    scalar(hash, input, 0);
    scalar(r, input, 32);
    scalar(s, input, 64);
    mcl._mclBnFr_inv(s, s);
    mcl._mclBnFr_mul(hash, hash, s);
    mcl._mclBnFr_mul(r, r, s);
    mcl._mclBnG1_mul(sum, base, hash);
    mcl._mclBnG1_mul(key, key, r);
    mcl._mclBnG1_add(sum, sum, key);
    if (mcl._mclBnG1_isZero(sum) === 1) return false;
    mcl._mclBnG1_normalize(sum, sum);
    mcl._mclBnFp_serialize(bytes, 32, sum);
    const x = toInteger(
      heap()
        .slice(bytes, bytes + 32)
        .reverse(),
    );
    return x % ORDER === toInteger(input.subarray(32, 64));
  };
}
