/** Building functions for analysis: quickly, and at any rate. */
import type { BlockRules } from "@velarium/chain-rules";
import type { BuildFunction, BuildResult } from "@velarium/evm-ir";

/**
 * Passes that make code fast cost ten times what building costs, and analysis gains nothing by them. Time is bounded so
 * that no code holds an analyzer up for long.
 */
const OPTIONS = { optimize: false, budgets: { wallMs: 1_000 } } as const;

export const buildForAnalysis = (
  build: BuildFunction,
  code: Uint8Array,
  rules: BlockRules,
  template: boolean,
): BuildResult => build(code, rules, { ...OPTIONS, template });
