/** Which values of other blocks a block needs, and until where a block needs each value. */
import { edgesOf, type Instruction, type IrFunction, NO_VALUE, usesOf, type ValueId } from "@velarium/evm-ir";
import { BudgetError } from "../wasm/code.ts";

export interface Liveness {
  /** Per block: values defined elsewhere that it or a block behind it uses. */
  readonly liveIn: readonly ReadonlySet<ValueId>[];
  readonly liveOut: readonly ReadonlySet<ValueId>[];
}

/** Operands of an instruction that are in registers; those by which a hash is explained are not used. */
export const operandsOf = (instruction: Instruction): readonly ValueId[] => instruction.args;

/** Arguments of edges that are taken inside the function: what is behind a boundary comes from the frame. */
export function* movedArguments(ir: IrFunction, block: number): Generator<ValueId> {
  const { terminator } = ir.blocks[block]!;
  if (terminator.kind === "boundary") return;
  for (const edge of edgesOf(terminator)) yield* edge.args;
}

/** Throws BudgetError when more than `maxEntries` pairs of block and value would be needed. */
export function livenessOf(ir: IrFunction, maxEntries: number): Liveness {
  const { blocks, values } = ir;
  const predecessors: number[][] = blocks.map(() => []);
  for (const { id, terminator } of blocks) {
    if (terminator.kind === "boundary") continue;
    for (const { block } of edgesOf(terminator)) predecessors[block]!.push(id);
  }
  const liveIn: Set<ValueId>[] = blocks.map(() => new Set());
  const liveOut: Set<ValueId>[] = blocks.map(() => new Set());
  let entries = 0;
  const work: number[] = [];
  const use = (block: number, value: ValueId): void => {
    const definition = values[value]!;
    if (definition.kind !== "param" && definition.kind !== "result") return;
    if (definition.block === block || liveIn[block]!.has(value)) return;
    liveIn[block]!.add(value);
    work.push(block);
    while (work.length > 0) {
      for (const predecessor of predecessors[work.pop()!]!) {
        liveOut[predecessor]!.add(value);
        if (definition.block === predecessor || liveIn[predecessor]!.has(value)) continue;
        liveIn[predecessor]!.add(value);
        if (++entries > maxEntries) {
          throw new BudgetError("locals", `values live over more than ${maxEntries} blocks`);
        }
        work.push(predecessor);
      }
    }
  };
  for (const { id, instructions, terminator } of blocks) {
    for (const instruction of instructions) for (const value of operandsOf(instruction)) use(id, value);
    for (const value of usesOf(terminator)) use(id, value);
    for (const value of movedArguments(ir, id)) use(id, value);
  }
  return { liveIn, liveOut };
}

const ALWAYS = 0x7fffffff;

/** Last uses inside one block at a time, on arrays that are kept from block to block. */
export class LastUses {
  readonly #last: Int32Array;
  readonly #stamp: Int32Array;
  readonly #ir: IrFunction;
  readonly #liveness: Liveness;
  #block = -1;

  constructor(ir: IrFunction, liveness: Liveness) {
    this.#ir = ir;
    this.#liveness = liveness;
    this.#last = new Int32Array(ir.values.length);
    this.#stamp = new Int32Array(ir.values.length).fill(-1);
  }

  enter(block: number): void {
    this.#block = block;
    const { instructions, terminator } = this.#ir.blocks[block]!;
    for (const [i, instruction] of instructions.entries()) {
      for (const value of operandsOf(instruction)) this.#set(value, i);
    }
    for (const value of usesOf(terminator)) this.#set(value, instructions.length);
    for (const value of movedArguments(this.#ir, block)) this.#set(value, instructions.length);
    for (const value of this.#liveness.liveOut[block]!) this.#set(value, ALWAYS);
  }

  /** Index of the last instruction that uses a value (the terminator's is their number), ALWAYS beyond the block, -1 for none. */
  of(value: ValueId): number {
    return value !== NO_VALUE && this.#stamp[value] === this.#block ? this.#last[value]! : -1;
  }

  #set(value: ValueId, at: number): void {
    this.#stamp[value] = this.#block;
    this.#last[value] = at;
  }
}
