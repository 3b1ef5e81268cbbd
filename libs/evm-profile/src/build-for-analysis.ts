/** Building functions for analysis: quickly, and at any rate. */
import type { BlockRules } from "@velarium/chain-rules";
import type { BuildFunction, BuildResult } from "@velarium/evm-ir";

/**
 * Passes that make code fast cost ten times what building costs, and analysis gains nothing by them. Time is bounded so
 * that no code holds an analyzer up for long.
 */
const OPTIONS = { optimize: false, budgets: { wallMs: 1_000 } } as const;
/** Contexts of one position for code that recurses: what lies deeper becomes an exit, the rest is analysed. */
const FEW_VARIANTS = 16;

export function buildForAnalysis(
  build: BuildFunction,
  code: Uint8Array,
  rules: BlockRules,
  template: boolean,
): BuildResult {
  const built = build(code, rules, { ...OPTIONS, template });
  return built.ok ? built : build(code, rules, { ...OPTIONS, template, maxVariants: FEW_VARIANTS });
}
