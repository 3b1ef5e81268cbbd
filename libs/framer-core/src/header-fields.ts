/** Fields of headers as the framer makes and reads them. */
import { keccak256 } from "@velarium/hash-kernel";
import type { FramerConfig } from "./framer-types.ts";

const NO_EXTRA_DATA = new Uint8Array(0);

/** Saturates at 2^53, as fee caps in Analyzed do. */
export function weiOf(bytes: Uint8Array): number {
  let value = 0;
  for (let i = 0; i < bytes.length; i++) value = value * 256 + bytes[i]!;
  return Math.min(value, Number.MAX_SAFE_INTEGER + 1);
}

/** Not a source of randomness: one producer makes all blocks, so the field is only a distinct word per block. */
export function prevRandaoOf(number: number, time: number): Uint8Array {
  return keccak256(new TextEncoder().encode(`prevRandao ${number} ${time}`));
}

/** What a block's opening tells executors of its header, and its record says again. */
export const openingFields = (
  { beneficiary, extraData = NO_EXTRA_DATA }: FramerConfig,
  number: number,
  time: number,
) => ({
  beneficiary,
  prevRandao: prevRandaoOf(number, time),
  parentBeaconRoot: new Uint8Array(32),
  extraData,
});
