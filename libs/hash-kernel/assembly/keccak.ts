// The sponge: keccak-256 with the original padding (0x01), as Ethereum uses it.
import { permute } from "./keccak-f";

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
