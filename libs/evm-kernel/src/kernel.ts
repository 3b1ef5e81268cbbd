/** The host side of the kernel: puts values into linear memory, runs, reads results out. */
import { randomBytes } from "node:crypto";
import type { BlockRules } from "@velarium/chain-rules";
import type { AccessColumns, BlockContext, ExecutableTransaction } from "@velarium/engine";
import { SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";
import * as L from "../assembly/layout.ts";
import { writeBlockContext } from "./block-context.ts";
import { Codes } from "./codes.ts";
import { writeRules } from "./fork-tables.ts";
import { compiledImports } from "./imports.ts";
import { type Heap, LinearMemory } from "./linear-memory.ts";
import { packedBytes, writeCall, writeTransaction } from "./pack.ts";
import { readEffects, readOutcome } from "./results.ts";
import { restoreRanges, saveRanges } from "./saved-executions.ts";
import { SlotColumns } from "./slot-columns.ts";
import type {
  BeginOptions,
  CodeStats,
  Kernel,
  KernelCall,
  KernelEffects,
  KernelOptions,
  KernelOutcome,
  Miss,
  RunStatus,
  SavedExecution,
} from "./types.ts";
import { instantiate, KernelError, type KernelExports, kernelModule } from "./wasm.ts";

const SECRET_BYTES = 80;
/** Numbers of records have 20 bits. */
const MAX_RECORDS = 2 ** 20;
const SYSTEM_CALL_GAS = 30_000_000;
const SYSTEM_CALLER = new Uint8Array(20).fill(0xff);
SYSTEM_CALLER[19] = 0xfe;

/** By RUN_*. */
const RUN_STATUS: Readonly<Record<number, RunStatus>> = {
  [L.RUN_DONE]: "done",
  [L.RUN_MISS]: "miss",
  [L.RUN_LIMIT]: "limit",
  [L.RUN_LEARNED]: "learned",
};

function statusOf(run: number): RunStatus {
  const status = RUN_STATUS[run];
  if (status === undefined) throw new KernelError("state", "the kernel stopped without a status");
  return status;
}

/** A power of two of at least `n`. */
function powerOfTwo(n: number): number {
  let power = 64;
  while (power < n) power *= 2;
  return power;
}

class WasmKernel implements Kernel {
  readonly imports: Readonly<Record<string, unknown>>;
  private readonly exports: KernelExports;
  private readonly options: KernelOptions;
  private readonly linear: LinearMemory;
  private readonly codeRegion: Codes;
  private readonly slots: SlotColumns;
  private rules: BlockRules | undefined;
  private collected = 0;
  private saved = 0;
  private readonly inputAt: number;
  private readonly inputEnd: number;
  private readonly blockAt: number;

  constructor(options: KernelOptions) {
    this.options = options;
    this.exports = instantiate(kernelModule(options.trace === undefined ? "plain" : "traced"), {
      env: {
        abort: () => {
          throw new KernelError("state", "the kernel aborted");
        },
      },
      host: {
        precompile: this.precompile,
        prepare: (entry: number) => options.prepare?.(entry, this.rules!),
        trace: this.trace,
      },
    });
    const kernel = this.exports;
    const codeBytes = options.codeBytes ?? 128 * 2 ** 20;
    const fits = kernel.init(
      Math.min(options.accounts ?? 2 ** 17, MAX_RECORDS),
      Math.min(options.slots ?? 2 ** 19, MAX_RECORDS),
      codeBytes,
      powerOfTwo(options.keccakMemo ?? 2 ** 14),
      options.memoryBytes ?? 1280 * 2 ** 20,
      (options.missing ?? "suspend") === "zero",
    );
    if (!fits) throw new KernelError("memory", "the kernel's tables do not fit the address space");
    this.linear = new LinearMemory(kernel.memory);
    this.codeRegion = new Codes(kernel, this.linear, codeBytes);
    this.slots = new SlotColumns(kernel, this.linear);
    this.heap.bytes.set(options.seed ?? randomBytes(SECRET_BYTES), kernel.scratch());
    kernel.secret(kernel.scratch());
    this.inputAt = kernel.input();
    this.inputEnd = kernel.inputEnd();
    this.blockAt = kernel.block();
    this.imports = compiledImports(kernel);
    kernel.setPrepares(options.prepare !== undefined);
  }

  get memory(): { readonly buffer: ArrayBuffer } {
    return this.exports.memory;
  }

  private get heap(): Heap {
    return this.linear.heap;
  }

  private readonly precompile = (
    id: number,
    input: number,
    size: number,
    gas: number,
    output: number,
    room: number,
  ): number => {
    const result = this.options.precompile(id, this.heap.bytes.subarray(input, input + size), gas);
    if (result === undefined || result.gas > gas) return -1;
    if (result.output.length > room) return -2;
    this.heap.bytes.set(result.output, output);
    this.exports.precompileOutput(result.output.length);
    return result.gas;
  };

  private readonly trace = (at: number, size: number): boolean => {
    return this.options.trace!.write(this.heap.bytes.subarray(at, at + size));
  };

  setBlock(context: BlockContext): void {
    const { rules } = context;
    if (rules !== this.rules) {
      writeRules(this.exports, this.heap.view, rules);
      this.rules = rules;
    }
    writeBlockContext(this.heap, this.blockAt, context);
  }

  /** Sees to it that there is room for `bytes` of packed transactions, and for codes. */
  private makeRoom(bytes: number): void {
    if (this.rules === undefined) throw new KernelError("state", "setBlock comes before begin");
    if (this.inputAt + bytes > this.inputEnd)
      throw new KernelError("memory", `${bytes} bytes of transactions do not fit the kernel's input`);
    if (this.saved === 0) {
      if (this.isCrowded && this.options.missing !== "zero") this.codeRegion.forget();
      this.codeRegion.freeRetired();
    }
    this.collected = 0;
  }

  /** Begins an execution whose packed form takes `bytes`. */
  private open(bytes: number): void {
    this.makeRoom(bytes);
    this.exports.begin();
    if (this.options.trace !== undefined) this.exports.startTrace();
  }

  get isCrowded(): boolean {
    return this.codeRegion.isCrowded;
  }

  get codeEpoch(): number {
    return this.codeRegion.epoch;
  }

  isInitcode(entry: number): boolean {
    return this.codeRegion.isInitcode(entry);
  }

  begin(transaction: ExecutableTransaction, options: BeginOptions = {}): void {
    this.open(packedBytes(transaction));
    writeTransaction(this.heap, this.inputAt, transaction, options);
  }

  beginPacked(packed: Uint8Array): void {
    this.open(packed.length);
    this.heap.bytes.set(packed, this.inputAt);
  }

  beginInPlace(bytes: number): number {
    this.open(bytes);
    return this.inputAt;
  }

  beginPackedWords(packed: Uint32Array, from: number, count: number): void {
    this.open(count * 4);
    const { words } = this.heap;
    const to = this.inputAt >> 2;
    for (let i = 0; i < count; i++) words[to + i] = packed[from + i]!;
  }

  beginCall(call: KernelCall): void {
    this.open(packedBytes(call));
    writeCall(this.heap, this.inputAt, call, false);
  }

  beginSystemCall(call: { readonly address: Uint8Array; readonly data: Uint8Array }): void {
    const { address, data } = call;
    this.open(packedBytes({ data }));
    const whole = { caller: SYSTEM_CALLER, to: address, data, gasLimit: SYSTEM_CALL_GAS };
    writeCall(this.heap, this.inputAt, whole, true);
  }

  preload(count: number, keys: Uint8Array, words: Uint8Array, kinds?: Uint8Array): void {
    this.slots.put(count, keys, words, kinds);
  }

  declare(count: number, keys: Uint8Array, kinds: Uint8Array): void {
    this.slots.put(count, keys, undefined, kinds);
  }

  preloadColumns(
    first: number,
    end: number,
    keyWords: Uint32Array,
    valueWords: Uint32Array | undefined,
    kinds: Uint8Array,
  ): void {
    this.slots.putWords(first, end, keyWords, valueWords, kinds);
  }

  run(): RunStatus {
    return statusOf(this.exports.run());
  }

  miss(): Miss {
    const at = this.exports.missAt();
    const key = at + L.MISS_KEY;
    const opcode = this.heap.view.getUint32(at + L.MISS_OPCODE, true);
    return this.heap.view.getUint32(at + L.MISS_KIND, true) === L.MISS_CODE
      ? { kind: "code", opcode, prefix: this.heap.bytes.slice(key, key + 28) }
      : { kind: "slot", opcode, key: this.heap.bytes.slice(key, key + SLOT_KEY_BYTES) };
  }

  missAt(): number {
    return this.exports.missAt();
  }

  supplySlot(words: Uint8Array, at = 0): void {
    const to = this.exports.scratch();
    const { bytes } = this.heap;
    for (let i = 0; i < WORD_BYTES; i++) bytes[to + i] = words[at + i]!;
    this.exports.supply(to);
  }

  supplyCode(code: Uint8Array): void {
    const entry = this.codeRegion.enter(code);
    if (entry === 0) {
      this.exports.giveUp();
      return;
    }
    const wanted = this.exports.missAt() + L.MISS_KEY;
    const { bytes } = this.heap;
    for (let i = 0; i < 28; i++)
      if (bytes[entry + L.CODE_HASH + i] !== bytes[wanted + i])
        throw new KernelError("code-mismatch", "the code supplied does not have the hash asked for");
  }

  addCode(code: Uint8Array): number {
    const entry = this.codeRegion.enter(code);
    if (entry === 0) throw new KernelError("memory", "the kernel's code region is full");
    return entry;
  }

  outcome(): KernelOutcome {
    return readOutcome(this.heap.bytes, this.heap.view, this.exports.result());
  }

  effects(): KernelEffects {
    return this.columnsOf(this.reportsAttempts);
  }

  attempts(): AccessColumns {
    return this.columnsOf(true).accesses;
  }

  collect(): number {
    this.collectAs(this.reportsAttempts);
    return this.exports.result();
  }

  resultAt(): number {
    return this.exports.result();
  }

  relate(): number {
    this.collected = 0;
    return this.exports.relate();
  }

  private get reportsAttempts(): boolean {
    return (this.heap.view.getUint32(this.inputAt + L.TX_FLAGS, true) & L.TXFLAG_REPORT_ATTEMPTS) !== 0;
  }

  private columnsOf(attempts: boolean): KernelEffects {
    this.collectAs(attempts);
    return readEffects(this.heap.bytes, this.heap.view, this.exports.result());
  }

  private collectAs(attempts: boolean): void {
    const wanted = attempts ? 2 : 1;
    if (this.collected !== wanted) {
      if (!this.exports.collect(attempts))
        throw new KernelError("memory", "no room for the columns of a result");
      this.collected = wanted;
    }
  }

  save(): SavedExecution {
    const list = this.exports.ranges();
    const saved = saveRanges(this.heap, list, this.exports.rangesCount());
    this.saved++;
    return saved;
  }

  restore(saved: SavedExecution): void {
    restoreRanges(this.heap, saved);
    this.exports.restored();
    this.collected = 0;
  }

  drop(): void {
    if (this.saved > 0) this.saved--;
  }

  seed(key: Uint8Array, word: Uint8Array): void {
    const at = this.exports.scratch();
    this.heap.bytes.set(key, at);
    this.heap.bytes.set(word, at + 64);
    this.exports.seed(at, at + 64);
  }

  commit(): void {
    this.exports.commit();
  }

  beginBatch(packed: Uint8Array, count: number): void {
    if (this.options.missing !== "zero" || this.options.trace !== undefined)
      throw new KernelError("state", "batches run in resident state, and without a trace");
    if (count > L.MAX_BATCH)
      throw new KernelError("memory", `a batch has at most ${L.MAX_BATCH} transactions, not ${count}`);
    this.makeRoom(packed.length);
    this.heap.bytes.set(packed, this.inputAt);
    this.exports.openBatch(count, this.inputAt + packed.length);
  }

  runBatch(): RunStatus {
    return statusOf(this.exports.runBatch());
  }

  batchDone(): number {
    return this.exports.batchDone();
  }

  batchOutcome(index: number): KernelOutcome {
    if (index >= this.exports.batchDone())
      throw new KernelError("state", `transaction ${index} of the batch is not done`);
    return readOutcome(
      this.heap.bytes,
      this.heap.view,
      this.batchOutcomesAt() + index * L.OUTCOME_BYTES,
      false,
    );
  }

  batchOutcomesAt(): number {
    return this.exports.outcomes();
  }

  peek(key: Uint8Array): Uint8Array | undefined {
    const at = this.exports.scratch();
    this.heap.bytes.set(key, at);
    return this.exports.peek(at, at + 64) ? this.heap.bytes.slice(at + 64, at + 64 + WORD_BYTES) : undefined;
  }

  reset(): void {
    this.exports.clearState();
  }

  install(entry: number, compiled: unknown): void {
    this.codeRegion.install(entry, compiled);
  }

  uninstall(entry: number): void {
    if (!this.codeRegion.uninstall(entry)) return;
    // Whoever prepares codes is asked again.
    if (this.options.prepare !== undefined) this.heap.view.setUint32(entry + L.CODE_RULES, 0, true);
  }

  codes(): CodeStats[] {
    return this.codeRegion.stats();
  }

  interpretedGas(): bigint {
    return this.exports.interpretedGas();
  }

  codeOf(entry: number): Uint8Array {
    return this.codeRegion.bytesOf(entry);
  }
}

/** A kernel with a memory of its own. Throws KernelError. */
export function createKernel(options: KernelOptions): Kernel {
  return new WasmKernel(options);
}
