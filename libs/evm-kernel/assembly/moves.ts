// Copies of few bytes: the engine's memory.copy is a call, which costs more than it moves.

/** Copies `size` bytes between ranges that do not overlap. */
@inline
export function move(to: usize, from: usize, size: usize): void {
  if (size == 32) {
    const low = v128.load(from);
    const high = v128.load(from, 16);
    v128.store(to, low);
    v128.store(to, high, 16);
  } else if (size != 0) memory.copy(to, from, size);
}
