/** The profile of a code: the functions that its dispatcher knows, and what any other calldata does. */
import type { BlockRules } from "@velarium/chain-rules";
import type { BuildFunction, IrFunction } from "@velarium/evm-ir";
import { doomedBlocks } from "../evaluate/doomed.ts";
import { ANALYSIS_VERSION, type CodeProfile, NO_CALLDATA, type SelectorProfile } from "../profile/format.ts";
import { DEFAULT_BUDGET, type ExploreBudget, type ExploreOptions, Explorer } from "./explore.ts";

/** Selectors of one code. The largest contracts have some 150. */
const MAX_SELECTORS = 256;
/** Constants of a code that may be selectors. */
const MAX_CANDIDATES = 2048;
const SELECTOR_LIMIT = 1n << 32n;

export interface AnalysisOptions {
  readonly budget?: ExploreBudget;
  /** Milliseconds for one code; selectors beyond it are unknown. 2000 when absent. */
  readonly wallMs?: number;
  readonly now?: () => number;
}

/** Numbers that the function compares something with and that fit four bytes: among them its selectors. */
export function selectorCandidates(fn: IrFunction): number[] {
  const found = new Set<number>();
  const note = (value: bigint): void => {
    if (value < SELECTOR_LIMIT) found.add(Number(value));
  };
  for (const { instructions, terminator } of fn.blocks) {
    for (const { op, args } of instructions) {
      if (op !== "eq" && op !== "sub" && op !== "xor") continue;
      for (const id of args) {
        const value = fn.values[id]!;
        if (value.kind === "constant") note(value.value);
      }
    }
    if (terminator.kind === "switch") for (const { value } of terminator.cases) note(value);
  }
  return [...found].sort((a, b) => a - b).slice(0, MAX_CANDIDATES);
}

/** Selectors that the dispatcher of a function knows, ascending. */
export function selectorsOf(fn: IrFunction, code: Uint8Array, doomed = doomedBlocks(fn)): number[] {
  const known = selectorCandidates(fn).filter((selector) => {
    const explorer = new Explorer(fn, code, selector, { onlyDispatch: true, doomed });
    explorer.profile();
    return explorer.matched;
  });
  return known.slice(0, MAX_SELECTORS);
}

/** A selector that none of `selectors` is. */
function otherSelector(selectors: readonly number[]): number {
  let other = 0xdeadbeef;
  while (selectors.includes(other)) other--;
  return other;
}

/** Profile of one selector; of what the dispatcher does not know, the profile has selector −1. */
export function analyzeSelector(
  fn: IrFunction,
  code: Uint8Array,
  selector: number,
  options: AnalysisOptions & Omit<ExploreOptions, "budget" | "onlyDispatch"> = {},
): SelectorProfile {
  const { budget = DEFAULT_BUDGET, doomed, positions } = options;
  return new Explorer(fn, code, selector, { budget, doomed, positions }).profile();
}

/** Blocks that calls with a selector can go through. */
export function blocksOf(fn: IrFunction, code: Uint8Array, selector: number): ReadonlySet<number> {
  const explorer = new Explorer(fn, code, selector);
  explorer.profile();
  return explorer.visited;
}

/** Profiles of all functions of a code. */
export function analyzeFunction(
  fn: IrFunction,
  code: Uint8Array,
  options: AnalysisOptions = {},
): CodeProfile {
  const { wallMs = 2000, now = () => performance.now() } = options;
  const until = now() + wallMs;
  const doomed = doomedBlocks(fn);
  const known = selectorsOf(fn, code, doomed);
  const selectors: SelectorProfile[] = [];
  for (const selector of [...known, otherSelector(known), NO_CALLDATA]) {
    if (now() > until) break;
    selectors.push(analyzeSelector(fn, code, selector, { ...options, doomed }));
  }
  return { version: ANALYSIS_VERSION, fork: fn.fork, selectors };
}

/** As `analyzeFunction`; undefined when the control-flow graph is beyond its budgets. */
export function analyzeCode(
  code: Uint8Array,
  rules: BlockRules,
  build: BuildFunction,
  options: AnalysisOptions = {},
): CodeProfile | undefined {
  const built = build(code, rules);
  return built.ok ? analyzeFunction(built.function, code, options) : undefined;
}
