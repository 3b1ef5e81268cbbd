/** A batch of slot keys on its way through hash, partition and entry: scratch memory that grows and is used again. */
import { hashInto } from "@chainsafe/hashtree";
import { HASH_BYTES } from "./format.ts";
import { hashesToWords } from "./hash-words.ts";

const KEY_WORDS = 14;
const BLOCK_WORDS = 16;

export class KeyBatch {
  count = 0;
  /** Key hashes, eight words each, as of `hash`. */
  hashes = new Uint32Array(0);
  /** Index in the caller's batch of each key here. */
  indices = new Int32Array(0);
  /** For the caller: entry of each key, or -1. */
  numbers = new Float64Array(0);
  private blocks = new Uint32Array(0);
  private digests = new Uint8Array(0);
  /** Views for batches of one, which are frequent: making views would cost more than the hash. */
  private oneBlock = new Uint8Array(0);
  private oneDigest = new Uint8Array(0);

  /** Empties the batch and makes room. */
  begin(capacity: number): void {
    this.count = 0;
    if (this.indices.length >= capacity) return;
    const size = Math.max(256, Math.ceil(capacity * 1.25));
    this.hashes = new Uint32Array(size * 8);
    this.indices = new Int32Array(size);
    this.numbers = new Float64Array(size);
    this.blocks = new Uint32Array(size * BLOCK_WORDS);
    this.digests = new Uint8Array(size * HASH_BYTES);
    this.oneBlock = new Uint8Array(this.blocks.buffer, 0, BLOCK_WORDS * 4);
    this.oneDigest = this.digests.subarray(0, HASH_BYTES);
  }

  /** Adds the key at `words[at]`, number `index` of the caller's batch. */
  add(words: Uint32Array, at: number, index: number): void {
    const to = this.count * BLOCK_WORDS;
    const { blocks } = this;
    for (let j = 0; j < KEY_WORDS; j++) blocks[to + j] = words[at + j]!;
    this.indices[this.count++] = index;
  }

  /** Fills `hashes`. The two last words of every block stay zero: keys are padded to 64 bytes. */
  hash(): void {
    const { count } = this;
    if (count === 0) return;
    if (count === 1) hashInto(this.oneBlock, this.oneDigest);
    else
      hashInto(
        new Uint8Array(this.blocks.buffer, 0, count * BLOCK_WORDS * 4),
        this.digests.subarray(0, count * HASH_BYTES),
      );
    hashesToWords(this.digests, count, this.hashes);
  }
}
