/** A kernel with a world of its own, in which the same call can be interpreted or run compiled. */
import { type BlockRules, createBlockRules, type Fork } from "@velarium/chain-rules";
import type { BlockContext } from "@velarium/engine";
import { createKernel, type Kernel, type KernelCall, type Miss, type RunStatus } from "@velarium/evm-kernel";
import { keccak256 } from "@velarium/hash-kernel";
import { Domain, encodeCodeWord, fieldKey, storageKey } from "@velarium/slots";
import type { CloneLimits } from "../../src/compile.ts";
import { createCompiler } from "../../src/compiler.ts";
import type { Compiler, CompilerBudgets } from "../../src/types.ts";

export interface Account {
  readonly address: Uint8Array;
  readonly balance?: bigint;
  readonly nonce?: bigint;
  readonly code?: Uint8Array;
  readonly storage?: ReadonlyMap<bigint, bigint>;
}

export interface RunOptions {
  readonly compiled: boolean;
  /** Nothing is preloaded, so that every first access suspends; the execution leaves the memory meanwhile. */
  readonly suspend: boolean;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

export function word(value: bigint): Uint8Array {
  return Uint8Array.from(Buffer.from(value.toString(16).padStart(64, "0"), "hex"));
}

export function address(last: number): Uint8Array {
  const bytes = new Uint8Array(20);
  // Away from precompiles.
  bytes[0] = 0xc0;
  bytes[18] = last >> 8;
  bytes[19] = last & 0xff;
  return bytes;
}

export function blockContext(rules: BlockRules): BlockContext {
  return {
    rules,
    number: 1000,
    timestamp: 1_700_000_000,
    beneficiary: address(0xbe),
    gasLimit: 30_000_000,
    baseFee: 7n,
    prevRandao: word(0x1234567890abcdefn << 190n),
    difficulty: 0n,
    blobBaseFee: 1n,
  };
}

export class Machine {
  readonly kernel: Kernel;
  readonly compiler: Compiler;
  readonly rules: BlockRules;
  readonly #words = new Map<string, Uint8Array>();
  readonly #codes = new Map<string, Uint8Array>();
  readonly #forced = new Set<number>();
  /** Codes that stayed with the interpreter, by reason. */
  readonly fallbacks = new Map<string, string>();
  suspensions = 0;
  #compiled = false;

  constructor(
    fork: Fork,
    options: {
      budgets?: Partial<CompilerBudgets>;
      clones?: CloneLimits;
      resident?: boolean;
      codeBytes?: number;
    } = {},
  ) {
    this.rules = createBlockRules(fork, 1);
    this.kernel = createKernel({
      missing: options.resident === true ? "zero" : "suspend",
      precompile: () => undefined,
      accounts: 4096,
      slots: 16384,
      memoryBytes: 64 << 20,
      codeBytes: options.codeBytes ?? 32 << 20,
      prepare: (entry) => {
        if (this.#compiled) this.force(entry);
      },
    });
    this.compiler = createCompiler({
      kernel: this.kernel,
      background: false,
      ...(options.clones === undefined ? {} : { clones: options.clones }),
      ...(options.budgets === undefined ? {} : { budgets: options.budgets }),
    });
    this.kernel.setBlock(blockContext(this.rules));
  }

  /** Replaces all accounts. */
  setWorld(accounts: readonly Account[]): void {
    this.#words.clear();
    this.#codes.clear();
    for (const account of accounts) this.#put(account);
  }

  #put(account: Account): void {
    this.#words.set(hex(fieldKey(Domain.balance, account.address)), word(account.balance ?? 0n));
    this.#words.set(hex(fieldKey(Domain.nonce, account.address)), word(account.nonce ?? 0n));
    if (account.code !== undefined && account.code.length > 0) {
      const hashPrefix = keccak256(account.code).slice(0, 28);
      this.#codes.set(hex(hashPrefix), account.code);
      const codeWord = encodeCodeWord({ flags: 0, incarnation: 0, hashPrefix });
      this.#words.set(hex(fieldKey(Domain.code, account.address)), codeWord);
    }
    for (const [key, value] of account.storage ?? []) {
      this.#words.set(hex(storageKey(account.address, word(key))), word(value));
    }
  }

