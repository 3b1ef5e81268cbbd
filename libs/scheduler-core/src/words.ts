/** 32-byte big-endian words and bigints; per block only. */

export function bigintToWord(value: bigint): Uint8Array {
  const out = new Uint8Array(32);
  const view = new DataView(out.buffer);
  for (let i = 3, rest = value; i >= 0; i--, rest >>= 64n)
    view.setBigUint64(i * 8, rest & 0xffffffffffffffffn);
  return out;
}

export function wordToBigint(word: Uint8Array): bigint {
  const view = new DataView(word.buffer, word.byteOffset, word.byteLength);
  let value = 0n;
  for (let i = 0; i + 8 <= word.length; i += 8) value = (value << 64n) | view.getBigUint64(i);
  return value;
}
