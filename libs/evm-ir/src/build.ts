/** What building a function from code takes and gives. */
import type { BlockRules } from "@velarium/chain-rules";
import type { IrFunction } from "./ir.ts";

/** Bounds on what hostile code can make a build cost. Exceeding one ends the build. */
export interface Budgets {
  /** Blocks of the function. A 24 kB contract has 1,000-6,000. */
  readonly blocks: number;
  /** Values, constants included. */
  readonly values: number;
  readonly instructions: number;
  /** Sum of all parameters, edge arguments and stacks. */
  readonly operands: number;
  /** Instructions of one block. */
  readonly blockInstructions: number;
  /** Milliseconds of building by the clock of the options, all attempts and passes included. */
  readonly wallMs: number;
}

export interface BuildOptions {
  readonly budgets?: Partial<Budgets>;
  /**
   * Contexts in which one position is built apart, each with its own return addresses. Further ones share blocks by
   * stack height and topmost return address; other jumps from there choose among the targets that flow in.
   */
  readonly maxContexts?: number;
  /** Shared blocks of one position; beyond, as in deep recursion, it is an exit to the interpreter. */
  readonly maxShared?: number;
  /**
   * Where cloning ends, operands stay in the frame and all contexts of a position share one block, a landing, to which
   * returns find back by their address. Default false: such places are exits.
   */
  readonly landings?: boolean;
  /** With landings: instructions of an internal function beyond which its callers share it. */
  readonly maxClone?: number;
  /** Constants of the template stay immediates, so that the function serves every code of the template. */
  readonly template?: boolean;
  /** Run the optimising passes; default true. */
  readonly optimize?: boolean;
  /** Milliseconds; CPU time of the thread when absent. */
  readonly now?: () => number;
}

export interface BuildStats {
  readonly codeBytes: number;
  readonly blocks: number;
  /** Contexts of jump destinations and other leaders; positions are counted once in `positions`. */
  readonly variants: number;
  readonly positions: number;
  /** Jumps of which no target is known. */
  readonly unknownJumps: number;
  /** Jumps among known targets, of which it is not proven that there are no others: any other is an exit. */
  readonly guardedJumps: number;
  /** Landings: positions that are reached with any stack. */
  readonly landings: number;
  /** Blocks that are exits because a position had too many variants, or the operand stack was too high. */
  readonly droppedVariants: number;
  readonly instructions: number;
  readonly values: number;
  /** Milliseconds by the clock of the options. */
  readonly ms: number;
}

export type BuildResult =
  | { readonly ok: true; readonly function: IrFunction; readonly stats: BuildStats }
  | {
      readonly ok: false;
      readonly exceeded: keyof Budgets;
      readonly limit: number;
      readonly ms: number;
    };

/** Builds the function of `code` under `rules`. Never throws on any code. */
export type BuildFunction = (code: Uint8Array, rules: BlockRules, options?: BuildOptions) => BuildResult;
