/**
 * Writes a flow graph as WebAssembly's structured control flow, after Ramsey, "Beyond Relooper" (ICFP 2022): every node
 * is written inside its dominator; one that several edges reach follows a block that they leave. A graph that cannot be
 * written so becomes one loop around a table of its nodes. Iterative, because a graph may be thousands of nodes deep.
 */
import type { FunctionCode } from "../wasm/code.ts";
import { BudgetError } from "../wasm/code.ts";
import type { FlowPlan } from "./plan.ts";

/** Control flow to a node; `moves` writes what has to happen on the way. */
export interface FlowEdge {
  readonly target: number;
  readonly moves?: (() => void) | undefined;
}

/** The end of a node: code, with edges in between. Every path must end in an edge or leave the function. */
export type Step = (() => void) | FlowEdge;

/** Writes the code of a node and returns its end. */
export type WriteNode = (node: number) => readonly Step[];

export class FlowWalker {
  readonly #code: FunctionCode;
  readonly #plan: FlowPlan;
  readonly #write: WriteNode;
  readonly #maxNesting: number;
  /** Nodes behind a block of their own, or with a number in the table. */
  readonly #hasLabel: Uint8Array;
  readonly #isHeader: Uint8Array;
  /** Children with labels in the dominator tree, in order. */
  readonly #children: number[][];
  readonly #blockDepth: Int32Array;
  readonly #loopDepth: Int32Array;
  readonly #work: (() => void)[] = [];
  readonly #selector: number | undefined;
  #tableDepth = 0;
  readonly #tableIndex: Int32Array;

  /** `selector`: an i32 local, needed when the plan is not structured; holds the resume point on entry. */
  constructor(
    code: FunctionCode,
    plan: FlowPlan,
    write: WriteNode,
    options: { maxNesting: number; selector?: number },
  ) {
    const count = plan.nodes.length;
    this.#code = code;
    this.#plan = plan;
    this.#write = write;
    this.#maxNesting = options.maxNesting;
    this.#selector = options.selector;
    this.#hasLabel = new Uint8Array(count);
    this.#isHeader = new Uint8Array(count);
    this.#children = Array.from({ length: count }, () => []);
    this.#blockDepth = new Int32Array(count);
    this.#loopDepth = new Int32Array(count);
    this.#tableIndex = new Int32Array(count).fill(-1);
    this.#classify();
  }

  /** Writes everything that can be reached. Throws BudgetError. */
  run(): void {
    if (this.#plan.structured) this.#tree(0);
    else this.#table();
    for (let task = this.#work.pop(); task !== undefined; task = this.#work.pop()) task();
  }

  /** Levels that a branch to `target` leaves, where a plain branch does it. */
  levelOf(from: number, target: number): number | undefined {
    if (!this.#plan.structured) return undefined;
    if (this.#isBack(from, target)) return this.#code.depth - this.#loopDepth[target]!;
    return this.#hasLabel[target] === 1 ? this.#code.depth - this.#blockDepth[target]! : undefined;
  }

  #isBack(from: number, target: number): boolean {
    const { place } = this.#plan.order;
    return place[target]! <= place[from]!;
  }

  #classify(): void {
    const { order, successors, dispatch, dominator } = this.#plan;
    const forward = new Int32Array(successors.length);
    for (const node of order.nodes) {
      for (const target of successors[node]!) {
        if (this.#isBack(node, target)) this.#isHeader[target] = 1;
        else forward[target]!++;
        if (dispatch.has(node)) this.#hasLabel[target] = 1;
      }
    }
    for (const node of order.nodes) {
      if (forward[node]! > 1) this.#hasLabel[node] = 1;
      if (node !== 0 && this.#hasLabel[node] === 1) this.#children[dominator[node]!]!.push(node);
    }
  }

  #schedule(tasks: readonly (() => void)[]): void {
    for (let i = tasks.length - 1; i >= 0; i--) this.#work.push(tasks[i]!);
  }

  #tree(node: number): void {
    const code = this.#code;
    const children = this.#children[node]!;
    if (code.depth + children.length > this.#maxNesting) {
      throw new BudgetError("nesting", `control flow nests deeper than ${this.#maxNesting} levels`);
    }
    const after: (() => void)[] = [];
    if (this.#isHeader[node] === 1) {
      code.loop();
      this.#loopDepth[node] = code.depth;
    }
    for (let i = children.length - 1; i >= 0; i--) {
      code.block();
      this.#blockDepth[children[i]!] = code.depth;
    }
    for (const child of children) {
      after.push(
        () => code.end(),
        () => this.#tree(child),
      );
    }
    if (this.#isHeader[node] === 1) after.push(() => code.end());
    this.#schedule([() => this.#node(node), ...after]);
  }

  #node(node: number): void {
    const steps = this.#write(node);
    this.#schedule(steps.map((step) => (typeof step === "function" ? step : () => this.#edge(node, step))));
  }

  #edge(from: number, { target, moves }: FlowEdge): void {
    moves?.();
    if (!this.#plan.structured) {
      const index = this.#tableIndex[target]!;
      if (index === -1) {
        this.#node(target);
        return;
      }
      this.#code.i32(index);
      this.#code.set(this.#selector!);
      this.#code.br(this.#code.depth - this.#tableDepth);
      return;
    }
    const level = this.levelOf(from, target);
    if (level !== undefined) this.#code.br(level);
    else this.#tree(target);
  }

  /** One loop around a table: the entry's targets first, so that the resume point is the first selector. */
  #table(): void {
    const code = this.#code;
    const { order, dispatch } = this.#plan;
    const { targets, otherwise } = dispatch.get(0)!;
    const labelled = [otherwise, ...targets];
    for (const node of order.nodes) {
      const isShared = this.#hasLabel[node] === 1 || this.#isHeader[node] === 1;
      if (isShared && node !== 0 && !labelled.includes(node)) labelled.push(node);
    }
    // A node can be both: the entry's target and, say, its only successor.
    for (const [i, node] of labelled.entries()) if (this.#tableIndex[node] === -1) this.#tableIndex[node] = i;
    if (labelled.length > this.#maxNesting) {
      throw new BudgetError("nesting", `control flow needs a table of more than ${this.#maxNesting} entries`);
    }
    code.loop();
    this.#tableDepth = code.depth;
    for (let i = 0; i < labelled.length; i++) code.block();
    code.get(this.#selector!);
    code.brTable(
      labelled.slice(0, -1).map((_, i) => i),
      labelled.length - 1,
    );
    const tasks: (() => void)[] = [];
    for (const node of labelled) {
      tasks.push(
        () => code.end(),
        () => this.#node(node),
      );
    }
    tasks.push(() => code.end());
    this.#schedule(tasks);
  }
}
