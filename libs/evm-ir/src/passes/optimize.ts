/** The passes in their order. Each leaves a function that the verifier accepts and that does the same. */
import type { Construction } from "../construct.ts";
import type { IrFunction } from "../ir.ts";
import { hoistSections } from "./hoist.ts";
import { mergeBlocks } from "./merge.ts";
import { pruneParameters } from "./prune.ts";
import { simplifyFunction } from "./simplify.ts";
import { sweep } from "./sweep.ts";
import { narrowWidths } from "./widths.ts";

/** `fn` must be what `ir` has constructed. */
export function optimizeFunction(ir: Construction, fn: IrFunction): IrFunction {
  const { blockInstructions } = ir.budgets;
  pruneParameters(ir, fn);
  mergeBlocks(fn, blockInstructions);
  simplifyFunction(ir, fn);
  // Branches that have been decided make values meet no more, and blocks follow each other.
  pruneParameters(ir, fn);
  mergeBlocks(fn, blockInstructions);
  hoistSections(fn);
  narrowWidths(ir, fn);
  simplifyFunction(ir, fn);
  return sweep(ir, fn);
}
