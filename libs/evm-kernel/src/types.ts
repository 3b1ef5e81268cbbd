/** What a host sees of the kernel. Bytes that a method returns are copies, unless it says "view". */
import type { BlockRules } from "@velarium/chain-rules";
import type {
  AccessColumns,
  BlockContext,
  DeployedCode,
  ExecutableTransaction,
  OutcomeKind,
  OutcomeReason,
  WordColumns,
} from "@velarium/engine";

/**
 * A precompile, run synchronously: `id` is its address as a number (1-17, 256). Returns undefined when it fails or costs
 * more than `gasLimit`: then all gas of the call is gone. `input` is a view of kernel memory, valid during the call.
 */
export type PrecompileHost = (
  id: number,
  input: Uint8Array,
  gasLimit: number,
) => { readonly gas: number; readonly output: Uint8Array } | undefined;

/** What an absent slot means: `suspend` asks the host, `zero` takes it for zero (resident state). */
export type MissPolicy = "suspend" | "zero";

/** Takes the trace of every execution (format: libs/evm-trace), in order. */
export interface KernelTrace {
  /** Pieces of any size, codes and long data on their own. `records` is a view, valid during the call. False when no more is taken: the run then ends with `limit`. */
  write(records: Uint8Array): boolean;
}

/** Bounds. Reserved as address space; the operating system commits pages as they are touched. */
export interface KernelOptions {
  readonly precompile: PrecompileHost;
  /** Default `suspend`. */
  readonly missing?: MissPolicy;
  /** Account records, default 2^17, at most 2^20 (256 bytes each). */
  readonly accounts?: number;
  /** Slot records, default 2^19, at most 2^20 (128 bytes each). */
  readonly slots?: number;
  /** Bytes of EVM memory over all frames of one execution, default 1280 MiB. */
  readonly memoryBytes?: number;
  /** Bytes of code with its analysis, default 128 MiB; when they are full, all code is forgotten between executions. */
  readonly codeBytes?: number;
  /** Entries of the memo of keccak over 64 bytes, a power of two, default 2^14 (128 bytes each). */
  readonly keccakMemo?: number;
  /**
   * Called before the first frame of a code under the current rules, initcode included, in the middle of `run`: may
   * `install` a function for the entry. How the engine that compiles everything sees initcode. Absent: not called.
   */
  readonly prepare?: (entry: number, rules: BlockRules) => void;
  /** Traces executions, compiled or interpreted; each starts a trace. Absent: no trace, at no cost. */
  readonly trace?: KernelTrace;
  /** Secret of the hash tables; random by default. */
  readonly seed?: Uint8Array;
}

/** `done`: results can be read; `miss`: supply what `miss()` names; `limit`: see KernelOptions; `learned`: see BeginOptions. */
export type RunStatus = "done" | "miss" | "limit" | "learned";

/** `opcode`: the one that could not go on; 0 outside of code. */
export type Miss =
  | {
      readonly kind: "slot";
      readonly opcode: number;
      /** 56 bytes; a block hash is a slot too (`blockHashKey`). */
      readonly key: Uint8Array;
    }
  | {
      readonly kind: "code";
      readonly opcode: number;
      /** 28 bytes. */
      readonly prefix: Uint8Array;
    };

export interface BeginOptions {
  readonly skipNonceCheck?: boolean | undefined;
  readonly skipFundsCheck?: boolean | undefined;
  readonly skipFeeCheck?: boolean | undefined;
  readonly skipSenderCodeCheck?: boolean | undefined;
  readonly reportAttemptedWrites?: boolean | undefined;
  /** The state may hold accounts that exist but are empty (blocks before EIP-158). */
  readonly keepsEmptyAccounts?: boolean | undefined;
  /**
   * Preloaded kinds are the declared accesses: `run` ends with `learned` when more than `LEARNING_READS` undeclared slots
   * were read.
   */
  readonly watched?: boolean | undefined;
}

