// Operations that only move words of the operand stack. `sp` is the address behind the top; it is the caller's to
// change. The number of each is a constant of its opcode, so that all choices are made when the kernel is built.
import { copy, reverse } from "./u256";

/** The limb at `limb` bytes of a word of which `size` big-endian bytes follow the opcode at `ip`. */
@inline
function limbOf(ip: usize, limb: usize, size: usize): u64 {
  if (size <= limb) return 0;
  // The topmost limb may be only in part there. Its load reads on behind it: code is padded.
  if (size < limb + 8) return bswap<u64>(load<u64>(ip, 1)) >> (64 - ((size - limb) << 3));
  return bswap<u64>(load<u64>(ip + (size - limb - 7)));
}

/** PUSH1 to PUSH32: the `size` bytes behind the opcode at `ip`. */
@inline
export function push(ip: usize, sp: usize, size: usize): void {
  if (size == 1) {
    store<u64>(sp, <u64>load<u8>(ip, 1));
    store<u64>(sp, 0, 8);
    store<u64>(sp, 0, 16);
    store<u64>(sp, 0, 24);
  } else if (size == 32) reverse(ip + 1, sp);
  else {
    store<u64>(sp, limbOf(ip, 0, size));
    store<u64>(sp, limbOf(ip, 8, size), 8);
    store<u64>(sp, limbOf(ip, 16, size), 16);
    store<u64>(sp, limbOf(ip, 24, size), 24);
  }
}

/** DUP1 to DUP16: the word that is `depth`th from the top. */
@inline
export function dup(sp: usize, depth: usize): void {
  copy(sp - (depth << 5), sp);
}

/** SWAP1 to SWAP16: the top with the word `depth` below it. */
@inline
export function swap(sp: usize, depth: usize): void {
  const a = sp - 32;
  const b = sp - 32 - (depth << 5);
  const low = v128.load(a);
  const high = v128.load(a, 16);
  v128.store(a, v128.load(b));
  v128.store(a, v128.load(b, 16), 16);
  v128.store(b, low);
  v128.store(b, high, 16);
}
