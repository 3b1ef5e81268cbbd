/** Bytecode to function, under budgets. */
import type { BlockRules } from "@velarium/chain-rules";
import { opcodeTable } from "@velarium/evm-opcodes";
import type { BuildOptions, BuildResult } from "./build.ts";
import { BytecodeFrontEnd } from "./bytecode.ts";
import { BudgetExceeded, Construction, DEFAULT_BUDGETS } from "./construct.ts";
import { optimizeFunction } from "./passes/optimize.ts";

/** Contexts of one position; the most that a measured contract needs is below a tenth of it. */
const DEFAULT_MAX_VARIANTS = 512;

/** Builds the function of `code` under `rules`. Never throws on any code. */
export function buildFunction(code: Uint8Array, rules: BlockRules, options: BuildOptions = {}): BuildResult {
  const budgets = { ...DEFAULT_BUDGETS, ...options.budgets };
  const ir = new Construction(budgets, options.now ?? (() => performance.now()));
  try {
    const frontEnd = new BytecodeFrontEnd(code, opcodeTable(rules), ir, {
      maxVariants: options.maxVariants ?? DEFAULT_MAX_VARIANTS,
      template: options.template ?? false,
    });
    const translation = frontEnd.translate(rules.fork);
    ir.checkTime();
    const optimized =
      options.optimize === false ? translation.function : optimizeFunction(ir, translation.function);
    ir.checkTime();
    return {
      ok: true,
      function: optimized,
      stats: {
        codeBytes: code.length,
        blocks: optimized.blocks.length,
        variants: translation.variants,
        positions: translation.positions,
        unknownJumps: translation.unknownJumps,
        droppedVariants: translation.droppedVariants,
        instructions: optimized.blocks.reduce((sum, { instructions }) => sum + instructions.length, 0),
        values: optimized.values.length,
        ms: ir.elapsedMs(),
      },
    };
  } catch (error) {
    if (!(error instanceof BudgetExceeded)) throw error;
    return { ok: false, exceeded: error.budget, limit: budgets[error.budget], ms: ir.elapsedMs() };
  }
}
