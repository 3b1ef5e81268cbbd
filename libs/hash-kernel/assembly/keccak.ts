// The sponge: keccak-256 with the original padding (0x01), as Ethereum uses it.
import { permute } from "./keccak-f";
import { permutePair } from "./keccak-f-pair";

const RATE: usize = 136;
const STATE = memory.data(200, 16);

/** Hashes `size` bytes at `input` to the 32 bytes at `out`, which may overlap the input. */
export function keccak(input: usize, size: usize, out: usize): void {
  const s = STATE;
  memory.fill(s, 0, 200);
  while (size >= RATE) {
    for (let i: usize = 0; i < RATE; i += 8) store<u64>(s + i, load<u64>(s + i) ^ load<u64>(input + i));
    permute(s);
    input += RATE;
    size -= RATE;
  }
  let i: usize = 0;
  for (; i + 8 <= size; i += 8) store<u64>(s + i, load<u64>(s + i) ^ load<u64>(input + i));
  let last: u64 = 1 << ((<u64>(size - i)) << 3);
  for (let k: usize = i; k < size; k++) last ^= (<u64>load<u8>(input + k)) << ((<u64>(k - i)) << 3);
  store<u64>(s + i, load<u64>(s + i) ^ last);
  store<u64>(s, load<u64>(s, 128) ^ 0x8000000000000000, 128);
  permute(s);
  store<u64>(out, load<u64>(s));
  store<u64>(out, load<u64>(s, 8), 8);
  store<u64>(out, load<u64>(s, 16), 16);
  store<u64>(out, load<u64>(s, 24), 24);
}

const PAIR = memory.data(400, 16);

/** Blocks of the sponge that `size` bytes take. */
// @ts-ignore: decorator
@inline
export function blocksOf(size: usize): usize {
  return size / RATE + 1;
}

/** Xors the last, padded block of an input of `size` (below RATE) bytes into every second lane from `s` on. */
function absorbLast(s: usize, input: usize, size: usize): void {
  let i: usize = 0;
  for (; i + 8 <= size; i += 8) store<u64>(s + 2 * i, load<u64>(s + 2 * i) ^ load<u64>(input + i));
  let last: u64 = 1 << ((<u64>(size - i)) << 3);
  for (let k: usize = i; k < size; k++) last ^= (<u64>load<u8>(input + k)) << ((<u64>(k - i)) << 3);
  store<u64>(s + 2 * i, load<u64>(s + 2 * i) ^ last);
  store<u64>(s, load<u64>(s, 256) ^ 0x8000000000000000, 256);
}

function squeeze(s: usize, out: usize): void {
  store<u64>(out, load<u64>(s));
  store<u64>(out, load<u64>(s, 16), 8);
  store<u64>(out, load<u64>(s, 32), 16);
  store<u64>(out, load<u64>(s, 48), 24);
}

/** Hashes two inputs of as many blocks. */
export function keccakPair(
  input0: usize,
  size0: usize,
  out0: usize,
  input1: usize,
  size1: usize,
  out1: usize,
): void {
  const s = PAIR;
  memory.fill(s, 0, 400);
  while (size0 >= RATE) {
    for (let i: usize = 0; i < RATE; i += 8) {
      store<u64>(s + 2 * i, load<u64>(s + 2 * i) ^ load<u64>(input0 + i));
      store<u64>(s + 2 * i, load<u64>(s + 2 * i, 8) ^ load<u64>(input1 + i), 8);
    }
    permutePair(s);
    input0 += RATE;
    input1 += RATE;
    size0 -= RATE;
    size1 -= RATE;
  }
  absorbLast(s, input0, size0);
  absorbLast(s + 8, input1, size1);
  permutePair(s);
  squeeze(s, out0);
  squeeze(s + 8, out1);
}

/** Hashes two words, 64 bytes. */
export function keccakWords(input: usize, out: usize): void {
  const s = STATE;
  memory.copy(s, input, 64);
  memory.fill(s + 64, 0, 136);
  store<u64>(s, 1, 64);
  store<u64>(s, 0x8000000000000000, 128);
  permute(s);
  memory.copy(out, s, 32);
}

/** Hashes two words, and the two words that follow, to `out` and the 32 bytes that follow. */
export function keccakWordsTwice(input: usize, out: usize): void {
  const s = PAIR;
  for (let i: usize = 0; i < 64; i += 8) {
    store<u64>(s + 2 * i, load<u64>(input + i));
    store<u64>(s + 2 * i, load<u64>(input + i, 64), 8);
  }
  memory.fill(s + 128, 0, 272);
  v128.store(s, i64x2.splat(1), 128);
  v128.store(s, i64x2.splat(0x8000000000000000), 256);
  permutePair(s);
  squeeze(s, out);
  squeeze(s + 8, out + 32);
}
