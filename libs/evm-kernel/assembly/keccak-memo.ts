// keccak256 with a memo for inputs of 64 bytes, which is what mappings hash: key and slot number. Direct mapped, 128
// bytes an entry: input, then the digest as a word; tags apart.
import { permute } from "../../hash-kernel/assembly/keccak-f";
import { keccak } from "../../hash-kernel/assembly/keccak";
import { MEMO, MEMO_TAGS, memoMask } from "./bounds";
import { hashKey } from "./secret";
import { copy, reverse } from "./u256";

const STATE = memory.data(200, 64);
const DIGEST: usize = 64;

/** One block: 64 bytes at `at`. */
function keccak64(at: usize, out: usize): void {
  copy(at, STATE);
  copy(at + 32, STATE + 32);
  v128.store(STATE, i64x2(1, 0), 64);
  const none = i64x2.splat(0);
  v128.store(STATE, none, 80);
  v128.store(STATE, none, 96);
  v128.store(STATE, none, 112);
  v128.store(STATE, i64x2(0x8000000000000000, 0), 128);
  v128.store(STATE, none, 144);
  v128.store(STATE, none, 160);
  v128.store(STATE, none, 176);
  store<u64>(STATE, 0, 192);
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
  const mixed = hashKey(
    load<u64>(at, 16) ^ bswap<u64>(load<u64>(at)), load<u64>(at, 24) ^ bswap<u64>(load<u64>(at, 8)),
    load<u64>(at, 40) ^ load<u64>(at, 32), load<u64>(at, 48), load<u64>(at, 56),
  );
  // The tag tells a miss without a look at the entry: tags are few bytes and stay in the cache. 0: not taken.
  const i = <usize>(mixed & memoMask);
  const tag = mixed | 1;
  const entry = MEMO + (i << 7);
  if (
    load<u32>(MEMO_TAGS + (i << 2)) == tag &&
    ((load<u64>(entry) ^ load<u64>(at)) |
      (load<u64>(entry, 8) ^ load<u64>(at, 8)) |
      (load<u64>(entry, 16) ^ load<u64>(at, 16)) |
      (load<u64>(entry, 24) ^ load<u64>(at, 24)) |
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
  store<u32>(MEMO_TAGS + (i << 2), tag);
  keccak64(at, out);
  copy(out, entry + DIGEST);
}
