/** Drops what nothing needs: instructions without effect whose results are not used, parameters, unreachable blocks. */
import type { Construction } from "../construct.ts";
import {
  type Block,
  type BlockId,
  type Edge,
  edgesOf,
  type Instruction,
  type IrFunction,
  NO_VALUE,
  usesOf,
  type Value,
  type ValueId,
} from "../ir.ts";
import { operationInfo } from "../operations.ts";
import { deliveredBy, dropParameters } from "./prune.ts";

const DROPPABLE: ReadonlySet<string> = new Set(["pure", "environment", "memoryread", "transientread"]);

const isDroppable = ({ op }: Instruction): boolean => DROPPABLE.has(operationInfo(op).effect);

/** Blocks that can be reached from the entry: landings by transfers, and all of them as soon as something dispatches. */
function reachable(fn: IrFunction): Uint8Array {
  const seen = new Uint8Array(fn.blocks.length);
  const work: BlockId[] = [];
  const reach = (block: BlockId) => {
    if (seen[block] === 1) return;
    seen[block] = 1;
    work.push(block);
  };
  let dispatches = false;
  reach(0);
  for (let id = work.pop(); id !== undefined; id = work.pop()) {
    const { terminator } = fn.blocks[id]!;
    for (const { block } of edgesOf(terminator)) reach(block);
    if (terminator.kind === "transfer") reach(terminator.to);
    if (terminator.kind !== "dispatch" || dispatches) continue;
    dispatches = true;
    for (const block of fn.blocks) if (block.resume?.landing === true) reach(block.id);
  }
  return seen;
}

/** Finds every value that an effect, an end or a resume block needs. */
class Needs {
  readonly needed: Uint8Array;
  readonly #function: IrFunction;
  readonly #work: ValueId[] = [];
  /** By value: its instruction. */
  readonly #definitions: (Instruction | undefined)[];
  /** By block: edges into it, with how many parameters come before their arguments. */
  readonly #incoming: { readonly edge: Edge; readonly shift: number }[][];
  /** By value: its place among the parameters of its block. */
  readonly #places: Int32Array;

  constructor(fn: IrFunction, blocks: readonly Block[]) {
    this.#function = fn;
    this.needed = new Uint8Array(fn.values.length);
    this.#definitions = Array.from({ length: fn.values.length }, () => undefined);
    this.#incoming = fn.blocks.map(() => []);
    this.#places = new Int32Array(fn.values.length);
    for (const block of blocks) this.#visit(block);
    this.#spread();
  }

  #need(id: ValueId): void {
    if (this.needed[id] === 1) return;
    this.needed[id] = 1;
    this.#work.push(id);
  }

  #visit({ params, resume, instructions, terminator }: Block): void {
    for (let i = 0; i < params.length; i++) this.#places[params[i]!] = i;
    for (const instruction of instructions) {
      if (instruction.result !== NO_VALUE) this.#definitions[instruction.result] = instruction;
      if (!isDroppable(instruction)) for (const arg of instruction.args) this.#need(arg);
    }
    for (const id of usesOf(terminator)) this.#need(id);
    if (resume !== undefined) for (const id of resume.stack) this.#need(id);
    const shift = deliveredBy(terminator);
    for (const edge of edgesOf(terminator)) this.#incoming[edge.block]!.push({ edge, shift });
  }

  #spread(): void {
    for (let id = this.#work.pop(); id !== undefined; id = this.#work.pop()) {
      const value = this.#function.values[id]!;
      if (value.kind === "param") {
        for (const { edge, shift } of this.#incoming[value.block]!) {
          const arg = edge.args[this.#places[id]! - shift];
          if (arg !== undefined) this.#need(arg);
        }
      } else if (value.kind === "result") {
        const { args, words } = this.#definitions[id]!;
        for (const arg of args) this.#need(arg);
        for (const word of words ?? []) this.#need(word);
      }
    }
  }
}

/** The function without what is not needed. Blocks, values and resume points are numbered anew, densely. */
export function sweep(ir: Construction, fn: IrFunction): IrFunction {
  const isReachable = reachable(fn);
  const kept = fn.blocks.filter(({ id }) => isReachable[id] === 1);
  const { needed } = new Needs(fn, kept);
  ir.checkTime();
  for (const block of kept)
    block.instructions = block.instructions.filter(
      (instruction) => !isDroppable(instruction) || needed[instruction.result] === 1,
    );
  const dead = new Uint8Array(fn.values.length);
  // A result that the frame delivers is on the stack of its resume block, and so is needed.
  for (const { params } of kept) for (const param of params) dead[param] = 1 - needed[param]!;
  dropParameters(fn, dead);
  return renumber(fn, kept);
}

class Renumbering {
  readonly values: Value[] = [];
  readonly #from: readonly Value[];
  readonly #blocks: Int32Array;
  readonly #to: Int32Array;

  constructor(fn: IrFunction, blocks: Int32Array) {
    this.#from = fn.values;
    this.#blocks = blocks;
    this.#to = new Int32Array(fn.values.length).fill(-1);
  }

  value = (id: ValueId): ValueId => {
    let to = this.#to[id]!;
    if (to !== -1) return to;
    const value = this.#from[id]!;
    const isLocal = value.kind === "param" || value.kind === "result";
    to = this.values.push(isLocal ? { ...value, block: this.#blocks[value.block]! } : value) - 1;
    this.#to[id] = to;
    return to;
  };
}

function renumber(fn: IrFunction, kept: readonly Block[]): IrFunction {
  const places = new Int32Array(fn.blocks.length).fill(-1);
  for (const [i, { id }] of kept.entries()) places[id] = i;
  const numbers = new Renumbering(fn, places);
  const { value } = numbers;
  let resumes = 0;
  const blocks = kept.map((block, id): Block => {
    const { terminator } = block;
    for (const edge of edgesOf(terminator)) {
      edge.block = places[edge.block]!;
      edge.args = edge.args.map(value);
    }
    if (terminator.kind === "transfer") terminator.to = places[terminator.to]!;
    const resume =
      block.resume === undefined
        ? undefined
        : { index: resumes++, landing: block.resume.landing, stack: block.resume.stack.map(value) };
    return {
      id,
      pc: block.pc,
      height: block.height,
      floating: block.floating,
      params: block.params.map(value),
      resume,
      instructions: block.instructions.map((instruction) => renumbered(instruction, value)),
      terminator: renumberedTerminator(terminator, value),
    };
  });
  return { ...fn, values: numbers.values, blocks };
}

function renumbered(instruction: Instruction, value: (id: ValueId) => ValueId): Instruction {
  const { args, result, words } = instruction;
  const copy: Instruction = {
    ...instruction,
    args: args.map(value),
    result: result === NO_VALUE ? NO_VALUE : value(result),
  };
  if (words !== undefined) copy.words = words.map(value);
  return copy;
}

/** Edges have been renumbered. */
function renumberedTerminator(
  terminator: Block["terminator"],
  value: (id: ValueId) => ValueId,
): Block["terminator"] {
  switch (terminator.kind) {
    case "branch":
      return { ...terminator, condition: value(terminator.condition) };
    case "switch":
      return { ...terminator, value: value(terminator.value) };
    case "return":
    case "revert":
      return { ...terminator, offset: value(terminator.offset), size: value(terminator.size) };
    case "boundary":
    case "selfdestruct":
    case "transfer":
    case "dispatch":
    case "exit":
      return { ...terminator, stack: terminator.stack.map(value) };
    default:
      return terminator;
  }
}
