/** Which codes of a kernel run compiled: tier-up, the cache of modules, installation, fallbacks. */
import { type BlockRules, forkIndex } from "@velarium/chain-rules";
import type { CodeStats, Kernel } from "@velarium/evm-kernel";
import { wasmApi } from "@velarium/wasm";
import { BackgroundCompiler, type CompileResult } from "./background.ts";
import { DEFAULT_BUDGETS, DEFAULT_POLICY } from "./budgets.ts";
import { type CloneLimits, compileCode, templateKey } from "./compile.ts";
import { ModuleCache, type ModuleRecord } from "./modules.ts";
import type {
  CompiledStats,
  Compiler,
  CompilerBudgets,
  CompilerOptions,
  CompilerPolicy,
  ForceOutcome,
} from "./types.ts";
import { optimisedModule } from "./wasm/optimised-module.ts";

/** What is known of one entry of the kernel. */
interface EntryRecord {
  readonly code: Uint8Array;
  /** By fork. */
  readonly modules: Map<string, ModuleRecord>;
  extraCalls: number;
  extraGas: number;
  lastGas: number;
}

export function createCompiler(options: CompilerOptions): Compiler {
  return new KernelCompiler(options);
}

class KernelCompiler implements Compiler {
  readonly #kernel: Kernel;
  readonly #policy: CompilerPolicy;
  readonly #budgets: CompilerBudgets;
  readonly #background: BackgroundCompiler | undefined;
  readonly #modules: ModuleCache;
  readonly #entries = new Map<number, EntryRecord>();
  readonly #optimise: boolean;
  readonly #clones: CloneLimits | undefined;
  /** Counts looks at the kernel and forced codes: what was used last is what has the highest count. */
  #clock = 0;
  /** The kernel's epoch that the entries are of. */
  #epoch = 0;

  constructor(options: CompilerOptions) {
    this.#kernel = options.kernel;
    this.#optimise = options.optimise ?? false;
    this.#clones = options.clones;
    this.#policy = { ...DEFAULT_POLICY, ...options.policy };
    this.#budgets = { ...DEFAULT_BUDGETS, ...options.budgets };
    this.#modules = new ModuleCache(this.#policy.maxModules, this.#policy.maxModuleBytes);
    if (options.background !== false) {
      this.#background = new BackgroundCompiler(this.#budgets, this.#policy.queueLimit);
    }
  }

  poll(rules: BlockRules): void {
    this.#keepUp();
    for (const stats of this.#kernel.codes()) {
      const known = this.#entries.get(stats.entry);
      if (stats.compiled) {
        if (known !== undefined) this.#noteUse(known, stats, rules);
        continue;
      }
      const calls = stats.calls + (known?.extraCalls ?? 0);
      const gas = stats.gas + (known?.extraGas ?? 0);
      if (calls < this.#policy.calls && gas < this.#policy.gas) continue;
      this.#promote(stats.entry, known ?? this.#learn(stats.entry), rules);
    }
    this.#modules.evict((record) => this.#uninstall(record));
  }

  noteCall(entry: number, gas: number): void {
    const known = this.#entries.get(entry);
    if (known === undefined) return;
    known.extraCalls++;
    known.extraGas += gas;
  }

  installed(entry: number): boolean {
    return this.#kernel.codes().some((stats) => stats.entry === entry && stats.compiled);
  }

  force(entry: number, rules: BlockRules): ForceOutcome {
    this.#keepUp();
    const known = this.#entries.get(entry) ?? this.#learn(entry);
    const record = this.#recordOf(known, rules);
    if (record.state === "fallback") return fallen(record);
    if (record.module === undefined) {
      const emitted = compileCode(known.code, rules, this.#budgets, undefined, this.#clones);
      if (!emitted.ok) {
        this.#settle(record, emitted);
        return fallen(record);
      }
      const started = performance.now();
      const module = this.#optimise ? optimisedModule(emitted.bytes) : new wasmApi.Module(emitted.bytes);
      const optimiseMs = performance.now() - started;
      this.#settle(record, { ...emitted, module, wasmBytes: emitted.bytes.length, optimiseMs });
    }
    this.#install(entry, record);
    this.#modules.evict((old) => this.#uninstall(old));
    return { compiled: true };
  }

  forceInBackground(entry: number, rules: BlockRules): Promise<ForceOutcome> {
    this.#keepUp();
    const known = this.#entries.get(entry) ?? this.#learn(entry);
    const record = this.#recordOf(known, rules);
    if (record.state === "fallback") return Promise.resolve(fallen(record));
    if (this.#background === undefined || record.module !== undefined) {
      return Promise.resolve(this.force(entry, rules));
    }
    return new Promise((resolve) => {
      const accepted = this.#background!.add(known.code, rules, (result) => {
        this.#settle(record, result);
        // Meanwhile the kernel may have forgotten what the entry was.
        if (result.ok) resolve(this.force(this.#kernel.addCode(known.code), rules));
        else resolve(fallen(record));
      });
      if (!accepted) resolve(this.force(entry, rules));
    });
  }

  async warmUp(): Promise<void> {
    await this.#background?.warmUp();
  }

  stats(): CompiledStats[] {
    return [...this.#modules.values()].map((record) => ({
      template: record.key,
      fork: record.fork,
      codeBytes: record.codeBytes,
      state: record.state,
      installed: record.entries.size,
      ...defined(record, ["reason", "message", "blocks", "wasmBytes", "buildMs", "emitMs", "optimiseMs"]),
    }));
  }

