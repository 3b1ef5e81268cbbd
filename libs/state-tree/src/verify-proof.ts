/**
 * Standalone verifier of state proofs. It needs SHA-256 and nothing else of this project, so that it can be copied
 * or ported as it is.
 *
 * A proof shows one active entry of a partition's tree. If the entry is the key's own, the key has its value
 * (inclusion). If the key's hash lies strictly between the hash of the entry's key and the entry's next key hash, the
 * key is absent (exclusion): active entries of a partition form one sorted chain that starts at a sentinel (hash
 * zero, key of 56 bytes 0xff) and ends at 0xff..ff.
 */
import { createHash } from "node:crypto";

export interface StateProof {
  readonly version: 1;
  /** Number of partitions of the chain, and the one that the key falls in. */
  readonly partitions: number;
  readonly partition: number;
  /** The slot key asked for, 56 bytes, hex. */
  readonly key: string;
  /** The entry that answers: key 56, next key hash 32, value 32, height u64 little-endian; hex. */
  readonly entry: string;
  readonly entryNumber: number;
  /** Entries of the partition's tree. */
  readonly entryCount: number;
  /** 11 siblings from the entry to the root of its twig's entries, hex, lowest first. */
  readonly twigPath: readonly string[];
  /** The 32 bytes of active bits that hold the entry's, and 3 siblings up to the root of the twig's bits. */
  readonly bits: string;
  readonly bitsPath: readonly string[];
  /** Siblings from the twig to the partition's upper root. */
  readonly upperPath: readonly string[];
  /** Siblings from the partition root to the state root. */
  readonly partitionPath: readonly string[];
}

export type ProofVerdict =
  | { readonly ok: true; readonly kind: "inclusion"; readonly value: string; readonly height: number }
  | { readonly ok: true; readonly kind: "exclusion" }
  | { readonly ok: false; readonly reason: string };

const TWIG = 2048;
const refuse = (reason: string): ProofVerdict => ({ ok: false, reason });

function bytes(hex: unknown, length: number): Buffer | null {
  if (typeof hex !== "string" || hex.length !== length * 2 || !/^[0-9a-f]*$/.test(hex)) return null;
  return Buffer.from(hex, "hex");
}

function hashes(path: unknown, length: number): Buffer[] | null {
  if (!Array.isArray(path) || path.length !== length) return null;
  const out: Buffer[] = [];
  for (const hex of path) {
    const hash = bytes(hex, 32);
    if (hash === null) return null;
    out.push(hash);
  }
  return out;
}

const sha256 = (...parts: Uint8Array[]): Buffer => {
  const h = createHash("sha256");
  for (const part of parts) h.update(part);
  return h.digest();
};

/** Climbs from a node at `index` along its siblings. */
function climb(node: Buffer, index: number, path: readonly Buffer[]): Buffer {
  let at = index;
  let current = node;
  for (const sibling of path) {
    current = at % 2 === 1 ? sha256(sibling, current) : sha256(current, sibling);
    at = Math.floor(at / 2);
  }
  return current;
}

/** SHA-256 of the key padded with zeros to 64 bytes; the sentinel's hash is zero. */
function hashOfKey(key: Buffer): Buffer {
  if (key.every((b) => b === 0xff)) return Buffer.alloc(32);
  return sha256(key, Buffer.alloc(8));
}

/** Checks a proof against a state root (hex or 32 bytes); never throws on malformed proofs. */
export function verifyProof(root: string | Uint8Array, proof: StateProof): ProofVerdict {
  const expected = typeof root === "string" ? bytes(root.replace(/^0x/, ""), 32) : Buffer.from(root);
  if (expected === null || expected.length !== 32) return refuse("the state root is not 32 bytes");
  if (proof === null || typeof proof !== "object" || proof.version !== 1)
    return refuse("not a state proof of version 1");
  const { partitions, partition, entryNumber, entryCount } = proof;
  const layers = [1, 2, 4, 8, 16, 32, 64, 128, 256].indexOf(partitions);
  if (layers < 0 || !Number.isInteger(partition) || partition < 0 || partition >= partitions)
    return refuse("no such partition");
  if (
    !Number.isSafeInteger(entryCount) ||
    !Number.isSafeInteger(entryNumber) ||
    entryNumber < 0 ||
    entryNumber >= entryCount
  )
    return refuse("no such entry");
  let upper = 0;
  while (2 ** upper < Math.ceil(entryCount / TWIG)) upper++;
  const key = bytes(proof.key, 56);
  const entry = bytes(proof.entry, 128);
  const bits = bytes(proof.bits, 32);
  const twigPath = hashes(proof.twigPath, 11);
  const bitsPath = hashes(proof.bitsPath, 3);
  const upperPath = hashes(proof.upperPath, upper);
  const partitionPath = hashes(proof.partitionPath, layers);
  if (!key || !entry || !bits || !twigPath || !bitsPath || !upperPath || !partitionPath)
    return refuse("a part of the proof is missing or has the wrong length");
  const keyHash = hashOfKey(key);
  if (key[0] === 0xff || Math.floor((keyHash[0]! * partitions) / 256) !== partition)
    return refuse("the key does not belong to this partition");

  const leaf = sha256(
    sha256(entry.subarray(0, 32), entry.subarray(32, 64)),
    sha256(entry.subarray(64, 96), entry.subarray(96, 128)),
  );
  const inTwig = entryNumber % TWIG;
  if ((bits[(inTwig % 256) >>> 3]! & (1 << (inTwig & 7))) === 0) return refuse("the entry is not active");
  const twig = sha256(climb(leaf, inTwig, twigPath), climb(bits, inTwig >>> 8, bitsPath));
  const count = Buffer.alloc(32);
  count.writeBigUInt64BE(BigInt(entryCount), 24);
  const partitionRoot = sha256(climb(twig, Math.floor(entryNumber / TWIG), upperPath), count);
  if (!climb(partitionRoot, partition, partitionPath).equals(expected))
    return refuse("the proof leads to another state root");

  const entryKey = entry.subarray(0, 56);
  if (entryKey.equals(key))
    return {
      ok: true,
      kind: "inclusion",
      value: entry.subarray(88, 120).toString("hex"),
      height: Number(entry.readBigUInt64LE(120)),
    };
  const next = entry.subarray(56, 88);
  if (Buffer.compare(hashOfKey(entryKey), keyHash) < 0 && Buffer.compare(keyHash, next) < 0)
    return { ok: true, kind: "exclusion" };
  return refuse("the entry says nothing about the key");
}
