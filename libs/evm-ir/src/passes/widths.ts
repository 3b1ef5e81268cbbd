/** Bounds of parameters, from what flows into them: the least solution, reached from below, in steps of width classes. */
import type { Construction } from "../construct.ts";
import { reversePostorder } from "../dominance.ts";
import { type Block, classBits, edgesOf, type IrFunction, NO_VALUE, type ValueId } from "../ir.ts";
import { resultBits } from "./bits.ts";
import { deliveredBy } from "./prune.ts";

/** A parameter rises through four classes at most; chains of loops may need more rounds than are worth it. */
const MAX_ROUNDS = 16;

class Widths {
  readonly #ir: Construction;
  readonly #function: IrFunction;
  readonly #bits: Int16Array;
  readonly #bitsOf = (id: ValueId): number => this.#bits[id]!;
  readonly #constantOf = (id: ValueId): bigint | undefined => this.#ir.constantOf(id);

  constructor(ir: Construction, fn: IrFunction) {
    this.#ir = ir;
    this.#function = fn;
    this.#bits = Int16Array.from(fn.values, (value) =>
      value.kind === "constant" || value.kind === "immediate" ? value.bits : 0,
    );
    for (const { terminator } of fn.blocks)
      if (terminator.kind === "boundary" && deliveredBy(terminator) === 1) {
        const result = fn.blocks[terminator.next.block]!.params[0]!;
        this.#bits[result] = fn.values[result]!.bits;
      }
  }

  solve(): void {
    const order = reversePostorder(this.#function);
    let changed = true;
    for (let round = 0; changed; round++) {
      // Not settled: what has been found so far proves nothing.
      if (round === MAX_ROUNDS) return;
      this.#ir.checkTime();
      changed = false;
      for (const id of order) if (this.#visit(this.#function.blocks[id]!)) changed = true;
    }
    for (const id of order) this.#store(this.#function.blocks[id]!);
  }

  #visit({ instructions, terminator }: Block): boolean {
    const bits = this.#bits;
    for (const { op, args, result } of instructions)
      if (result !== NO_VALUE) {
        const bound = resultBits(op, args, this.#bitsOf, this.#constantOf);
        bits[result] = Math.min(bound, this.#function.values[result]!.bits);
      }
    const shift = deliveredBy(terminator);
    let changed = false;
    for (const { block, args } of edgesOf(terminator)) {
      const { params } = this.#function.blocks[block]!;
      for (let i = 0; i < args.length; i++) {
        const param = params[i + shift]!;
        if (bits[args[i]!]! <= bits[param]!) continue;
        bits[param] = classBits(bits[args[i]!]!);
        changed = true;
      }
    }
    return changed;
  }

  #store({ params, instructions }: Block): void {
    const lower = (id: ValueId) => {
      const value = this.#function.values[id]!;
      if (value.kind === "param" || value.kind === "result")
        value.bits = Math.min(value.bits, this.#bits[id]!);
    };
    for (const param of params) lower(param);
    for (const { result } of instructions) if (result !== NO_VALUE) lower(result);
  }
}

export const narrowWidths = (ir: Construction, fn: IrFunction): void => new Widths(ir, fn).solve();
