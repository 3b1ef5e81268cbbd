/** 0x01-0x04: recovery of a signer, two hashes, and the copy. */
import { createHash } from "node:crypto";
import { ripemd160 as nobleRipemd160 } from "@noble/hashes/legacy.js";
import { recoverAddress } from "@velarium/engine";
import { isZeroRange, padded } from "./bytes.ts";
import { EMPTY } from "./result.ts";

/** Input `hash 32 | v 32 | r 32 | s 32`. No signature: an empty answer, and no failure. High s is allowed here. */
export function recoverSigner(input: Uint8Array): Uint8Array {
  const data = padded(input, 0, 128);
  const v = data[63]!;
  if ((v !== 27 && v !== 28) || !isZeroRange(data, 32, 63)) return EMPTY;
  const address = recoverAddress(data.subarray(0, 32), v - 27, data.subarray(64, 96), data.subarray(96, 128));
  if (address === undefined) return EMPTY;
  const out = new Uint8Array(32);
  out.set(address, 12);
  return out;
}

export const sha256 = (input: Uint8Array): Uint8Array =>
  new Uint8Array(createHash("sha256").update(input).digest());

/** OpenSSL 3 keeps RIPEMD-160 in its legacy provider, which a build may lack. */
const hasRipemd = ((): boolean => {
  try {
    createHash("ripemd160");
    return true;
  } catch {
    return false;
  }
})();

export function ripemd160(input: Uint8Array): Uint8Array {
  const out = new Uint8Array(32);
  out.set(hasRipemd ? createHash("ripemd160").update(input).digest() : nobleRipemd160(input), 12);
  return out;
}

export const identity = (input: Uint8Array): Uint8Array => input.slice();

/** Price per call and per word of 32 bytes. */
export const byWord =
  (base: number, word: number) =>
  (input: Uint8Array): number =>
    base + word * Math.ceil(input.length / 32);
