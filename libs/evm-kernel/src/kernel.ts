/** The host side of the kernel: puts values into linear memory, runs, reads results out. */
import { randomBytes } from "node:crypto";
import type { BlockRules } from "@velarium/chain-rules";
import type { AccessColumns, BlockContext, ExecutableTransaction } from "@velarium/engine";
import { AccessKind, KEY_WORDS, SLOT_KEY_BYTES, VALUE_WORDS, WORD_BYTES } from "@velarium/slots";
import * as L from "../assembly/layout.ts";
import { writeRules } from "./fork-tables.ts";
import { compiledImports } from "./imports.ts";
import { type Heap, heapOf, packedBytes, writeCall, writeTransaction } from "./pack.ts";
import { readEffects, readOutcome } from "./results.ts";
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
  private heap!: Uint8Array;
  private view!: DataView;
  private views!: Heap;
  private rules: BlockRules | undefined;
  private collected = 0;
  private saved = 0;
  private readonly codeLimit: number;
  private readonly inputAt: number;
  private readonly inputEnd: number;
  private readonly blockAt: number;
  /** Places in the table of functions: of those in charge, by the entry of their code... */
  private readonly functions = new Map<number, number>();
  /** ... of those in charge no more, which frames under way may still run... */
  private retiredPlaces: number[] = [];
  /** ... and empty ones. */
  private readonly freePlaces: number[] = [];
  private epoch = 0;

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
    this.codeLimit = options.codeBytes ?? 128 * 2 ** 20;
    const fits = kernel.init(
      Math.min(options.accounts ?? 2 ** 17, MAX_RECORDS),
      Math.min(options.slots ?? 2 ** 19, MAX_RECORDS),
      this.codeLimit,
      powerOfTwo(options.keccakMemo ?? 2 ** 14),
      options.memoryBytes ?? 1280 * 2 ** 20,
      (options.missing ?? "suspend") === "zero",
    );
    if (!fits) throw new KernelError("memory", "the kernel's tables do not fit the address space");
    this.follow();
    this.heap.set(options.seed ?? randomBytes(SECRET_BYTES), kernel.scratch());
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

  /** Views follow the memory: those of one that has grown since are empty. */
  private refresh(): void {
    if (this.heap.length === 0) this.follow();
  }

  private follow(): void {
    this.views = heapOf(this.exports.memory.buffer);
    this.heap = this.views.bytes;
    this.view = this.views.view;
  }

  private readonly precompile = (
    id: number,
    input: number,
    size: number,
    gas: number,
    output: number,
    room: number,
  ): number => {
    this.refresh();
    const result = this.options.precompile(id, this.heap.subarray(input, input + size), gas);
    if (result === undefined || result.gas > gas) return -1;
    if (result.output.length > room) return -2;
    this.refresh();
    this.heap.set(result.output, output);
    this.exports.precompileOutput(result.output.length);
    return result.gas;
  };

  private readonly trace = (at: number, size: number): boolean => {
    this.refresh();
    return this.options.trace!.write(this.heap.subarray(at, at + size));
  };

  setBlock(context: BlockContext): void {
    this.refresh();
    const { rules } = context;
    if (rules !== this.rules) {
      writeRules(this.exports, this.view, rules);
      this.rules = rules;
    }
    const at = this.blockAt;
    this.putBytes(at + L.BLOCK_COINBASE, context.beneficiary);
    this.putNumber(at + L.BLOCK_TIMESTAMP, BigInt(context.timestamp));
    this.putNumber(at + L.BLOCK_NUMBER, BigInt(context.number));
    if (rules.header.prevRandao) this.putBytes(at + L.BLOCK_RANDAO, context.prevRandao);
    else this.putNumber(at + L.BLOCK_RANDAO, context.difficulty);
    this.putNumber(at + L.BLOCK_GAS_LIMIT, context.exactGasLimit ?? BigInt(context.gasLimit));
    this.putNumber(at + L.BLOCK_CHAIN_ID, BigInt(rules.chainId));
    this.putNumber(at + L.BLOCK_BASE_FEE, context.baseFee);
    this.putNumber(at + L.BLOCK_BLOB_BASE_FEE, context.blobBaseFee);
  }

  /** A number as a word: limbs, low first. */
  private putNumber(at: number, value: bigint): void {
    for (let i = 0; i < 4; i++)
      this.view.setBigUint64(at + 8 * i, BigInt.asUintN(64, value >> BigInt(64 * i)), true);
  }

  /** Big-endian bytes, at most 32, as a word. */
  private putBytes(at: number, bytes: Uint8Array): void {
    this.heap.fill(0, at, at + WORD_BYTES);
    for (let i = 0; i < bytes.length; i++) this.heap[at + i] = bytes[bytes.length - 1 - i]!;
  }

  /** Sees to it that there is room for `bytes` of packed transactions, and for codes. */
  private makeRoom(bytes: number): void {
    if (this.rules === undefined) throw new KernelError("state", "setBlock comes before begin");
    if (this.inputAt + bytes > this.inputEnd)
      throw new KernelError("memory", `${bytes} bytes of transactions do not fit the kernel's input`);
    this.refresh();
    if (this.saved === 0 && this.isCrowded) this.forgetCodes();
    if (this.saved === 0 && this.retiredPlaces.length > 0) this.freeRetired();
    this.collected = 0;
  }

  /** Begins an execution whose packed form takes `bytes`. */
  private open(bytes: number): void {
    this.makeRoom(bytes);
    this.exports.begin();
    if (this.options.trace !== undefined) this.exports.startTrace();
  }

  get isCrowded(): boolean {
    return this.exports.codeBytesUsed() > this.codeLimit - this.codeLimit / 4;
  }

  /** Drops all codes with their compiled functions; records of resident state resolve theirs anew. */
  private forgetCodes(): void {
    if (this.options.missing === "zero") return;
    for (const place of this.functions.values()) this.retiredPlaces.push(place);
    this.functions.clear();
    this.exports.forgetCodes();
    this.epoch++;
  }

  /** Nothing is under way: functions that are in charge no more are let go. */
  private freeRetired(): void {
    for (const place of this.retiredPlaces) {
      this.exports.table.set(place, null);
      this.freePlaces.push(place);
    }
    this.retiredPlaces = [];
  }

  get codeEpoch(): number {
    return this.epoch;
  }

  isInitcode(entry: number): boolean {
    return this.exports.isTemporary(entry) !== 0;
  }

  begin(transaction: ExecutableTransaction, options: BeginOptions = {}): void {
    this.open(packedBytes(transaction));
    writeTransaction(this.views, this.inputAt, transaction, options);
  }

  beginPacked(packed: Uint8Array): void {
    this.open(packed.length);
    this.heap.set(packed, this.inputAt);
  }

  beginInPlace(bytes: number): number {
    this.open(bytes);
    return this.inputAt;
  }

  beginPackedWords(packed: Uint32Array, from: number, count: number): void {
    this.open(count * 4);
    const { words } = this.views;
    const to = this.inputAt >> 2;
    for (let i = 0; i < count; i++) words[to + i] = packed[from + i]!;
  }

  beginCall(call: KernelCall): void {
    this.open(packedBytes(call));
    writeCall(this.views, this.inputAt, call, false);
  }

  beginSystemCall(call: { readonly address: Uint8Array; readonly data: Uint8Array }): void {
    const { address, data } = call;
    this.open(packedBytes({ data }));
    const whole = { caller: SYSTEM_CALLER, to: address, data, gasLimit: SYSTEM_CALL_GAS };
    writeCall(this.views, this.inputAt, whole, true);
  }

  preload(count: number, keys: Uint8Array, words: Uint8Array, kinds?: Uint8Array): void {
    this.columns(count, keys, words, kinds);
  }

  declare(count: number, keys: Uint8Array, kinds: Uint8Array): void {
    this.columns(count, keys, undefined, kinds);
  }

  private columns(
    count: number,
    keys: Uint8Array,
    words: Uint8Array | undefined,
    kinds: Uint8Array | undefined,
  ) {
    if (count === 0) return;
    this.refresh();
    const keysAt = this.exports.scratch();
    const wordsAt = keysAt + count * SLOT_KEY_BYTES;
    const kindsAt = wordsAt + count * WORD_BYTES;
    this.checkScratch(count, kindsAt + count);
    this.heap.set(keys.subarray(0, count * SLOT_KEY_BYTES), keysAt);
    if (words !== undefined) this.heap.set(words.subarray(0, count * WORD_BYTES), wordsAt);
    if (kinds !== undefined) this.heap.set(kinds.subarray(0, count), kindsAt);
    this.exports.preload(count, keysAt, words === undefined ? 0 : wordsAt, kinds === undefined ? 0 : kindsAt);
  }

  preloadColumns(
    first: number,
    end: number,
    keyWords: Uint32Array,
    valueWords: Uint32Array | undefined,
    kinds: Uint8Array,
  ): void {
    const count = end - first;
    this.refresh();
    const keysAt = this.exports.scratch();
    const wordsAt = keysAt + count * SLOT_KEY_BYTES;
    const kindsAt = wordsAt + (valueWords === undefined ? 0 : count * WORD_BYTES);
    this.checkScratch(count, kindsAt + count);
    const { words, bytes } = this.views;
    let to = keysAt >> 2;
    for (let i = first * KEY_WORDS, last = end * KEY_WORDS; i < last; i++) words[to++] = keyWords[i]!;
    if (valueWords !== undefined)
      for (let i = first * VALUE_WORDS, last = end * VALUE_WORDS; i < last; i++) words[to++] = valueWords[i]!;
    for (let i = 0; i < count; i++) {
      const kind = kinds[first + i]!;
      bytes[kindsAt + i] = kind === AccessKind.H ? AccessKind.R : kind;
    }
    this.exports.preload(count, keysAt, valueWords === undefined ? 0 : wordsAt, kindsAt);
  }

  private checkScratch(count: number, end: number): void {
    if (end > this.inputEnd)
      throw new KernelError("memory", `${count} slots at once do not fit the kernel's input`);
  }

  run(): RunStatus {
    return statusOf(this.exports.run());
  }

  miss(): Miss {
    this.refresh();
    const at = this.exports.missAt();
    const key = at + L.MISS_KEY;
    const opcode = this.view.getUint32(at + L.MISS_OPCODE, true);
    return this.view.getUint32(at + L.MISS_KIND, true) === L.MISS_CODE
      ? { kind: "code", opcode, prefix: this.heap.slice(key, key + 28) }
      : { kind: "slot", opcode, key: this.heap.slice(key, key + SLOT_KEY_BYTES) };
  }

  missAt(): number {
    return this.exports.missAt();
  }

  supplySlot(words: Uint8Array, at = 0): void {
    this.refresh();
    const to = this.exports.scratch();
    const { heap } = this;
    for (let i = 0; i < WORD_BYTES; i++) heap[to + i] = words[at + i]!;
    this.exports.supply(to);
  }

  supplyCode(code: Uint8Array): void {
    const entry = this.enterCode(code);
    if (entry === 0) {
      this.exports.giveUp();
      return;
    }
    const wanted = this.exports.missAt() + L.MISS_KEY;
    for (let i = 0; i < 28; i++)
      if (this.heap[entry + L.CODE_HASH + i] !== this.heap[wanted + i])
        throw new KernelError("code-mismatch", "the code supplied does not have the hash asked for");
  }

  addCode(code: Uint8Array): number {
    const entry = this.enterCode(code);
    if (entry === 0) throw new KernelError("memory", "the kernel's code region is full");
    return entry;
  }

  /** The entry of a code; 0 when there is no room. */
  private enterCode(code: Uint8Array): number {
    this.refresh();
    const at = this.exports.scratch();
    if (at + code.length > this.inputEnd)
      throw new KernelError("memory", `code of ${code.length} bytes does not fit the kernel's input`);
    this.heap.set(code, at);
    return this.exports.addCode(at, code.length);
  }

  outcome(): KernelOutcome {
    this.refresh();
    return readOutcome(this.heap, this.view, this.exports.result());
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
    return (this.view.getUint32(this.inputAt + L.TX_FLAGS, true) & L.TXFLAG_REPORT_ATTEMPTS) !== 0;
  }

  private columnsOf(attempts: boolean): KernelEffects {
    this.collectAs(attempts);
    return readEffects(this.heap, this.view, this.exports.result());
  }

  private collectAs(attempts: boolean): void {
    const wanted = attempts ? 2 : 1;
    if (this.collected !== wanted) {
      if (!this.exports.collect(attempts))
        throw new KernelError("memory", "no room for the columns of a result");
      this.collected = wanted;
    }
    this.refresh();
  }

  save(): SavedExecution {
    const list = this.exports.ranges();
    const count = this.exports.rangesCount();
    this.refresh();
    let total = 8 + count * 8;
    for (let i = 0; i < count; i++) total += this.view.getUint32(list + 8 * i + 4, true);
    const bytes = new Uint8Array(total);
    const header = new DataView(bytes.buffer);
    header.setUint32(0, count, true);
    let at = 8 + count * 8;
    for (let i = 0; i < count; i++) {
      const from = this.view.getUint32(list + 8 * i, true);
      const size = this.view.getUint32(list + 8 * i + 4, true);
      header.setUint32(8 + 8 * i, from, true);
      header.setUint32(12 + 8 * i, size, true);
      bytes.set(this.heap.subarray(from, from + size), at);
      at += size;
    }
    this.saved++;
    return { bytes };
  }

  restore(saved: SavedExecution): void {
    const { bytes } = saved;
    const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const count = header.getUint32(0, true);
    this.refresh();
    let at = 8 + count * 8;
    for (let i = 0; i < count; i++) {
      const to = header.getUint32(8 + 8 * i, true);
      const size = header.getUint32(12 + 8 * i, true);
      if (size > 0) this.heap.set(bytes.subarray(at, at + size), to);
      at += size;
    }
    this.exports.restored();
    this.collected = 0;
  }

  drop(): void {
    if (this.saved > 0) this.saved--;
  }

  seed(key: Uint8Array, word: Uint8Array): void {
    this.refresh();
    const at = this.exports.scratch();
    this.heap.set(key, at);
    this.heap.set(word, at + 64);
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
    this.heap.set(packed, this.inputAt);
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
    this.refresh();
    return readOutcome(this.heap, this.view, this.batchOutcomesAt() + index * L.OUTCOME_BYTES, false);
  }

  batchOutcomesAt(): number {
    return this.exports.outcomes();
  }

  peek(key: Uint8Array): Uint8Array | undefined {
    this.refresh();
    const at = this.exports.scratch();
    this.heap.set(key, at);
    return this.exports.peek(at, at + 64) ? this.heap.slice(at + 64, at + 64 + WORD_BYTES) : undefined;
  }

  reset(): void {
    this.exports.clearState();
  }

  install(entry: number, compiled: unknown): void {
    if (!this.exports.ready(entry)) throw new KernelError("memory", "the kernel's code region is full");
    const { table } = this.exports;
    const place = this.freePlaces.pop() ?? table.grow(1);
    table.set(place, compiled);
    this.retire(entry);
    // The entry of initcode ends with its frame.
    if (this.isInitcode(entry)) this.retiredPlaces.push(place);
    else this.functions.set(entry, place);
    this.refresh();
    this.view.setUint32(entry + L.CODE_FUNCTION, place, true);
  }

  uninstall(entry: number): void {
    if (!this.retire(entry)) return;
    this.refresh();
    this.view.setUint32(entry + L.CODE_FUNCTION, 0, true);
    // Whoever prepares codes is asked again.
    if (this.options.prepare !== undefined) this.view.setUint32(entry + L.CODE_RULES, 0, true);
  }

  /** Takes the function from a code. False when it had none. */
  private retire(entry: number): boolean {
    const place = this.functions.get(entry);
    if (place === undefined) return false;
    this.functions.delete(entry);
    this.retiredPlaces.push(place);
    return true;
  }

  codes(): CodeStats[] {
    this.refresh();
    const stats: CodeStats[] = [];
    const { view } = this;
    for (
      let entry = this.exports.firstCodeEntry();
      entry !== 0;
      entry = view.getUint32(entry + L.CODE_NEXT, true)
    )
      stats.push({
        hash: this.heap.slice(entry + L.CODE_HASH, entry + L.CODE_HASH + 32),
        bytes: view.getUint32(entry + L.CODE_BYTES, true),
        entry,
        calls: Number(view.getBigUint64(entry + L.CODE_CALLS, true)),
        interpreted: Number(view.getBigUint64(entry + L.CODE_INTERPRETED, true)),
        gas: Number(view.getBigUint64(entry + L.CODE_GAS, true)),
        compiled: view.getUint32(entry + L.CODE_FUNCTION, true) !== 0,
      });
    return stats;
  }

  interpretedGas(): bigint {
    return this.exports.interpretedGas();
  }

  codeOf(entry: number): Uint8Array {
    this.refresh();
    const at = this.view.getUint32(entry + L.CODE_AT, true);
    return this.heap.subarray(at, at + this.view.getUint32(entry + L.CODE_BYTES, true));
  }
}

/** A kernel with a memory of its own. Throws KernelError. */
export function createKernel(options: KernelOptions): Kernel {
  return new WasmKernel(options);
}
