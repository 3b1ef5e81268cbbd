/** 256-bit integers in byte arrays, big-endian. A `bigint` here is always in [0, 2^256). */

const scratch = new DataView(new ArrayBuffer(32));
const scratchBytes = new Uint8Array(scratch.buffer);

/** The word at `offset`; bytes beyond the end are zero. */
export function loadWord(bytes: Uint8Array, offset: number): bigint {
  const left = bytes.length - offset;
  if (left >= 32) for (let i = 0; i < 32; i++) scratchBytes[i] = bytes[offset + i]!;
  else for (let i = 0; i < 32; i++) scratchBytes[i] = i < left ? bytes[offset + i]! : 0;
  return scratchWord();
}

function scratchWord(): bigint {
  const low = scratch.getBigUint64(24);
  // Most words are small or addresses; joining limbs costs an allocation each.
  if (scratch.getInt32(0) === 0 && scratch.getInt32(4) === 0) {
    if (scratch.getInt32(8) === 0 && scratch.getInt32(12) === 0) {
      if (scratch.getInt32(16) === 0 && scratch.getInt32(20) === 0) return low;
      return (scratch.getBigUint64(16) << 64n) | low;
    }
    return (scratch.getBigUint64(8) << 128n) | (scratch.getBigUint64(16) << 64n) | low;
  }
  return (
    (scratch.getBigUint64(0) << 192n) |
    (scratch.getBigUint64(8) << 128n) |
    (scratch.getBigUint64(16) << 64n) |
    low
  );
}

/** Writes `value` at `offset` of `bytes`, which has room for it. */
export function storeWord(bytes: Uint8Array, offset: number, value: bigint): void {
  if (value <= 0xffff_ffffn) {
    const low = Number(value);
    for (let i = 0; i < 28; i++) bytes[offset + i] = 0;
    bytes[offset + 28] = low >>> 24;
    bytes[offset + 29] = low >>> 16;
    bytes[offset + 30] = low >>> 8;
    bytes[offset + 31] = low;
    return;
  }
  scratch.setBigUint64(24, BigInt.asUintN(64, value));
  scratch.setBigUint64(16, BigInt.asUintN(64, value >> 64n));
  scratch.setBigUint64(8, BigInt.asUintN(64, value >> 128n));
  scratch.setBigUint64(0, value >> 192n);
  for (let i = 0; i < 32; i++) bytes[offset + i] = scratchBytes[i]!;
}

export const ADDRESS_MASK = (1n << 160n) - 1n;

/** 20 bytes of an address. */
export function addressBytes(address: bigint): Uint8Array {
  const word = new Uint8Array(32);
  storeWord(word, 0, address);
  return word.slice(12);
}

/** The address in the first 20 bytes from `offset`. */
export function addressWord(bytes: Uint8Array, offset = 0): bigint {
  for (let i = 0; i < 12; i++) scratchBytes[i] = 0;
  for (let i = 0; i < 20; i++) scratchBytes[12 + i] = bytes[offset + i]!;
  return scratchWord();
}
