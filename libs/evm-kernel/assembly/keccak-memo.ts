// keccak256 with a memo for inputs of 64 bytes, which is what mappings hash: key and slot number. Direct mapped, 128
// bytes an entry: input, digest as a word, and 1 where it is taken.
import { permute } from "../../hash-kernel/assembly/keccak-f";
import { keccak } from "../../hash-kernel/assembly/keccak";
import { MEMO, memoMask } from "./bounds";
import { hashKey } from "./secret";
import { copy, reverse } from "./u256";

const STATE = memory.data(200, 16);
const DIGEST: usize = 64;
const TAKEN: usize = 96;

/** One block: 64 bytes at `at`. */
function keccak64(at: usize, out: usize): void {
  memory.fill(STATE, 0, 200);
  copy(at, STATE);
  copy(at + 32, STATE + 32);
  store<u64>(STATE, 1, 64);
  store<u64>(STATE, 0x8000000000000000, 128);
  permute(STATE);
  reverse(STATE, out);
}

/** Hash of `size` bytes at `at` as a word to `out`. */
export function hash(at: usize, size: usize, out: usize): void {
  if (size != 64) {
    keccak(at, size, out);
    reverse(out, out);
    return;
  }
  const a = load<u64>(at, 16);
  const b = load<u64>(at, 24);
  const entry =
    MEMO +
    (<usize>(
      hashKey(
        a ^ bswap<u64>(load<u64>(at, 0)), b ^ bswap<u64>(load<u64>(at, 8)), load<u64>(at, 40) ^ load<u64>(at, 32),
        load<u64>(at, 48), load<u64>(at, 56),
      ) & memoMask
    ) <<
      7);
  if (
    load<u32>(entry, TAKEN) != 0 &&
    ((load<u64>(entry) ^ load<u64>(at)) |
      (load<u64>(entry, 8) ^ load<u64>(at, 8)) |
      (load<u64>(entry, 16) ^ a) |
      (load<u64>(entry, 24) ^ b) |
      (load<u64>(entry, 32) ^ load<u64>(at, 32)) |
      (load<u64>(entry, 40) ^ load<u64>(at, 40)) |
      (load<u64>(entry, 48) ^ load<u64>(at, 48)) |
      (load<u64>(entry, 56) ^ load<u64>(at, 56))) ==
      0
  ) {
    copy(entry + DIGEST, out);
    return;
  }
  copy(at, entry);
  copy(at + 32, entry + 32);
  store<u32>(entry, 1, TAKEN);
  keccak64(at, entry + DIGEST);
  copy(entry + DIGEST, out);
}
