/** One execution under way: what it was asked, what it has waited for, and where its frames are. */
import type { BlockContext, ExecuteOptions, ExecutionResult, StateView } from "@velarium/engine";
import { bytesToMapKey } from "@velarium/engine";
import type { Kernel, Miss, SavedExecution } from "@velarium/evm-kernel";

export class Execution {
  readonly context: BlockContext;
  readonly state: StateView;
  readonly options: ExecuteOptions;
  /** Puts the beginning into the kernel. */
  readonly begin: (kernel: Kernel) => void;
  /** Does the same on the reference engine. */
  readonly fallback: () => Promise<ExecutionResult> | ExecutionResult;
  /** Frames outside the kernel's memory; undefined while they are inside, or when they were given up. */
  saved: SavedExecution | undefined;
  /** Set when the frames were given up: the execution begins again. */
  isLost = false;
  private fetched: Map<string, Uint8Array> | undefined;

  constructor(
    context: BlockContext,
    state: StateView,
    options: ExecuteOptions,
    begin: (kernel: Kernel) => void,
    fallback: () => Promise<ExecutionResult> | ExecutionResult,
  ) {
    this.context = context;
    this.state = state;
    this.options = options;
    this.begin = begin;
    this.fallback = fallback;
  }

  /** What `miss` lacks, if it is at hand. */
  atHand(miss: Miss): Uint8Array | undefined {
    if (miss.kind === "slot") return this.state.read(miss.key) ?? this.fetched?.get(bytesToMapKey(miss.key));
    return this.state.codeByPrefix(miss.prefix) ?? this.fetched?.get(bytesToMapKey(miss.prefix));
  }

  /** Waits for what `miss` lacks, and keeps it. */
  async fetch(miss: Miss): Promise<Uint8Array> {
    const name = bytesToMapKey(miss.kind === "slot" ? miss.key : miss.prefix);
    const value = await (miss.kind === "slot"
      ? this.state.fetch(miss.key)
      : this.state.fetchCode(miss.prefix));
    this.fetched ??= new Map();
    this.fetched.set(name, value);
    return value;
  }
}
