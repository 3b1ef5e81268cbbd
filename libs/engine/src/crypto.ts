/** Fast cryptography for the reference interpreter, whose defaults are 5-40 times slower. */
import { createHash } from "node:crypto";
import type { CustomCrypto } from "@ethereumjs/common";
import { keccak256 as kernelKeccak } from "@velarium/hash-kernel";
import secp256k1 from "secp256k1";
import { verifyKzgProof } from "./kzg.ts";

export const keccak256 = (bytes: Uint8Array): Uint8Array => kernelKeccak(bytes);

function recover(hash: Uint8Array, signature: Uint8Array, recovery: number): Uint8Array {
  // The addon writes into the array that it is given and checks that it is a plain Uint8Array of the right length.
  return secp256k1.ecdsaRecover(signature, recovery, hash, false, new Uint8Array(65)).subarray(1);
}

/** Public key (64 bytes) of an Ethereum signature; throws when there is none. */
function ecrecover(hash: Uint8Array, v: bigint, r: Uint8Array, s: Uint8Array, chainId?: bigint): Uint8Array {
  const recovery = v === 0n || v === 1n ? v : chainId === undefined ? v - 27n : v - (chainId * 2n + 35n);
  if (recovery !== 0n && recovery !== 1n) throw new RangeError(`v ${v} names no recovery id`);
  const signature = new Uint8Array(64);
  signature.set(r, 32 - r.length);
  signature.set(s, 64 - s.length);
  return recover(new Uint8Array(hash), signature, Number(recovery));
}

/** Address (20 bytes) that signed `hash`; undefined when the signature is no signature. r and s have up to 32 bytes. */
export function recoverAddress(
  hash: Uint8Array,
  yParity: number,
  r: Uint8Array,
  s: Uint8Array,
): Uint8Array | undefined {
  try {
    return keccak256(ecrecover(hash, BigInt(yParity), r, s)).slice(12);
  } catch {
    return undefined;
  }
}

export const fastCrypto: CustomCrypto = {
  keccak256,
  ecrecover,
  ecdsaRecover: (signature, recovery, hash) =>
    secp256k1.ecdsaRecover(
      new Uint8Array(signature),
      recovery,
      new Uint8Array(hash),
      false,
      new Uint8Array(65),
    ),
  // The interpreter asks for nothing else of this interface.
  kzg: { verifyProof: verifyKzgProof } as unknown as NonNullable<CustomCrypto["kzg"]>,
  sha256: (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest()),
};
