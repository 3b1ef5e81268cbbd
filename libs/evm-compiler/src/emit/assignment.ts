/**
 * Gives each value of a function its locals. Values that are needed at the same time never share one; since the function
 * is in SSA form, going over the blocks in an order that respects dominance and taking the first free local is enough
 * (the interference graph is chordal). Few locals matter: V8 merges all of them at every join.
 */
import { type IrFunction, NO_VALUE, type ValueId } from "@velarium/evm-ir";
import { type FunctionCode, I32, I64 } from "../wasm/code.ts";
import type { LastUses, Liveness } from "./liveness.ts";

/** Of the values of all components; each component has locals of its own. */
export interface Assignment {
  /** i64 locals of each value, lowest limb first; undefined when it has none (constants, unused values, truths). */
  readonly limbs: (readonly number[] | undefined)[];
  /** The i32 local of each value of at most one bit, else -1. */
  readonly truth: Int32Array;
}

export const emptyAssignment = ({ values }: IrFunction): Assignment => ({
  limbs: values.map(() => undefined),
  truth: new Int32Array(values.length).fill(-1),
});

/** Limbs that hold a value below 2^bits. */
export const limbsFor = (bits: number): number => (bits + 63) >> 6;

class Pool {
  readonly #locals: number[] = [];
  /** By place in `#locals`: the block in which it is taken. */
  readonly #taken: number[] = [];
  readonly #place = new Map<number, number>();
  readonly #make: () => number;
  #block = -1;
  #lowest = 0;

  constructor(make: () => number) {
    this.#make = make;
  }
  enter(block: number): void {
    this.#block = block;
    this.#lowest = 0;
  }
  occupy(local: number): void {
    this.#taken[this.#place.get(local)!] = this.#block;
  }
  take(): number {
    let place = this.#lowest;
    while (place < this.#locals.length && this.#taken[place] === this.#block) place++;
    if (place === this.#locals.length) {
      const local = this.#make();
      this.#place.set(local, place);
      this.#locals.push(local);
    }
    this.#taken[place] = this.#block;
    this.#lowest = place + 1;
    return this.#locals[place]!;
  }
  release(local: number): void {
    const place = this.#place.get(local)!;
    this.#taken[place] = -1;
    this.#lowest = Math.min(this.#lowest, place);
  }
}

/** Assigns the values of the blocks in `order`: those of a component, dominators first. Throws BudgetError. */
export function assignLocals(
  ir: IrFunction,
  order: readonly number[],
  liveness: Liveness,
  lastUses: LastUses,
  code: FunctionCode,
  { limbs, truth }: Assignment,
): void {
  const { values } = ir;
  const [words, truths] = [new Pool(() => code.local(I64)), new Pool(() => code.local(I32))];

  const take = (value: ValueId): void => {
    const { bits } = values[value]!;
    if (bits === 0) return;
    if (bits === 1) truth[value] = truths.take();
    else limbs[value] = Array.from({ length: limbsFor(bits) }, () => words.take());
  };
  const release = (value: ValueId): void => {
    if (truth[value] !== -1) truths.release(truth[value]!);
    for (const local of limbs[value] ?? []) words.release(local);
  };
  const occupy = (value: ValueId): void => {
    if (truth[value] !== -1) truths.occupy(truth[value]!);
    for (const local of limbs[value] ?? []) words.occupy(local);
  };

  for (const id of order) {
    const block = ir.blocks[id]!;
    words.enter(id);
    truths.enter(id);
    lastUses.enter(id);
    for (const value of liveness.liveIn[id]!) occupy(value);
    for (const param of block.params) if (lastUses.of(param) !== -1) take(param);
    for (const [i, { args, result }] of block.instructions.entries()) {
      // The result first: it never shares a local with an operand.
      if (result !== NO_VALUE && lastUses.of(result) !== -1) take(result);
      for (const [j, arg] of args.entries()) {
        const isLast = lastUses.of(arg) === i && args.indexOf(arg) === j;
        const { kind } = values[arg]!;
        if (isLast && (kind === "param" || kind === "result")) release(arg);
      }
    }
  }
}
