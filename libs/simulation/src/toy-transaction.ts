/**
 * Transactions of a toy machine: what they do depends on everything they read, so that one stale value anywhere changes
 * the rest of the run. Values are numbers below 2^53 in the low bytes of a word.
 */
import { AccessKind, blockHashKey, SLOT_KEY_BYTES, storageKey, WORD_BYTES } from "@velarium/slots";
import { Outcome } from "@velarium/wire";

const { R, W, D, P, H } = AccessKind;

export interface ToyAccess {
  readonly slot: number;
  readonly kind: number;
}

export interface ToyTransaction {
  readonly salt: number;
  readonly accesses: readonly ToyAccess[];
  /** In the tail: accesses that are not declared. */
  readonly undeclared: readonly ToyAccess[];
  /** In this many of 16 cases, by what it reads, it has no effect. */
  readonly returns: number;
  /** Chain work pays no fee. */
  readonly work: boolean;
}

/** The slot that takes the fees. */
export const FEE_SLOT = 0;

const ADDRESS = new Uint8Array(20).fill(0xaa);
/** Slot `n` as a key; block hashes have keys of their own. */
export function keyOf(access: ToyAccess): Uint8Array {
  if (access.kind === H) return blockHashKey(access.slot);
  const word = new Uint8Array(WORD_BYTES);
  word[30] = access.slot >>> 8;
  word[31] = access.slot & 255;
  return storageKey(ADDRESS, word);
}
export const nameOf = (key: Uint8Array, at = 0): string =>
  Buffer.from(key.subarray(at, at + SLOT_KEY_BYTES)).toString("hex");

export function toWord(value: number): Uint8Array {
  const out = new Uint8Array(WORD_BYTES);
  new DataView(out.buffer).setBigUint64(24, BigInt(value));
  return out;
}
export const fromWord = (word: Uint8Array, at = 0): number =>
  Number(new DataView(word.buffer, word.byteOffset + at + 24, 8).getBigUint64(0));

export const mix = (a: number, b: number): number => {
  let h = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ b;
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) ^ Math.floor(b / 2 ** 32);
  return (h ^ (h >>> 16)) >>> 0;
};

export interface ToyResult {
  readonly outcome: number;
  readonly gasUsed: number;
  readonly fee: number;
  /** By access, then by undeclared access: new value of a W, amount of a D; unused for reads. */
  readonly writes: readonly number[];
}

/** Runs a transaction on the values of its accesses (declared, then undeclared; 0 for a D). */
export function runToy(
  tx: ToyTransaction,
  values: readonly number[],
  baseFee: number,
  tail: boolean,
): ToyResult {
  let h = mix(tx.salt, baseFee);
  const all = tail ? [...tx.accesses, ...tx.undeclared] : tx.accesses;
  // A delta's amount may depend on what was read, never on the old value of its own slot.
  all.forEach((access, i) => {
    if (access.kind !== D) h = mix(h, values[i]! + i);
  });
  const returned = !tx.work && h % 16 < tx.returns;
  const fee = returned || tx.work ? 0 : 1 + (h % 97);
  const writes = all.map(({ kind }, i) => {
    if (kind === W) return returned ? values[i]! : (mix(h, i) % 1000) + 1;
    if (kind === D) return returned ? 0 : mix(h, i) % 50;
    return 0;
  });
  return { outcome: returned ? Outcome.returned : Outcome.included, gasUsed: 100 + (h % 1000), fee, writes };
}

/** Text form, carried where a raw transaction would be. */
export const encodeToy = (tx: ToyTransaction): Uint8Array => Buffer.from(JSON.stringify(tx), "utf8");
export const decodeToy = (raw: Uint8Array): ToyTransaction =>
  JSON.parse(Buffer.from(raw).toString("utf8")) as ToyTransaction;

export const isWrite = (kind: number, tail: boolean): boolean => kind === W || (tail && kind === D);
export const isRead = (kind: number): boolean => kind === R || kind === W || kind === P;