  async close(): Promise<void> {
    await this.#background?.close();
  }

  /** A hot code: installs what is ready, queues what is not. */
  #promote(entry: number, known: EntryRecord, rules: BlockRules): void {
    if (forkIndex(rules.fork) < FIRST_FORK) return;
    if (this.#background === undefined || (this.#background.isFull && !known.modules.has(rules.fork))) return;
    const record = this.#recordOf(known, rules);
    if (record.state === "ready") this.#install(entry, record);
    if (record.state !== "evicted") return;
    const accepted = this.#background.add(known.code, rules, (result) => this.#settle(record, result));
    if (accepted) record.state = "queued";
  }

  #settle(record: ModuleRecord, result: CompileResult): void {
    if (!result.ok) {
      record.state = "fallback";
      record.reason = result.reason;
      record.message = result.message;
      return;
    }
    record.blocks = result.blocks;
    record.wasmBytes = result.wasmBytes;
    record.buildMs = result.buildMs;
    record.emitMs = result.emitMs;
    record.optimiseMs = result.optimiseMs;
    if (record.module === undefined) this.#modules.keep(record, result.module);
    record.lastUsed = this.#clock;
  }

  #install(entry: number, record: ModuleRecord): void {
    record.run ??= new wasmApi.Instance(record.module!, this.#kernel.imports).exports["run"];
    this.#kernel.install(entry, record.run);
    record.lastUsed = this.#clock;
    if (this.#kernel.isInitcode(entry)) return;
    // It had the function of other rules: whoever lets that one go must not take this one away.
    for (const other of this.#entries.get(entry)?.modules.values() ?? []) other.entries.delete(entry);
    record.entries.add(entry);
  }

  #uninstall(record: ModuleRecord): boolean {
    for (const entry of record.entries) this.#kernel.uninstall(entry);
    record.entries.clear();
    return true;
  }

  #noteUse(known: EntryRecord, stats: CodeStats, rules: BlockRules): void {
    if (stats.gas === known.lastGas) return;
    known.lastGas = stats.gas;
    const record = known.modules.get(rules.fork);
    if (record !== undefined) record.lastUsed = this.#clock;
  }

  /** Advances the clock; where the kernel has forgotten all codes and gives out entries anew, forgets them too. */
  #keepUp(): void {
    this.#clock++;
    if (this.#epoch === this.#kernel.codeEpoch) return;
    this.#epoch = this.#kernel.codeEpoch;
    this.#entries.clear();
    for (const record of this.#modules.values()) record.entries.clear();
  }

  /** The record of an entry; that of initcode is not kept, as its place is soon another's. */
  #learn(entry: number): EntryRecord {
    const record: EntryRecord = {
      code: this.#kernel.codeOf(entry).slice(),
      modules: new Map(),
      extraCalls: 0,
      extraGas: 0,
      lastGas: 0,
    };
    if (!this.#kernel.isInitcode(entry)) this.#entries.set(entry, record);
    return record;
  }

  #recordOf(known: EntryRecord, rules: BlockRules): ModuleRecord {
    let record = known.modules.get(rules.fork);
    // One that the cache has forgotten would not be counted, nor evicted.
    if (record !== undefined && this.#modules.get(record.key) === record) return record;
    const key = templateKey(known.code, rules);
    record = this.#modules.get(key);
    if (record === undefined) {
      record = {
        key,
        fork: rules.fork,
        codeBytes: known.code.length,
        state: "evicted",
        entries: new Set(),
        lastUsed: this.#clock,
      };
      this.#modules.add(record);
    }
    known.modules.set(rules.fork, record);
    return record;
  }
}

const FIRST_FORK = forkIndex("berlin");

const fallen = (record: ModuleRecord): ForceOutcome => ({
  compiled: false,
  reason: record.reason ?? "crash",
  message: record.message ?? "",
});

/** The fields that have a value. */
function defined<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(
    keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]]),
  ) as Pick<T, K>;
}
