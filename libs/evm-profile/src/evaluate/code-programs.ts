/** Programs by code, built when first asked for and kept under a bound. */
import type { BlockRules } from "@velarium/chain-rules";
import { bytesToMapKey, codeHash } from "@velarium/engine";
import type { BuildFunction } from "@velarium/evm-ir";
import { buildForAnalysis } from "../build-for-analysis.ts";
import { type Program, programOf } from "./program.ts";
import { UnknownAccess } from "./unknown.ts";

/** Sum of the values of all programs kept: at some 40 bytes each, 160 MB. */
const MAX_VALUES = 4_000_000;

interface Entry {
  readonly program: Program | undefined;
  readonly size: number;
}

export class CodePrograms {
  /** Builds, and builds that ended at a budget. */
  built = 0;
  failures = 0;
  private readonly rules: BlockRules;
  private readonly build: BuildFunction;
  private readonly byCode = new WeakMap<Uint8Array, Program>();
  private readonly byHash = new Map<string, Entry>();
  private size = 0;

  constructor(rules: BlockRules, build: BuildFunction) {
    this.rules = rules;
    this.build = build;
  }

  /** @throws UnknownAccess `build` */
  programOf(code: Uint8Array): Program {
    const known = this.byCode.get(code);
    if (known !== undefined) return known;
    const program = this.lookUp(code);
    if (program === undefined) throw new UnknownAccess("build");
    this.byCode.set(code, program);
    return program;
  }

  /** As `programOf`, for code that will probably not be seen again. */
  initcodeProgram(code: Uint8Array): Program {
    return this.programOf(code);
  }

  private lookUp(code: Uint8Array): Program | undefined {
    const name = bytesToMapKey(codeHash(code));
    const known = this.byHash.get(name);
    if (known !== undefined) return known.program;
    const result = buildForAnalysis(this.build, code, this.rules, false);
    this.built++;
    if (!result.ok) this.failures++;
    const program = result.ok ? programOf(result.function) : undefined;
    const size = (program?.initial.length ?? 0) + 16;
    this.byHash.set(name, { program, size });
    this.size += size;
    for (const [old, dropped] of this.byHash) {
      if (this.size <= MAX_VALUES || old === name) break;
      this.byHash.delete(old);
      this.size -= dropped.size;
    }
    return program;
  }
}
