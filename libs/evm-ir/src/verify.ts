/** Checks the rules of docs/ir.md. Every front end and pass must leave functions that pass. */
import { type Dominance, dominanceOf } from "./dominance.ts";
import {
  type Block,
  type BlockId,
  BOUNDARY_INPUTS,
  boundaryHasResult,
  edgesOf,
  type Instruction,
  type IrFunction,
  NO_VALUE,
  usesOf,
  type ValueId,
} from "./ir.ts";
import { operationInfo } from "./operations.ts";

const STACK_LIMIT = 1024;

export interface Problem {
  readonly block: BlockId;
  readonly message: string;
}

class Verifier {
  readonly #function: IrFunction;
  readonly #dominance: Dominance;
  readonly #problems: Problem[] = [];
  /** Where a local value is defined: index of its instruction in its block, -1 for parameters. */
  readonly #definedAt = new Map<ValueId, number>();
  readonly #predecessors: number[];
  /** Positions of landings. */
  readonly #landings = new Set<number>();
  #block: BlockId = 0;

  constructor(fn: IrFunction) {
    this.#function = fn;
    this.#predecessors = fn.blocks.map(() => 0);
    const edges = fn.blocks.flatMap(({ terminator }) => edgesOf(terminator));
    for (const { block } of edges) {
      if (this.#predecessors[block] === undefined)
        this.#report(`an edge leads to block ${block}, which is none`);
      else this.#predecessors[block]!++;
    }
    this.#dominance = this.#problems.length === 0 ? dominanceOf(fn) : dominanceOf({ ...fn, blocks: [] });
  }

  verify(): Problem[] {
    if (this.#problems.length > 0) return this.#problems;
    for (const block of this.#function.blocks) this.#definitions(block);
    this.#entry();
    this.#resumeIndices();
    for (const block of this.#function.blocks) {
      this.#block = block.id;
      this.#heading(block);
      for (const [i, instruction] of block.instructions.entries()) this.#instruction(block, instruction, i);
      this.#terminator(block);
    }
    return this.#problems;
  }

  #report(message: string): void {
    this.#problems.push({ block: this.#block, message });
  }

  #check(condition: boolean, message: string): void {
    if (!condition) this.#report(message);
  }

  #define(id: ValueId, kind: "param" | "result", at: number): void {
    const value = this.#function.values[id];
    const isLocal = value !== undefined && value.kind === kind && value.block === this.#block;
    this.#check(isLocal, `value ${id} is no ${kind} of this block`);
    this.#check(
      value !== undefined && value.bits >= 0 && value.bits <= 256,
      `value ${id} has impossible bits`,
    );
    this.#check(!this.#definedAt.has(id), `value ${id} is defined twice`);
    this.#definedAt.set(id, at);
  }

  #definitions(block: Block): void {
    this.#block = block.id;
    for (const param of block.params) this.#define(param, "param", -1);
    for (const [i, { op, result }] of block.instructions.entries()) {
      const { result: hasResult, bits } = operationInfo(op);
      this.#check(hasResult === (result !== NO_VALUE), `${op} ${hasResult ? "has a" : "has no"} result`);
      if (result === NO_VALUE) continue;
      this.#define(result, "result", i);
      this.#check((this.#function.values[result]?.bits ?? 0) <= bits, `${op} gives at most ${bits} bits`);
    }
  }

  #entry(): void {
    const entry = this.#function.blocks[0];
    this.#block = 0;
    if (entry === undefined) return this.#report("there is no entry");
    this.#check(entry.params.length === 0 && entry.height === 0, "the entry has parameters or operands");
    this.#check(entry.resume === undefined, "the entry is a resume block");
    this.#check(this.#predecessors[0] === 0, "the entry has a predecessor");
  }

  #resumeIndices(): void {
    const indices = this.#function.blocks.flatMap(({ resume }) => resume?.index ?? []);
    const sorted = indices.toSorted((a, b) => a - b);
    this.#check(
      sorted.every((index, i) => index === i),
      "resume indices are not dense",
    );
  }

  #heading(block: Block): void {
    this.#check(this.#function.blocks[block.id] === block, "its id is not its place");
    this.#check(block.height >= 0 && block.height <= STACK_LIMIT, `a height of ${block.height}`);
    const { resume } = block;
    if (resume === undefined) return;
    if (resume.landing) {
      this.#check(block.floating && block.height === 0, "a landing that knows operands");
      this.#check(!this.#landings.has(block.pc), `another landing at ${block.pc}`);
      this.#landings.add(block.pc);
      this.#check(this.#predecessors[block.id] === 0, "an edge leads to a landing");
    }
    this.#check(resume.stack.length === block.height, "its stack is not as high as its height");
    const params = new Set(block.params);
    for (const id of resume.stack)
      this.#check(this.#isGlobal(id) || params.has(id), `value ${id} is on its stack and from elsewhere`);
    for (const param of block.params)
      this.#check(resume.stack.includes(param), `parameter ${param} is not on its stack`);
  }

  #isGlobal(id: ValueId): boolean {
    const value = this.#function.values[id];
    if (value?.kind === "immediate") return this.#function.immediates[value.index] !== undefined;
    return value?.kind === "constant";
  }

  /** `at` is the index of the using instruction, the number of instructions for the terminator. */
  #use(id: ValueId, at: number): void {
    if (this.#isGlobal(id)) return;
    const defined = this.#definedAt.get(id);
    if (defined === undefined) return this.#report(`value ${id} is used and not defined`);
    if (!this.#dominance.isReachable(this.#block)) return;
    const value = this.#function.values[id]!;
    const home = value.kind === "param" || value.kind === "result" ? value.block : this.#block;
    if (home === this.#block) this.#check(defined < at, `value ${id} is used before its definition`);
    else
      this.#check(
        this.#dominance.dominates(home, this.#block),
        `value ${id} of block ${home} is not here on every path`,
      );
  }

  #instruction(block: Block, instruction: Instruction, at: number): void {
    const { op, args, gas, words, height, minStack, maxStackGrowth } = instruction;
    const info = operationInfo(op);
    this.#check(
      args.length >= info.args && args.length <= info.maxArgs,
      `${op} with ${args.length} operands`,
    );
    for (const arg of args) this.#use(arg, at);
    for (const word of words ?? []) this.#use(word, at);
    this.#check(words === undefined || op === "keccak", `${op} with words`);
    this.#check(op !== "operand" || block.floating, "an operand below the bottom of the stack");
    this.#check(Number.isSafeInteger(gas) && gas >= 0, `${op} with ${gas} gas`);
    if (op === "section")
      this.#check(
        height !== undefined && maxStackGrowth !== undefined && (minStack ?? height + 1) <= height,
        "a section without its height and stack needs",
      );
    if (info.effect === "access")
      this.#check(at === 0 && block.resume !== undefined, `${op} is not the first of a resume block`);
  }

  #terminator(block: Block): void {
    const { terminator } = block;
    const at = block.instructions.length;
    for (const id of usesOf(terminator)) this.#use(id, at);
    for (const edge of edgesOf(terminator)) {
      const target = this.#function.blocks[edge.block]!;
      const delivered = terminator.kind === "boundary" && boundaryHasResult(terminator.op) ? 1 : 0;
      this.#check(
        edge.args.length + delivered === target.params.length,
        `${edge.args.length} arguments for ${target.params.length} parameters of block ${target.id}`,
      );
      for (const id of edge.args) this.#use(id, at);
      this.#check(
        target.floating === block.floating,
        `block ${target.id} sees another stack than block ${block.id}`,
      );
    }
    if (terminator.kind === "transfer")
      this.#check(
        this.#function.blocks[terminator.to]?.resume?.landing === true,
        `block ${terminator.to} is no landing`,
      );
    if (terminator.kind === "dispatch")
      this.#check(terminator.stack.length > 0 && terminator.gas >= 0, "a dispatch without a target");
    if (terminator.kind === "boundary") this.#boundary(terminator);
    if (terminator.kind === "switch")
      this.#check(
        new Set(terminator.cases.map(({ value }) => value)).size === terminator.cases.length,
        "equal cases",
      );
    if ("stack" in terminator)
      this.#check(terminator.stack.length <= STACK_LIMIT, "a stack that is too high");
  }

  #boundary({ op, stack, next }: Extract<Block["terminator"], { kind: "boundary" }>): void {
    const target = this.#function.blocks[next.block]!;
    const hasResult = boundaryHasResult(op);
    const height = stack.length - BOUNDARY_INPUTS[op];
    this.#check(height >= 0, `${op} lacks operands`);
    this.#check(target.height === height + (hasResult ? 1 : 0), `${op} goes on at another height`);
    this.#check(target.resume !== undefined, `${op} does not go on at a resume block`);
    this.#check(this.#predecessors[target.id] === 1, `block ${target.id} follows ${op} and something else`);
    if (hasResult)
      this.#check(target.resume?.stack.at(-1) === target.params[0], `the result of ${op} is not on top`);
  }
}

/** Everything that is wrong with `fn`; empty when it follows the rules. */
export const verifyFunction = (fn: IrFunction): Problem[] => new Verifier(fn).verify();