/** A call without a transaction around it: no checks, nonce, fees or clean-up. For benchmarks, fuzzing, `eth_call`. */
export interface KernelCall {
  readonly caller: Uint8Array;
  /** Undefined creates a contract with `data` as initcode. */
  readonly to: Uint8Array | undefined;
  readonly value?: bigint;
  readonly data: Uint8Array;
  readonly gasLimit: number;
  readonly gasPrice?: bigint;
  readonly isStatic?: boolean;
  readonly accessList?: ExecutableTransaction["accessList"];
}

export interface KernelOutcome {
  readonly outcome: OutcomeKind;
  readonly reason?: OutcomeReason;
  readonly status: 0 | 1;
  readonly gasUsed: number;
  readonly refund: number;
  readonly logs: Uint8Array;
  readonly returnData: Uint8Array;
  readonly createdAddress: Uint8Array | undefined;
  readonly beneficiaryFee: bigint;
}

/** State effects of an execution; same meaning as in `ExecutionResult`. */
export interface KernelEffects {
  readonly accesses: AccessColumns;
  readonly writes: WordColumns;
  readonly deltas: WordColumns;
  readonly codes: readonly DeployedCode[];
}

/** One code that the kernel knows, and what it did. Counters since the code arrived. */
export interface CodeStats {
  /** 32 bytes. */
  readonly hash: Uint8Array;
  readonly bytes: number;
  /** Address of its entry: names the code in `install`. */
  readonly entry: number;
  /** Frames begun; of those, frames interpreted. */
  readonly calls: number;
  readonly interpreted: number;
  /** Gas of its frames, callees included. */
  readonly gas: number;
  readonly compiled: boolean;
}

/** A live execution outside the kernel's memory. Restorable into the kernel that saved it, any number of times. */
export interface SavedExecution {
  readonly bytes: Uint8Array;
}

export interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Functions and memory that compiled modules import (`docs/engine.md`). */
  readonly imports: Readonly<Record<string, unknown>>;

  /** Sets block and rules. With another fork, analyses and compiled functions of the old one are left behind. */
  setBlock(context: BlockContext): void;

  /** Begins a transaction; an execution that was under way is dropped. Preload, then `run`. */
  begin(transaction: ExecutableTransaction, options?: BeginOptions): void;
  /** As `begin`, from the bytes that `packTransaction` makes. */
  beginPacked(packed: Uint8Array): void;
  /** As `beginPacked`, of `bytes` that the caller writes from the address returned before it does anything else. */
  beginInPlace(bytes: number): number;
  /** As `beginPacked`, from `count` words of 32 bits of a larger buffer: makes no view. */
  beginPackedWords(packed: Uint32Array, from: number, count: number): void;
  beginCall(call: KernelCall): void;
  /** A call by the chain itself with 30 Mgas (SYSTEM_CALL_GAS). */
  beginSystemCall(call: { readonly address: Uint8Array; readonly data: Uint8Array }): void;
  /**
   * Values at hand: `count` keys of 56 bytes and words of 32 bytes (big-endian). `kinds`, one byte each, declares them.
   * Slots declared without a value at hand are preloaded through `declare`.
   */
  preload(count: number, keys: Uint8Array, words: Uint8Array, kinds?: Uint8Array): void;
  /** Declares accesses without values. */
  declare(count: number, keys: Uint8Array, kinds: Uint8Array): void;

  /**
   * As `preload`, or `declare` where `valueWords` is undefined, of the accesses from `first` to `end` of columns: keys of
   * 14 words of 32 bits, values of 8, kinds of a byte, of which that of a block's hash counts as a read.
   */
  preloadColumns(
    first: number,
    end: number,
    keyWords: Uint32Array,
    valueWords: Uint32Array | undefined,
    kinds: Uint8Array,
  ): void;

  run(): RunStatus;
  /** What the execution waits for after `run` returned `miss`. */
  miss(): Miss;
  /** Answers a missing slot: 32 bytes, big-endian, from `at` of `words`. */
  supplySlot(words: Uint8Array, at?: number): void;
  /** Where the kernel says what is missing (`MISS_*` of the layout): for hosts that make no objects. */
  missAt(): number;
  /**
   * Answers a missing code. Throws KernelError `code-mismatch` when `code` does not have the hash asked for. Where there is
   * no room for it, `run` ends with `limit`.
   */
  supplyCode(code: Uint8Array): void;
  /** Makes code known ahead of need. Returns its entry. */
  addCode(code: Uint8Array): number;

  outcome(): KernelOutcome;
  effects(): KernelEffects;
  /**
   * Collects the effects of the execution that is done, as `effects` does, and leaves them in place: returns the address
   * of the result (`RESULT_*` of the layout, keys and words at the addresses it names, 4-byte aligned). Valid until the
   * next `begin`. For hosts that make no objects per transaction.
   */
  collect(): number;
  /** Address of the result (`RESULT_*`), before anything is collected. */
  resultAt(): number;
  /**
   * Relates the execution that is done to the accesses that were declared, by their numbers in the order in which they were
   * handed over: address of `RELATED_*`; 0 when it left its declaration, deployed code, or declared too much. Valid until
   * the next `begin`; what `collect` left is gone.
   */
  relate(): number;
  /** Accesses only, every attempt to write as W: what a transaction that left its declaration has shown. */
  attempts(): AccessColumns;

  save(): SavedExecution;
  restore(saved: SavedExecution): void;
  /** Tells that a saved execution will not be restored any more: codes are forgotten only when none is left. */
  drop(): void;

  /** Resident state: puts a value in place, outside any execution. */
  seed(key: Uint8Array, word: Uint8Array): void;
  /** Resident state: keeps what the execution that is done has written. */
  commit(): void;
  /** Resident state: what the kernel holds for a key; undefined when nothing. */
  peek(key: Uint8Array): Uint8Array | undefined;
  /**
   * Resident state, without trace: takes a batch of `count` packed transactions or calls, one behind the other, at most
   * MAX_BATCH; an execution that was under way is dropped.
   */
  beginBatch(packed: Uint8Array, count: number): void;
  /**
   * Runs and commits them in order, each as `run` and `commit` would. `done`: all of them. Otherwise the status is that of
   * the one behind those that are done: after `miss` supply the code and run again; after `limit` begin what is left as
   * a batch of its own (room for logs is shared), and when nothing was done it is that transaction's own limit.
   */
  runBatch(): RunStatus;
  /** Transactions of the batch whose outcome is there; until the next `begin`, `beginBatch` or the like. */
  batchDone(): number;
  /** Outcome of one of them, return data excepted: nothing of it is kept. */
  batchOutcome(index: number): KernelOutcome;
  /** Where their outcomes stand (OUTCOME_BYTES each, RESULT_* of the layout): for hosts that make no objects. */
  batchOutcomesAt(): number;
  /** Forgets all state, resident or not; code stays. */
  reset(): void;

  /** Puts a compiled function in charge of a code under the current rules. Frames under way keep their tier. */
  install(entry: number, compiled: unknown): void;
  /** Sends a code back to the interpreter. Frames under way keep their tier. */
  uninstall(entry: number): void;
  /** Codes fill most of their region: they are forgotten at the next `begin` without saved executions. */
  readonly isCrowded: boolean;
  /** How often all codes were forgotten: entries of another epoch name nothing any more. */
  readonly codeEpoch: number;
  /** Whether an entry is of initcode, which ends with its frame. */
  isInitcode(entry: number): boolean;
  codes(): CodeStats[];
  /** Gas that the interpreter has used since the kernel was made: none where all code is compiled. */
  interpretedGas(): bigint;
  /** Bytes of code by entry (view). */
  codeOf(entry: number): Uint8Array;
}
