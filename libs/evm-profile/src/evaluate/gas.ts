/** What evaluation charges beyond static gas, by the prices of the fork. */
import type { GasSchedule } from "@velarium/evm-opcodes";
import type { FrameMemory } from "./memory.ts";

/** What pays: gas below zero fails it. */
interface Payer {
  readonly memory: FrameMemory;
  gas: number;
}

/** False when the payer cannot pay, and has to fail. */
export function pay(payer: Payer, gas: number): boolean {
  payer.gas -= gas;
  return payer.gas >= 0;
}

const wordsOf = (bytes: number): number => Math.ceil(bytes / 32);

/** Price of the words of `size` bytes; of a size that no memory has, more than anybody has. */
export const wordGas = (price: number, size: bigint): number => price * wordsOf(Number(size));

function memoryGas(prices: GasSchedule, bytes: number): number {
  const words = wordsOf(bytes);
  return words * prices.memoryWord + Math.floor((words * words) / prices.memoryQuadDivisor);
}

/** Expands memory to `size` bytes from `offset` and pays for it; false as of `pay`, with nothing expanded. */
export function expand(payer: Payer, prices: GasSchedule, offset: bigint, size: bigint): boolean {
  const { memory } = payer;
  const end = Number(offset + size);
  if (size === 0n || end <= memory.size) return true;
  if (!pay(payer, memoryGas(prices, end) - memoryGas(prices, memory.size))) return false;
  memory.place(offset, size);
  return true;
}

/** EIP-2929; nothing before. */
export const accountGas = (prices: GasSchedule, warm: boolean): number =>
  warm ? prices.warmAccount : prices.coldAccount;

export const slotGas = (prices: GasSchedule, warm: boolean): number =>
  warm ? prices.warmSlot : prices.coldSlot;

/** SSTORE without the price of a cold slot (EIP-1283, 2200, 2929). */
export function storeGas({ sstore }: GasSchedule, original: bigint, current: bigint, value: bigint): number {
  if (sstore.scheme === "flat") return current === 0n && value !== 0n ? sstore.set : sstore.reset;
  if (current === value || current !== original) return sstore.dirty;
  return original === 0n ? sstore.set : sstore.reset;
}

/** EXP by the length of its exponent. */
export const expGas = (prices: GasSchedule, exponent: bigint): number =>
  exponent === 0n ? 0 : prices.expByte * Math.ceil(exponent.toString(16).length / 2);
