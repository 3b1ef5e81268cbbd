/** A function under construction: allocates values and blocks, and holds them to the budgets. */
import type { Budgets } from "./build.ts";
import {
  type Block,
  type BlockId,
  type Edge,
  type Instruction,
  NO_VALUE,
  type Resume,
  type Value,
  type ValueId,
} from "./ir.ts";
import { type Operation, operationInfo } from "./operations.ts";
import { bitLength } from "./semantics.ts";

/** Ends a build; becomes its result. */
export class BudgetExceeded extends Error {
  readonly budget: keyof Budgets;
  constructor(budget: keyof Budgets) {
    super(`the build exceeds its budget of ${budget}`);
    this.name = "BudgetExceeded";
    this.budget = budget;
  }
}

export const DEFAULT_BUDGETS: Budgets = {
  blocks: 30_000,
  values: 500_000,
  instructions: 300_000,
  operands: 2_000_000,
  blockInstructions: 20_000,
  wallMs: 3_000,
};

/** How many budgeted things pass between two looks at the clock. */
const CLOCK_INTERVAL = 256;

export class Construction {
  readonly values: Value[] = [];
  readonly blocks: Block[] = [];
  readonly budgets: Budgets;
  instructionCount = 0;
  readonly #constants = new Map<bigint, ValueId>();
  readonly #immediates: ValueId[] = [];
  readonly #now: () => number;
  readonly #started: number;
  #operands = 0;
  #ticks = 0;
  #resumes = 0;

  /** `started`: when the time that `budgets` allow began to run. */
  constructor(budgets: Budgets, now: () => number, started: number) {
    this.budgets = budgets;
    this.#now = now;
    this.#started = started;
  }

  /** Counts work; looks at the clock now and then. */
  tick(): void {
    if (++this.#ticks % CLOCK_INTERVAL === 0) this.checkTime();
  }

  checkTime(): void {
    if (this.#now() - this.#started > this.budgets.wallMs) throw new BudgetExceeded("wallMs");
  }

  /** Counts operands that edges, parameters and stacks hold. */
  useOperands(count: number): void {
    this.#operands += count;
    if (this.#operands > this.budgets.operands) throw new BudgetExceeded("operands");
  }

  #value(value: Value): ValueId {
    if (this.values.length >= this.budgets.values) throw new BudgetExceeded("values");
    return this.values.push(value) - 1;
  }

  constant(value: bigint): ValueId {
    let id = this.#constants.get(value);
    if (id === undefined) {
      id = this.#value({ kind: "constant", bits: bitLength(value), value });
      this.#constants.set(value, id);
    }
    return id;
  }

  immediate(index: number, bits: number): ValueId {
    return (this.#immediates[index] ??= this.#value({ kind: "immediate", bits, index }));
  }

  /** The number that `id` is, if it is a constant. */
  constantOf(id: ValueId): bigint | undefined {
    const value = this.values[id]!;
    return value.kind === "constant" ? value.value : undefined;
  }

  /** True for values that may be used in any block. */
  isGlobal(id: ValueId): boolean {
    const { kind } = this.values[id]!;
    return kind === "constant" || kind === "immediate";
  }

  param(block: Block, bits = 256): ValueId {
    const id = this.#value({ kind: "param", bits, block: block.id });
    block.params.push(id);
    return id;
  }

  block(pc: number, height: number, floating = false): Block {
    return this.#addBlock(pc, height, floating, undefined);
  }

  /** A resume block; the caller fills in its parameters and `resume.stack`. */
  resumeBlock(pc: number, height: number, floating = false): Block & { readonly resume: Resume } {
    const resume: Resume = { index: this.#resumes++, landing: false, stack: [] };
    return this.#addBlock(pc, height, floating, resume) as Block & { readonly resume: Resume };
  }

  landing(pc: number): Block {
    return this.#addBlock(pc, 0, true, { index: this.#resumes++, landing: true, stack: [] });
  }

  #addBlock(pc: number, height: number, floating: boolean, resume: Resume | undefined): Block {
    if (this.blocks.length >= this.budgets.blocks) throw new BudgetExceeded("blocks");
    this.tick();
    const id: BlockId = this.blocks.length;
    const terminator = { kind: "fail", reason: "undefined", pc } as const;
    const block: Block = { id, pc, height, floating, params: [], resume, instructions: [], terminator };
    this.blocks.push(block);
    return block;
  }

  /** Appends an instruction; gives its result, or `NO_VALUE`. */
  emit(block: Block, op: Operation, pc: number, args: ValueId[], gas = 0): ValueId {
    const info = operationInfo(op);
    const result = info.result ? this.#value({ kind: "result", bits: info.bits, block: block.id }) : NO_VALUE;
    this.append(block, { op, pc, args, result, gas });
    return result;
  }

  append(block: Block, instruction: Instruction): void {
    if (++this.instructionCount > this.budgets.instructions) throw new BudgetExceeded("instructions");
    if (block.instructions.length >= this.budgets.blockInstructions)
      throw new BudgetExceeded("blockInstructions");
    this.tick();
    block.instructions.push(instruction);
  }

  edge(block: BlockId, args: ValueId[]): Edge {
    this.useOperands(args.length);
    return { block, args };
  }
}
