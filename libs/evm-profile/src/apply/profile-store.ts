/** Profiles by code and selector, made when first asked for and kept under bounds. */
import type { BlockRules } from "@velarium/chain-rules";
import { bytesToMapKey, codeHash } from "@velarium/engine";
import type { BuildFunction, IrFunction } from "@velarium/evm-ir";
import { doomedBlocks } from "../evaluate/doomed.ts";
import type { SelectorProfile } from "../profile/format.ts";
import { analyzeSelector } from "../symbolic/analyze.ts";
import type { KnownProfile, ProfileSource } from "./profile-source.ts";

/** Codes whose profiles are kept; some 100 kB each with a handful of functions. */
const MAX_CODES = 4096;
/** Functions of one code. */
const MAX_SELECTORS = 256;
/** Functions of the intermediate representation kept for further selectors; 1-10 MB each. */
const MAX_FUNCTIONS = 32;

interface CodeEntry {
  readonly code: Uint8Array;
  readonly bySelector: Map<number, KnownProfile | undefined>;
}

const NO_IMMEDIATES: readonly bigint[] = [];

export class ProfileStore implements ProfileSource {
  /** Profiles made, and codes that could not be analysed. */
  analyzed = 0;
  failures = 0;
  private readonly rules: BlockRules;
  private readonly build: BuildFunction;
  private readonly entries = new Map<string, CodeEntry>();
  private readonly byCode = new WeakMap<Uint8Array, CodeEntry>();
  private readonly functions = new Map<string, { fn: IrFunction; doomed: readonly boolean[] } | undefined>();

  constructor(rules: BlockRules, build: BuildFunction) {
    this.rules = rules;
    this.build = build;
  }

  profileOf(code: Uint8Array, selector: number): KnownProfile | undefined {
    const entry = this.byCode.get(code) ?? this.entryOf(code);
    const known = entry.bySelector.get(selector);
    if (known !== undefined || entry.bySelector.has(selector)) return known;
    if (entry.bySelector.size >= MAX_SELECTORS) return undefined;
    const profile = this.analyze(entry.code, selector);
    const made = profile === undefined ? undefined : { profile, immediates: NO_IMMEDIATES };
    entry.bySelector.set(selector, made);
    return made;
  }

  private entryOf(code: Uint8Array): CodeEntry {
    const name = bytesToMapKey(codeHash(code));
    let entry = this.entries.get(name);
    if (entry === undefined) {
      this.entries.set(name, (entry = { code, bySelector: new Map() }));
      if (this.entries.size > MAX_CODES) {
        const oldest = this.entries.keys().next();
        if (!oldest.done) this.entries.delete(oldest.value);
      }
    }
    this.byCode.set(code, entry);
    return entry;
  }

  private analyze(code: Uint8Array, selector: number): SelectorProfile | undefined {
    const name = bytesToMapKey(codeHash(code));
    if (!this.functions.has(name)) {
      const built = this.build(code, this.rules);
      if (!built.ok) this.failures++;
      const kept = built.ok ? { fn: built.function, doomed: doomedBlocks(built.function) } : undefined;
      this.functions.set(name, kept);
      if (this.functions.size > MAX_FUNCTIONS) {
        const oldest = this.functions.keys().next();
        if (!oldest.done) this.functions.delete(oldest.value);
      }
    }
    const known = this.functions.get(name);
    if (known === undefined) return undefined;
    this.analyzed++;
    return analyzeSelector(known.fn, code, selector, { doomed: known.doomed });
  }
}
