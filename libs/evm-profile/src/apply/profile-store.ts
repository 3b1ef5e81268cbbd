/**
 * Profiles by code template and selector, made when first asked for and kept under bounds. Replicas share what they have
 * made through a cache that may lose it; what comes from there is checked like any input.
 */
import type { BlockRules } from "@velarium/chain-rules";
import { bytesToMapKey, keccak256 } from "@velarium/engine";
import { type BuildFunction, type IrFunction, templateOf } from "@velarium/evm-ir";
import { buildForAnalysis } from "../build-for-analysis.ts";
import { doomedBlocks } from "../evaluate/doomed.ts";
import { ANALYSIS_VERSION, type SelectorProfile } from "../profile/format.ts";
import { ProfileError, profileFromText, profileToText } from "../profile/json.ts";
import { analyzeSelector } from "../symbolic/analyze.ts";
import { type KnownProfile, ProfileMiss, type ProfileSource } from "./profile-source.ts";

/** Templates whose profiles are kept; some 20 kB each with a handful of functions. */
const MAX_TEMPLATES = 4096;
/** Functions of one template. */
const MAX_SELECTORS = 256;
/** Functions of the intermediate representation kept for further selectors; 1-10 MB each. */
const MAX_FUNCTIONS = 16;
/** How long shared profiles are kept, ms: a week. */
const SHARED_TTL_MS = 7 * 24 * 3600 * 1000;

/** What replicas share (see libs/shared-cache): may miss, never rejects. */
export interface ProfileCache {
  get(key: string): Promise<Uint8Array | undefined>;
  set(key: string, value: Uint8Array, ttlMs?: number): Promise<void>;
}

export interface ProfileStoreOptions {
  readonly cache?: ProfileCache | undefined;
}

interface Template {
  /** Hash of the code without the constants in which codes differ. */
  readonly name: string;
  /** One code of it. */
  readonly code: Uint8Array;
  readonly positions: readonly number[];
  /** Undefined: nobody can say. */
  readonly bySelector: Map<number, SelectorProfile | undefined>;
}

interface Code {
  readonly template: Template;
  readonly immediates: readonly bigint[];
}

interface BuiltFunction {
  readonly fn: IrFunction;
  readonly doomed: readonly boolean[];
}

export class ProfileStore implements ProfileSource {
  /** Profiles made here, taken from the shared cache, and found broken there; codes that could not be analysed. */
  analyzed = 0;
  shared = 0;
  broken = 0;
  failures = 0;
  private readonly rules: BlockRules;
  private readonly build: BuildFunction;
  private readonly cache: ProfileCache | undefined;
  private readonly templates = new Map<string, Template>();
  private readonly codes = new WeakMap<Uint8Array, Code>();
  private readonly functions = new Map<string, BuiltFunction | undefined>();

  constructor(rules: BlockRules, build: BuildFunction, options: ProfileStoreOptions = {}) {
    this.rules = rules;
    this.build = build;
    this.cache = options.cache;
  }

  /** @throws ProfileMiss when the shared cache is to be asked first: `load`, and ask again */
  profileOf(code: Uint8Array, selector: number): KnownProfile | undefined {
    const known = this.codes.get(code) ?? this.codeOf(code);
    const { template, immediates } = known;
    const { bySelector } = template;
    let profile = bySelector.get(selector);
    if (profile === undefined && !bySelector.has(selector)) {
      if (bySelector.size >= MAX_SELECTORS) return undefined;
      if (this.cache !== undefined) throw new ProfileMiss(code, selector);
      profile = this.analyze(template, selector);
      bySelector.set(selector, profile);
    }
    return profile === undefined ? undefined : { profile, immediates };
  }

  /** Takes the profile from the shared cache, or makes it and shares it. */
  async load({ code, selector }: ProfileMiss): Promise<void> {
    const { template } = this.codes.get(code) ?? this.codeOf(code);
    const key = this.keyOf(template, selector);
    let profile = this.checked(await this.cache?.get(key), selector);
    if (template.bySelector.has(selector)) return;
    if (profile === undefined) {
      profile = this.analyze(template, selector);
      if (profile !== undefined)
        await this.cache?.set(key, Buffer.from(profileToText(profile), "utf8"), SHARED_TTL_MS);
    }
    template.bySelector.set(selector, profile);
  }

  private keyOf(template: Template, selector: number): string {
    const { fork } = this.rules;
    return `profile:${ANALYSIS_VERSION}:${fork}:${Buffer.from(template.name, "latin1").toString("hex")}:${selector}`;
  }

  private checked(text: Uint8Array | undefined, selector: number): SelectorProfile | undefined {
    if (text === undefined) return undefined;
    try {
      const profile = profileFromText(Buffer.from(text).toString("utf8"));
      // The profile of what the dispatcher does not know says so.
      if (profile.selector >= 0 && profile.selector !== selector) throw new ProfileError("another selector");
      this.shared++;
      return profile;
    } catch (error) {
      if (!(error instanceof ProfileError)) throw error;
      this.broken++;
      return undefined;
    }
  }

  private codeOf(code: Uint8Array): Code {
    const { code: masked, positions, immediates } = templateOf(code);
    const name = bytesToMapKey(keccak256(Buffer.concat([masked, Buffer.from(positions.join(","))])));
    let template = this.templates.get(name);
    if (template === undefined) {
      template = { name, code, positions, bySelector: new Map() };
      this.templates.set(name, template);
      if (this.templates.size > MAX_TEMPLATES) {
        const oldest = this.templates.keys().next();
        if (!oldest.done) this.templates.delete(oldest.value);
      }
    }
    const known = { template, immediates };
    this.codes.set(code, known);
    return known;
  }

  private analyze(template: Template, selector: number): SelectorProfile | undefined {
    const built = this.functionOf(template);
    if (built === undefined) return undefined;
    this.analyzed++;
    const { doomed } = built;
    return analyzeSelector(built.fn, template.code, selector, { doomed, positions: template.positions });
  }

  private functionOf({ name, code }: Template): BuiltFunction | undefined {
    if (this.functions.has(name)) return this.functions.get(name);
    const built = buildForAnalysis(this.build, code, this.rules, true);
    if (!built.ok) this.failures++;
    const kept = built.ok ? { fn: built.function, doomed: doomedBlocks(built.function) } : undefined;
    this.functions.set(name, kept);
    if (this.functions.size > MAX_FUNCTIONS) {
      const oldest = this.functions.keys().next();
      if (!oldest.done) this.functions.delete(oldest.value);
    }
    return kept;
  }
}
