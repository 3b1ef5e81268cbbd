/** Bytecode to function, under budgets. */
import type { BlockRules } from "@velarium/chain-rules";
import { opcodeTable } from "@velarium/evm-opcodes";
import type { Budgets, BuildOptions, BuildResult } from "./build.ts";
import type { ContextLimits } from "./bytecode/contexts.ts";
import { BytecodeFrontEnd, type Translation } from "./bytecode/front-end.ts";
import { BudgetExceeded, Construction, DEFAULT_BUDGETS } from "./construct.ts";
import type { IrFunction } from "./ir.ts";
import { optimizeFunction } from "./passes/optimize.ts";

/**
 * Tried in this order until one stays within the budgets, where there are no landings. The first resolves every jump of all but a few percent of real
 * contracts; the others leave code that is deeply nested or recursive to the interpreter where it goes too deep.
 */
const ATTEMPTS: readonly ContextLimits[] = [
  { maxContexts: 512, maxShared: 0 },
  { maxContexts: 64, maxShared: 64 },
  { maxContexts: 16, maxShared: 32 },
  { maxContexts: 4, maxShared: 8 },
];
/**
 * The same with landings: what is not cloned is shared, so that all code is in the function. Clones of small functions
 * are faster than sharing them, and are what most of a function's size consists of.
 */
const LANDING_ATTEMPTS: readonly ContextLimits[] = [
  { maxContexts: 512, maxShared: 0, maxClone: 150 },
  { maxContexts: 64, maxShared: 0, maxClone: 60 },
  { maxContexts: 8, maxShared: 0, maxClone: 20 },
  { maxContexts: 2, maxShared: 0, maxClone: 0 },
];
/** What another attempt cannot change. */
const FINAL: ReadonlySet<keyof Budgets> = new Set(["wallMs", "blockInstructions"]);

function attempt(
  code: Uint8Array,
  rules: BlockRules,
  options: BuildOptions,
  limits: ContextLimits,
  ir: Construction,
): { readonly fn: IrFunction; readonly translation: Translation } {
  const template = options.template ?? false;
  const frontEnd = new BytecodeFrontEnd(code, opcodeTable(rules), ir, { ...limits, template });
  const translation = frontEnd.translate(rules.fork);
  ir.checkTime();
  const fn = options.optimize === false ? translation.function : optimizeFunction(ir, translation.function);
  ir.checkTime();
  return { fn, translation };
}

function attemptsFor({ maxContexts, maxShared, maxClone, landings }: BuildOptions): readonly ContextLimits[] {
  const isFixed = maxContexts !== undefined || maxShared !== undefined || maxClone !== undefined;
  if (!isFixed) return landings === true ? LANDING_ATTEMPTS : ATTEMPTS;
  const limits = { maxContexts: maxContexts ?? 512, maxShared: maxShared ?? (landings === true ? 0 : 64) };
  return [landings === true ? { ...limits, maxClone: maxClone ?? 150 } : limits];
}

/** CPU time of this thread in ms: a build must not fail because the machine is busy with other things. */
function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Builds the function of `code` under `rules`. Never throws on any code. */
export function buildFunction(code: Uint8Array, rules: BlockRules, options: BuildOptions = {}): BuildResult {
  const attempts = attemptsFor(options);
  const budgets = { ...DEFAULT_BUDGETS, ...options.budgets };
  const now = options.now ?? threadMs;
  const started = now();
  let exceeded: keyof Budgets = "wallMs";
  for (const limits of attempts) {
    // What takes half of all blocks with many clones is better off with fewer.
    const isLast = limits === attempts.at(-1);
    const blocks = isLast || limits.maxClone === undefined ? budgets.blocks : budgets.blocks >> 1;
    const ir = new Construction({ ...budgets, blocks }, now, started);
    try {
      const { fn, translation } = attempt(code, rules, options, limits, ir);
      return { ok: true, function: fn, stats: statsOf(code, fn, translation, now() - started) };
    } catch (error) {
      if (!(error instanceof BudgetExceeded)) throw error;
      exceeded = error.budget;
      if (FINAL.has(exceeded)) break;
    }
  }
  return { ok: false, exceeded, limit: budgets[exceeded], ms: now() - started };
}

function statsOf(code: Uint8Array, fn: IrFunction, translation: Translation, ms: number) {
  const { variants, positions, landings, unknownJumps, guardedJumps, droppedVariants } = translation;
  return {
    codeBytes: code.length,
    blocks: fn.blocks.length,
    variants,
    positions,
    landings,
    unknownJumps,
    guardedJumps,
    droppedVariants,
    instructions: fn.blocks.reduce((sum, { instructions }) => sum + instructions.length, 0),
    values: fn.values.length,
    ms,
  };
}
