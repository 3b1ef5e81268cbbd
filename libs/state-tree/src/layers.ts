/** SHA-256 over whole layers of a binary tree, and the roots of empty subtrees. */
import { hashInto } from "@chainsafe/hashtree";
import { HASH_BYTES, TWIG_BITS_CHUNKS, TWIG_LAYERS } from "./format.ts";

/** Hashes `nodes` consecutive pairs of `input` (64 bytes each, from `inOffset`) into `out` (32 bytes each, from `outOffset`). */
export function hashPairs(
  input: Uint8Array,
  inOffset: number,
  nodes: number,
  out: Uint8Array,
  outOffset: number,
): void {
  if (nodes > 0)
    hashInto(
      input.subarray(inOffset, inOffset + nodes * 64),
      out.subarray(outOffset, outOffset + nodes * HASH_BYTES),
    );
}

const pair = new Uint8Array(64);

/** SHA-256 of two 32-byte nodes. */
export function hashTwo(left: Uint8Array, right: Uint8Array): Uint8Array {
  pair.set(left, 0);
  pair.set(right, HASH_BYTES);
  const out = new Uint8Array(HASH_BYTES);
  hashInto(pair, out);
  return out;
}

function zeroLadder(start: Uint8Array, layers: number): Uint8Array[] {
  const ladder = [start];
  for (let i = 0; i < layers; i++) ladder.push(hashTwo(ladder[i]!, ladder[i]!));
  return ladder;
}

/** Roots of trees of 2^i zero chunks. */
export const ZERO_ROOTS = zeroLadder(new Uint8Array(HASH_BYTES), TWIG_LAYERS);
/** Root of the active bits of a twig without active entries. */
export const NO_BITS_ROOT = ZERO_ROOTS[Math.log2(TWIG_BITS_CHUNKS)]!;
/** Roots of upper trees of 2^i empty twigs; [0] is the empty twig. 2^40 twigs are out of reach. */
export const EMPTY_UPPER = zeroLadder(hashTwo(ZERO_ROOTS[TWIG_LAYERS]!, NO_BITS_ROOT), 40);

/** Layers of the upper tree over `twigs` twigs. */
export function upperLayers(twigs: number): number {
  let layers = 0;
  while (2 ** layers < twigs) layers++;
  return layers;
}
