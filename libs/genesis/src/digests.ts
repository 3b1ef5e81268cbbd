/** Millions of digests in the order of their bytes: dealt out by their first 16 bits, then sorted within each share. */
import type { Hash } from "node:crypto";

const DIGEST_BYTES = 32;
const SHARES = 1 << 16;

export class Digests {
  private bytes = Buffer.alloc(1024 * DIGEST_BYTES);
  private count = 0;

  /** `digest` has 32 bytes. */
  add(digest: Uint8Array): void {
    if ((this.count + 1) * DIGEST_BYTES > this.bytes.length) {
      const grown = Buffer.alloc(this.bytes.length * 2);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes.set(digest, this.count++ * DIGEST_BYTES);
  }

  /** Feeds all to a hash, in ascending order. */
  sortInto(hash: Hash): void {
    const { bytes, count } = this;
    const shareOf = (i: number): number => (bytes[i * DIGEST_BYTES]! << 8) | bytes[i * DIGEST_BYTES + 1]!;
    const ends = new Uint32Array(SHARES + 1);
    for (let i = 0; i < count; i++) ends[shareOf(i) + 1]!++;
    for (let s = 0; s < SHARES; s++) ends[s + 1]! += ends[s]!;
    const order = new Uint32Array(count);
    const next = ends.slice();
    for (let i = 0; i < count; i++) order[next[shareOf(i)]!++] = i;
    const at = (i: number): Buffer => bytes.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES);
    for (let s = 0; s < SHARES; s++) {
      const share = order.subarray(ends[s]!, ends[s + 1]!);
      if (share.length > 1) share.sort((a, b) => Buffer.compare(at(a), at(b)));
      for (let k = 0; k < share.length; k++) hash.update(at(share[k]!));
    }
  }
}
