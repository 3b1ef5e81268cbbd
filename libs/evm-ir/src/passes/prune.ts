/**
 * Parameters that receive the same value over every edge are that value. What remains is the usual SSA form: parameters
 * only where paths with different values meet.
 */
import type { Construction } from "../construct.ts";
import {
  type Block,
  boundaryHasResult,
  type Edge,
  edgesOf,
  type IrFunction,
  type Terminator,
  type ValueId,
} from "../ir.ts";
import { Replacements } from "./replacements.ts";

/** Each round settles what follows from the one before; chains through loops need few. */
const MAX_ROUNDS = 6;

/** Parameters of the target that come before those that arguments are for: a result that the frame delivers. */
export const deliveredBy = (terminator: Terminator): number =>
  terminator.kind === "boundary" && boundaryHasResult(terminator.op) ? 1 : 0;

/** The one value that `param` receives, itself aside; undefined if there are several. */
function onlyArgument(
  param: ValueId,
  index: number,
  edges: readonly Edge[],
  replacements: Replacements,
): ValueId | undefined {
  let only: ValueId | undefined;
  for (const { args } of edges) {
    const arg = replacements.get(args[index]!);
    if (arg === param || arg === only) continue;
    if (only !== undefined) return undefined;
    only = arg;
  }
  return only;
}

class Pruning {
  readonly #ir: Construction;
  readonly #function: IrFunction;
  readonly #incoming: Edge[][];
  readonly #delivered: Uint8Array;
  readonly #removed: Uint8Array;
  readonly #replacements: Replacements;

  constructor(ir: Construction, fn: IrFunction) {
    this.#ir = ir;
    this.#function = fn;
    this.#incoming = fn.blocks.map(() => []);
    this.#delivered = new Uint8Array(fn.blocks.length);
    this.#removed = new Uint8Array(fn.values.length);
    this.#replacements = new Replacements(fn.values.length);
    for (const { terminator } of fn.blocks)
      for (const edge of edgesOf(terminator)) {
        this.#incoming[edge.block]!.push(edge);
        if (deliveredBy(terminator) === 1) this.#delivered[edge.block] = 1;
      }
  }

  run(): void {
    let total = 0;
    for (let round = 0, found = 1; found > 0 && round < MAX_ROUNDS; round++) {
      found = 0;
      for (const block of this.#function.blocks) found += this.#visit(block);
      total += found;
      this.#ir.checkTime();
    }
    if (total === 0) return;
    dropParameters(this.#function, this.#removed);
    this.#replacements.apply(this.#function.blocks);
  }

  /** How many parameters of `block` turned out to be another value. */
  #visit(block: Block): number {
    const edges = this.#incoming[block.id]!;
    if (edges.length === 0) return 0;
    const shift = this.#delivered[block.id]!;
    let found = 0;
    for (let i = shift; i < block.params.length; i++) {
      const param = block.params[i]!;
      if (this.#removed[param] === 1) continue;
      const only = onlyArgument(param, i - shift, edges, this.#replacements);
      // The frame brings a resume block nothing but its stack, so there only what is known anywhere can stand in.
      if (only === undefined || (block.resume !== undefined && !this.#ir.isGlobal(only))) continue;
      this.#replacements.set(param, only);
      this.#removed[param] = 1;
      found++;
    }
    return found;
  }
}

export const pruneParameters = (ir: Construction, fn: IrFunction): void => new Pruning(ir, fn).run();

/** Takes the parameters whose flag is set out of their blocks, and the arguments for them off the edges. */
export function dropParameters(fn: IrFunction, removed: Uint8Array): void {
  const isAffected = Uint8Array.from(fn.blocks, ({ params }) =>
    params.some((param) => removed[param] === 1) ? 1 : 0,
  );
  for (const { terminator } of fn.blocks) {
    const shift = deliveredBy(terminator);
    for (const edge of edgesOf(terminator)) {
      if (isAffected[edge.block] === 0) continue;
      const { params } = fn.blocks[edge.block]!;
      edge.args = edge.args.filter((_, i) => removed[params[i + shift]!] === 0);
    }
  }
  for (const block of fn.blocks)
    if (isAffected[block.id] === 1) block.params = block.params.filter((param) => removed[param] === 0);
}
