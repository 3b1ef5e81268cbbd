/**
 * The two operations on secp256k1 that transactions need, by the native addon where its binary exists and by
 * pure code elsewhere (20 to 40 times slower).
 */
import { createRequire } from "node:module";
import { secp256k1 as pure } from "@noble/curves/secp256k1.js";
import { TxError } from "./error.ts";

interface NativeAddon {
  ecdsaRecover(
    signature: Uint8Array,
    recovery: number,
    hash: Uint8Array,
    compressed: boolean,
    out: Uint8Array,
  ): Uint8Array;
  ecdsaSign(hash: Uint8Array, key: Uint8Array): { signature: Uint8Array; recid: number };
  publicKeyCreate(key: Uint8Array, compressed: boolean): Uint8Array;
}

export interface Curve {
  readonly name: "native" | "pure";
  /** Writes the uncompressed public key (65 bytes, the first 4). Throws TxError `signature`. */
  recover(signature: Uint8Array, yParity: number, hash: Uint8Array, publicKey: Uint8Array): void;
  /** Deterministic (RFC 6979), low s: r and s, 32 bytes each. */
  sign(hash: Uint8Array, privateKey: Uint8Array): { signature: Uint8Array; yParity: number };
  publicKey(privateKey: Uint8Array): Uint8Array;
}

const unrecoverable = (): TxError => new TxError("signature", "no key can have made this signature");

export const pureCurve: Curve = {
  name: "pure",
  recover(signature, yParity, hash, publicKey) {
    try {
      const compact = pure.Signature.fromBytes(signature, "compact").addRecoveryBit(yParity);
      publicKey.set(compact.recoverPublicKey(hash).toBytes(false));
    } catch {
      throw unrecoverable();
    }
  },
  sign(hash, privateKey) {
    const made = pure.sign(hash, privateKey, { prehash: false, lowS: true, format: "recovered" });
    return { signature: made.slice(1), yParity: made[0]! };
  },
  publicKey: (privateKey) => pure.getPublicKey(privateKey, false),
};

function loadNative(): Curve | undefined {
  let addon: NativeAddon;
  try {
    // The package's main file would fall back to elliptic curves in plain BigInt arithmetic of its own.
    addon = createRequire(import.meta.url)("secp256k1/bindings.js") as NativeAddon;
  } catch {
    return undefined;
  }
  return {
    name: "native",
    recover(signature, yParity, hash, publicKey) {
      try {
        addon.ecdsaRecover(signature, yParity, hash, false, publicKey);
      } catch {
        throw unrecoverable();
      }
    },
    sign(hash, privateKey) {
      const { signature, recid } = addon.ecdsaSign(hash, privateKey);
      return { signature, yParity: recid };
    },
    publicKey: (privateKey) => addon.publicKeyCreate(privateKey, false),
  };
}

/** The native addon if this platform has it. */
export const nativeCurve: Curve | undefined = loadNative();
export const curve: Curve = nativeCurve ?? pureCurve;
