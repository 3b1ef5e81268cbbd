/**
 * Two hashes of a slot key, both computed in batches by native SHA-256:
 * - the **key hash**, SHA-256 compression-with-padding of the key padded to 64 bytes: its order is the order of the state tree, its top bits
 *   name the partition;
 * - the **slot id**, 64 bits for scheduling structures: partition in the top byte, then 56 bits of
 *   SHA-256(key hash | chain secret), so that nobody outside can grind two slots onto one id.
 */
import { hashInto } from "@chainsafe/hashtree";
import { SLOT_KEY_BYTES } from "./key.ts";

export const KEY_HASH_BYTES = 32;
const BLOCK = 64;

export const MAX_PARTITIONS = 256;

/** Partition of a slot by its key hash; `partitions` is a power of two up to 256. */
export function partitionOf(keyHash: Uint8Array, offset: number, partitions: number): number {
  return (keyHash[offset]! * partitions) >>> 8;
}

/** Nothing is ever written behind a key, so the last 8 bytes of every block stay zero. */
let padded = new Uint8Array(BLOCK * 256);
let paddedWords = new Uint32Array(padded.buffer);
const KEY_WORDS = SLOT_KEY_BYTES / 4;
const BLOCK_WORDS = BLOCK / 4;
const HASH_WORDS = KEY_HASH_BYTES / 4;

/** Hashes `count` consecutive 56-byte keys into `out` (32 bytes each). */
export function hashKeys(keys: Uint8Array, count: number, out: Uint8Array): void {
  if (padded.length < count * BLOCK) {
    padded = new Uint8Array(count * BLOCK * 2);
    paddedWords = new Uint32Array(padded.buffer);
  }
  if ((keys.byteOffset & 3) === 0) {
    const words = new Uint32Array(keys.buffer, keys.byteOffset, count * KEY_WORDS);
    for (let i = 0, from = 0; i < count; i++) {
      const to = i * BLOCK_WORDS;
      for (let j = 0; j < KEY_WORDS; j++) paddedWords[to + j] = words[from++]!;
    }
  } else {
    for (let i = 0; i < count; i++) {
      const to = i * BLOCK;
      const from = i * SLOT_KEY_BYTES;
      for (let j = 0; j < SLOT_KEY_BYTES; j++) padded[to + j] = keys[from + j]!;
    }
  }
  if (count > 0) hashInto(padded.subarray(0, count * BLOCK), out.subarray(0, count * KEY_HASH_BYTES));
}

export function hashKey(key: Uint8Array): Uint8Array {
  const out = new Uint8Array(KEY_HASH_BYTES);
  hashKeys(key, 1, out);
  return out;
}

/** Keys whose ids are worked out at once: what is hashed for them, 100 kB, stays near the processor. */
const IDS_AT_ONCE = 512;

/** Computes slot ids for one chain. Not re-entrant across threads; each worker makes its own. */
export class SlotIds {
  private readonly secret: Uint8Array;
  private readonly partitions: number;
  private hashes!: Uint8Array;
  private hashWords!: Uint32Array;
  /** Per key: its hash, then the secret, which stands there from the start. */
  private blocks!: Uint8Array;
  private blockWords!: Uint32Array;
  private digests!: Uint8Array;

  /** `secret` has 32 bytes and never leaves the cluster. */
  constructor(secret: Uint8Array, partitions: number) {
    if (secret.length !== 32) throw new RangeError(`a chain secret has 32 bytes, got ${secret.length}`);
    if (partitions < 1 || partitions > MAX_PARTITIONS || (partitions & (partitions - 1)) !== 0)
      throw new RangeError(`partitions must be a power of two up to ${MAX_PARTITIONS}, got ${partitions}`);
    this.secret = secret;
    this.partitions = partitions;
    this.reserve(IDS_AT_ONCE);
  }

  private reserve(keys: number): void {
    this.hashes = new Uint8Array(keys * KEY_HASH_BYTES);
    this.hashWords = new Uint32Array(this.hashes.buffer);
    this.blocks = new Uint8Array(keys * BLOCK);
    this.blockWords = new Uint32Array(this.blocks.buffer);
    this.digests = new Uint8Array(keys * KEY_HASH_BYTES);
    for (let i = 0; i < keys; i++) this.blocks.set(this.secret, i * BLOCK + KEY_HASH_BYTES);
  }

  /** Ids of `count` consecutive 56-byte keys, as high and low halves; the partition is the top byte of the high half. */
  idsOf(keys: Uint8Array, count: number, hi: Uint32Array, lo: Uint32Array, at = 0): void {
    for (let from = 0; from < count; from += IDS_AT_ONCE) {
      const some = Math.min(IDS_AT_ONCE, count - from);
      const part = from === 0 ? keys : keys.subarray(from * SLOT_KEY_BYTES);
      this.idsOfSome(part, some, hi, lo, at + from);
    }
  }

  private idsOfSome(keys: Uint8Array, count: number, hi: Uint32Array, lo: Uint32Array, at: number): void {
    const { hashes, hashWords, blocks, blockWords, digests } = this;
    hashKeys(keys, count, hashes);
    for (let i = 0, from = 0; i < count; i++) {
      const to = i * BLOCK_WORDS;
      for (let j = 0; j < HASH_WORDS; j++) blockWords[to + j] = hashWords[from++]!;
    }
    hashInto(blocks.subarray(0, count * BLOCK), digests.subarray(0, count * KEY_HASH_BYTES));
    for (let i = 0; i < count; i++) {
      const d = i * KEY_HASH_BYTES;
      const partition = partitionOf(hashes, d, this.partitions);
      hi[at + i] = ((partition << 24) | (digests[d]! << 16) | (digests[d + 1]! << 8) | digests[d + 2]!) >>> 0;
      lo[at + i] =
        ((digests[d + 3]! << 24) | (digests[d + 4]! << 16) | (digests[d + 5]! << 8) | digests[d + 6]!) >>> 0;
    }
  }
}

/** Partition of a slot id (its top byte). */
export const partitionOfId = (hi: number): number => hi >>> 24;

/** Shard that holds a partition: partitions are dealt out in turn, so that every shard has its share whatever their number. */
export const shardOfPartition = (partition: number, shards: number): number => partition % shards;
