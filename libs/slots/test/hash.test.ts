import { createHash } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { hashKeys, KEY_HASH_BYTES, SLOT_KEY_BYTES, SlotIds } from "../src/index.ts";

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash("sha256").update(bytes).digest());

/** As the format is written down: the key padded to 64 bytes. */
function plainHash(key: Uint8Array): Uint8Array {
  const block = new Uint8Array(64);
  block.set(key);
  return sha256(block);
}

/** Keys at an offset into a larger buffer, as they come out of messages. */
const keysAt = (keys: readonly Uint8Array[], offset: number): Uint8Array => {
  const buffer = new Uint8Array(offset + keys.length * SLOT_KEY_BYTES);
  for (let i = 0; i < keys.length; i++) buffer.set(keys[i]!, offset + i * SLOT_KEY_BYTES);
  return buffer.subarray(offset);
};
const key = fc.uint8Array({ minLength: SLOT_KEY_BYTES, maxLength: SLOT_KEY_BYTES });
// More than the first buffers hold, and fewer after that: what a larger batch leaves behind must not matter.
const batches = fc.array(fc.tuple(fc.array(key, { maxLength: 300 }), fc.nat(9)), {
  minLength: 1,
  maxLength: 4,
});

describe("slot hashes", () => {
  it("hashes keys as SHA-256 of the padded key, wherever they lie", () => {
    fc.assert(
      fc.property(batches, (all) => {
        for (const [keys, offset] of all) {
          const out = new Uint8Array(keys.length * KEY_HASH_BYTES);
          hashKeys(keysAt(keys, offset), keys.length, out);
          expect(Buffer.from(out).equals(Buffer.concat(keys.map(plainHash)))).toBe(true);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("makes an id of the partition and of the hash of key hash and secret", () => {
    fc.assert(
      fc.property(
        batches,
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.constantFrom(1, 64, 256),
        (all, secret, partitions) => {
          const ids = new SlotIds(secret, partitions);
          for (const [keys, offset] of all) {
            const hi = new Uint32Array(keys.length);
            const lo = new Uint32Array(keys.length);
            ids.idsOf(keysAt(keys, offset), keys.length, hi, lo);
            keys.forEach((bytes, i) => {
              const hash = plainHash(bytes);
              const digest = Buffer.from(sha256(Buffer.concat([hash, secret])));
              expect(hi[i]! >>> 24).toBe((hash[0]! * partitions) >>> 8);
              expect(hi[i]! & 0xffffff).toBe(digest.readUIntBE(0, 3));
              expect(lo[i]).toBe(digest.readUInt32BE(3));
            });
          }
        },
      ),
      { numRuns: 20 },
    );
  });
});
