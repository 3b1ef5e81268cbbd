/** A chain of toy transactions in frames, and what a sequential run makes of it. */
import { AccessKind } from "@velarium/slots";
import { Outcome } from "@velarium/wire";
import { Random } from "./network.ts";
import {
  FEE_SLOT,
  keyOf,
  mix,
  nameOf,
  runToy,
  type ToyAccess,
  type ToyTransaction,
} from "./toy-transaction.ts";

const { R, W, D, P, H } = AccessKind;

export interface ToyFrame {
  readonly tail: boolean;
  readonly transactions: readonly ToyTransaction[];
}
export interface ToyBlock {
  readonly number: number;
  readonly frames: readonly ToyFrame[];
}

/** Blocks with hot slots, deltas, block hashes, reads and writes of the fee slot, tails and empty blocks. */
export function makeToyChain(seed: number, blocks: number): ToyBlock[] {
  const random = new Random(seed);
  const hot = 1 + random.below(4);
  const slots = 20 + random.below(60);
  const slot = (): number => (random.below(3) === 0 ? 1 + random.below(hot) : 1 + random.below(slots));
  const kinds = [R, W, W, D, D, P];
  const accesses = (most: number, number: number): ToyAccess[] => {
    const out = new Map<number, ToyAccess>();
    for (let n = random.below(most + 1); n > 0; n--) {
      const s = slot();
      out.set(s, { slot: s, kind: kinds[random.below(kinds.length)]! });
    }
    if (random.below(20) === 0) out.set(FEE_SLOT, { slot: FEE_SLOT, kind: [R, W, D][random.below(3)]! });
    if (number > 1 && random.below(15) === 0)
      out.set(-1, { slot: Math.max(0, number - 1 - random.below(3)), kind: H });
    return [...out.values()];
  };
  const transaction = (number: number, tail: boolean, work = false): ToyTransaction => {
    const declared = accesses(5, number);
    const known = new Set(declared.map((a) => a.slot));
    const undeclared = tail ? accesses(3, 0).filter((a) => !known.has(a.slot)) : [];
    return { salt: random.below(2 ** 31), accesses: declared, undeclared, returns: random.below(4), work };
  };
  return Array.from({ length: blocks }, (_, b) => {
    const number = b + 1;
    if (random.below(8) === 0) return { number, frames: [] };
    const frames: ToyFrame[] = [{ tail: false, transactions: [transaction(number, false, true)] }];
    for (let f = random.below(6); f > 0; f--)
      frames.push({
        tail: false,
        transactions: Array.from({ length: 1 + random.below(10) }, () => transaction(number, false)),
      });
    if (random.below(2) === 0)
      frames.push({
        tail: true,
        transactions: Array.from({ length: 1 + random.below(4) }, () => transaction(number, true)),
      });
    frames.push({ tail: false, transactions: [transaction(number, false, true)] });
    return { number, frames };
  });
}

/** Base fee of a block by the gas of its parent. */
export const nextToyFee = (parentFee: number, parentGas: number): number =>
  7 + ((parentFee * 3 + parentGas) % 1009);
/** Hash of a block by what it changed, in any order, and its gas. */
export const toyBlockHash = (number: number, digest: number, gasUsed: number): number =>
  mix(mix(number, digest), gasUsed);
/** One changed slot's part in a digest; parts are joined by xor. */
export function digestOf(name: string, value: number): number {
  let h = 17;
  for (let i = 0; i < name.length; i++) h = mix(h, name.charCodeAt(i));
  return mix(h, value);
}

export interface ToyOutcome {
  readonly outcome: number;
  readonly gasUsed: number;
}
export interface SequentialRun {
  readonly state: Map<string, number>;
  readonly outcomes: Map<number, ToyOutcome>;
  /** By block number, 0 first. */
  readonly baseFees: number[];
  readonly gasUsed: number[];
  readonly hashes: number[];
}

/** Transaction after transaction. */
export function runSequentially(blocks: readonly ToyBlock[]): SequentialRun {
  const state = new Map<string, number>();
  const outcomes = new Map<number, ToyOutcome>();
  const run: SequentialRun = {
    state,
    outcomes,
    baseFees: [0],
    gasUsed: [0],
    hashes: [toyBlockHash(0, 0, 0)],
  };
  const feeName = nameOf(keyOf({ slot: FEE_SLOT, kind: W }));
  let seq = 1;
  for (const block of blocks) {
    const baseFee = nextToyFee(run.baseFees[block.number - 1]!, run.gasUsed[block.number - 1]!);
    const before = new Map(state);
    let gas = 0;
    for (const frame of block.frames)
      for (const tx of frame.transactions) {
        const all = frame.tail ? [...tx.accesses, ...tx.undeclared] : tx.accesses;
        const values = all.map((a) => {
          if (a.kind === H) return run.hashes[a.slot]!;
          return a.kind === D ? 0 : (state.get(nameOf(keyOf(a))) ?? 0);
        });
        const result = runToy(tx, values, baseFee, frame.tail);
        all.forEach((a, i) => {
          const name = nameOf(keyOf(a));
          if (a.kind === W) state.set(name, result.writes[i]!);
          else if (a.kind === D) state.set(name, (state.get(name) ?? 0) + result.writes[i]!);
        });
        state.set(feeName, (state.get(feeName) ?? 0) + result.fee);
        if (result.outcome === Outcome.included) gas += result.gasUsed;
        outcomes.set(seq++, { outcome: result.outcome, gasUsed: result.gasUsed });
      }
    let digest = 0;
    for (const [name, value] of state) if ((before.get(name) ?? 0) !== value) digest ^= digestOf(name, value);
    run.baseFees.push(baseFee);
    run.gasUsed.push(gas);
    run.hashes.push(toyBlockHash(block.number, digest >>> 0, gas));
  }
  return run;
}