  /** Puts everything into a resident kernel. */
  seed(): void {
    for (const [key, value] of this.#words) this.kernel.seed(Buffer.from(key, "hex"), value);
    for (const code of this.#codes.values()) this.kernel.addCode(code);
  }

  force(entry: number): void {
    const outcome = this.compiler.force(entry, this.rules);
    if (!outcome.compiled) {
      if (outcome.reason === "crash") throw new Error(outcome.message);
      this.fallbacks.set(String(entry), outcome.reason);
    } else this.#forced.add(entry);
  }

  /** Everything that can be observed of a call, as text. */
  run(call: KernelCall, { compiled, suspend }: RunOptions): string {
    const { kernel } = this;
    this.#compiled = compiled;
    if (compiled) for (const code of this.#codes.values()) this.force(kernel.addCode(code));
    else {
      for (const entry of this.#forced) kernel.uninstall(entry);
      this.#forced.clear();
    }
    kernel.beginCall(call);
    if (!suspend) this.#preload();
    let status = kernel.run();
    for (; status === "miss"; status = kernel.run()) {
      const miss = kernel.miss();
      this.suspensions++;
      if (suspend && this.suspensions % 4 === 0) this.#swap();
      this.answer(miss);
    }
    return this.observe(status);
  }

  /** Supplies what is missing. */
  answer(miss: Miss): void {
    if (miss.kind === "slot") this.kernel.supplySlot(this.#words.get(hex(miss.key)) ?? word(0n));
    else this.kernel.supplyCode(this.#codes.get(hex(miss.prefix))!);
  }

  /** What came of the execution that has just ended. */
  observe(status: RunStatus): string {
    const { kernel } = this;
    if (status !== "done") return status;
    const { returnData, logs, ...outcome } = kernel.outcome();
    const effects = kernel.effects();
    return [
      JSON.stringify(outcome, bytesAsHex),
      hex(returnData),
      hex(logs),
      ...rows(effects.accesses.count, effects.accesses.keys, effects.accesses.kinds, "access"),
      ...rows(effects.writes.count, effects.writes.keys, effects.writes.words, "write"),
      ...rows(effects.deltas.count, effects.deltas.keys, effects.deltas.words, "delta"),
      JSON.stringify(effects.codes, bytesAsHex),
    ].join("\n");
  }

  /** Gas of frames that were interpreted cannot be told apart; their number can. */
  interpretedFrames(): number {
    return this.kernel.codes().reduce((sum, { interpreted }) => sum + interpreted, 0);
  }

  #preload(): void {
    const keys = Buffer.from([...this.#words.keys()].join(""), "hex");
    const words = Buffer.concat([...this.#words.values()]);
    this.kernel.preload(this.#words.size, keys, words);
  }

  /** Another execution takes the memory in between. */
  #swap(): void {
    const saved = this.kernel.save();
    this.kernel.beginCall({
      caller: address(1),
      to: address(2),
      data: new Uint8Array(64).fill(0xee),
      gasLimit: 1000,
    });
    this.kernel.run();
    this.kernel.restore(saved);
  }
}

function bytesAsHex(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  return value instanceof Uint8Array ? hex(value) : value;
}

/** Rows of two columns, in an order that does not depend on how they came about. */
function rows(count: number, keys: Uint8Array, values: Uint8Array, name: string): string[] {
  const width = count === 0 ? 0 : values.length / count;
  const lines = Array.from({ length: count }, (_, i) => {
    const key = hex(keys.subarray(56 * i, 56 * (i + 1)));
    return `${name} ${key} ${hex(values.subarray(width * i, width * (i + 1)))}`;
  });
  return lines.sort();
}
