/** From bytecode to the bytes of a module, within budgets: the whole compiler but V8, without state and clock. */
import { createHash } from "node:crypto";
import type { BlockRules } from "@velarium/chain-rules";
import { type BuildOptions, buildFunction, templateOf } from "@velarium/evm-ir";
import { EMITTER_VERSION } from "./budgets.ts";
import type { ImmediatePlace } from "./emit/frame-code.ts";
import { emitModule } from "./emit/module.ts";
import type { CompilerBudgets } from "./types.ts";
import { BudgetError, type BudgetKind } from "./wasm/code.ts";

export interface EmittedCode {
  readonly ok: true;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly blocks: number;
  readonly buildMs: number;
  readonly emitMs: number;
}

export interface RefusedCode {
  readonly ok: false;
  readonly reason: BudgetKind;
  readonly message: string;
}

const PUSH20 = 0x73;

/** Where the constants stand that codes of one template differ in. */
export function immediatePlaces(code: Uint8Array): ImmediatePlace[] {
  return templateOf(code).positions.map((pc) => ({ pc, size: code[pc] === PUSH20 ? 20 : 32 }));
}

/** What codes must have in common to share a module: template, fork and emitter (hexadecimal). */
export function templateKey(code: Uint8Array, rules: BlockRules): string {
  const template = templateOf(code);
  return createHash("sha256")
    .update(`${EMITTER_VERSION} ${rules.fork} ${template.positions.join()} `)
    .update(template.code)
    .digest("hex");
}

/** How far code is cloned; tests set it to have all of it shared. */
export type CloneLimits = Pick<BuildOptions, "maxContexts" | "maxClone">;

/** Never throws on any code. `now`: milliseconds, for the statistics and the bound on time. */
export function compileCode(
  code: Uint8Array,
  rules: BlockRules,
  budgets: CompilerBudgets,
  now: () => number = () => performance.now(),
  clones: CloneLimits = {},
): EmittedCode | RefusedCode {
  if (code.length > budgets.codeBytes) {
    return refusal("code-size", `${code.length} bytes of code, at most ${budgets.codeBytes} are compiled`);
  }
  try {
    const started = now();
    const built = buildFunction(code, rules, {
      template: true,
      landings: true,
      ...clones,
      budgets: { blocks: budgets.blocks, instructions: budgets.instructions, wallMs: budgets.wallMs },
      now,
    });
    if (!built.ok) {
      return refusal(
        BUILD_BUDGETS[built.exceeded],
        `building needs more than ${built.limit} ${built.exceeded}`,
      );
    }
    // Exits of jumps among known targets are there for what is not proven, and not taken.
    const exits = built.stats.unknownJumps + built.stats.droppedVariants;
    if (exits > budgets.exits) {
      return refusal("variants", `${exits} jumps go where it is not known, at most ${budgets.exits} may`);
    }
    const builtAt = now();
    const { bytes } = emitModule(built.function, immediatePlaces(code), {
      maxBytes: budgets.wasmBytes,
      maxLocals: budgets.locals,
      maxNesting: budgets.nesting,
      maxLive: MAX_LIVE_PAIRS,
    });
    return {
      ok: true,
      bytes,
      blocks: built.stats.blocks,
      buildMs: builtAt - started,
      emitMs: now() - builtAt,
    };
  } catch (error) {
    if (error instanceof BudgetError) return refusal(error.code, error.message);
    return refusal("crash", error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

/** Pairs of a block and a value live into it; real contracts stay below a tenth. */
const MAX_LIVE_PAIRS = 4_000_000;

const BUILD_BUDGETS = {
  blocks: "variants",
  values: "operations",
  instructions: "operations",
  operands: "operations",
  blockInstructions: "operations",
  wallMs: "time",
} as const;

const refusal = (reason: BudgetKind, message: string): RefusedCode => ({ ok: false, reason, message });
