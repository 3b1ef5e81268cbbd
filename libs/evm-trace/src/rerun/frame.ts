/** A call frame that is run again: its stack, memory and gas. */
import { type Opcode, opcodeTableOf } from "@velarium/evm-opcodes";
import { TraceError } from "../error.ts";
import { Failure } from "../layout.ts";

/** What a frame is given. Addresses are numbers below 2^160. */
export interface FrameInput {
  readonly depth: number;
  /** Opcode of the call or creation. */
  readonly op: number;
  readonly code: Uint8Array;
  readonly input: Uint8Array;
  readonly address: bigint;
  readonly caller: bigint;
  readonly value: bigint;
  readonly isStatic: boolean;
  readonly gas: bigint;
  /** Where the parent wants the output. */
  readonly out: { readonly offset: number; readonly size: number };
}

export const NO_BYTES = new Uint8Array(0);
/** No gas pays for memory from here on: 2^32 words cost 2^55. */
const BEYOND = 1n << 37n;
/** As much as a kernel has for all frames together. */
const MAX_MEMORY_BYTES = 1280 * 2 ** 20;

/** How a frame ends by itself. */
export interface Ending {
  readonly failure: Failure;
  readonly output: Uint8Array;
}

export class RerunFrame {
  readonly given: FrameInput;
  readonly stack: bigint[] = [];
  pc = 0;
  gas: bigint;
  memoryWords = 0;
  /** Of the last callee. */
  returnData: Uint8Array = NO_BYTES;
  /** Set by the opcode that ends the frame. */
  ending: Ending | undefined;
  /** What the last opcode wrote to memory. */
  writtenAt = 0;
  writtenBytes = 0;
  /** Refund, and writes to transient storage, when it began. */
  readonly refund: bigint;
  readonly transientMark: number;
  private memory: Uint8Array = NO_BYTES;
  private view = new DataView(NO_BYTES.buffer);
  private readonly jumps: Uint8Array;

  constructor(given: FrameInput, refund: bigint, transientMark: number, jumps: Uint8Array) {
    this.given = given;
    this.gas = given.gas;
    this.refund = refund;
    this.transientMark = transientMark;
    this.jumps = jumps;
  }

  pop(): bigint {
    return this.stack.pop()!;
  }

  push(word: bigint): void {
    this.stack.push(word);
  }

  isJumpdest(pc: bigint): boolean {
    return pc < BigInt(this.jumps.length) && this.jumps[Number(pc)] === 1;
  }

  /** False when it cannot be paid. */
  pay(gas: bigint): boolean {
    this.gas -= gas;
    return this.gas >= 0n;
  }

  /** Pays for memory up to the end of a range, and makes it. */
  expand(offset: bigint, size: bigint): boolean {
    if (size === 0n) return true;
    if (offset >= BEYOND || size >= BEYOND) return false;
    const words = (offset + size + 31n) / 32n;
    const have = BigInt(this.memoryWords);
    if (words <= have) return true;
    if (!this.pay(memoryGas(words) - memoryGas(have))) return false;
    this.grow(offset, size);
    return true;
  }

  /** Makes memory that was paid for otherwise. @throws TraceError `limit` */
  grow(offset: bigint, size: bigint): void {
    if (size === 0n) return;
    const words = Number((offset + size + 31n) / 32n);
    if (words <= this.memoryWords) return;
    if (words * 32 > MAX_MEMORY_BYTES) throw new TraceError("limit", `a frame has ${words} words of memory`);
    this.memoryWords = words;
    if (words * 32 <= this.memory.length) return;
    const grown = new Uint8Array(Math.max(words * 32, this.memory.length * 2));
    grown.set(this.memory);
    this.memory = grown;
    this.view = new DataView(grown.buffer);
  }

  /** A copy of a range that is there. */
  bytesAt(offset: bigint, size: bigint): Uint8Array {
    return size === 0n ? NO_BYTES : this.memory.slice(Number(offset), Number(offset + size));
  }

  wordAt(offset: number): bigint {
    let word = 0n;
    for (let at = offset; at < offset + 32; at += 8) word = (word << 64n) | this.view.getBigUint64(at);
    return word;
  }

  /** Writes `from` from `start` on, zeros behind its end, to a range that is there. */
  copyIn(offset: bigint, from: Uint8Array, start: bigint, size: bigint): void {
    const [at, bytes] = [Number(offset), Number(size)];
    const part =
      start >= BigInt(from.length) ? NO_BYTES : from.subarray(Number(start), Number(start) + bytes);
    this.memory.set(part, at);
    this.memory.fill(0, at + part.length, at + bytes);
    this.noteWritten(at, bytes);
  }

  storeWord(offset: number, word: bigint): void {
    for (let limb = 0; limb < 4; limb++)
      this.view.setBigUint64(offset + 8 * limb, (word >> BigInt(192 - 64 * limb)) & 0xffffffffffffffffn);
    this.noteWritten(offset, 32);
  }

  storeByte(offset: number, byte: number): void {
    this.memory[offset] = byte;
    this.noteWritten(offset, 1);
  }

  /** What the last opcode wrote, once. */
  takeWritten(): { offset: number; bytes: Uint8Array } | undefined {
    const { writtenAt: offset, writtenBytes } = this;
    if (writtenBytes === 0) return undefined;
    this.writtenBytes = 0;
    return { offset, bytes: this.memory.slice(offset, offset + writtenBytes) };
  }

  private noteWritten(offset: number, size: number): void {
    this.writtenAt = offset;
    this.writtenBytes = size;
  }

  /** The end of the frame, with success or by REVERT. */
  end(failure: Failure, output: Uint8Array): undefined {
    this.ending = { failure, output };
  }
}

const memoryGas = (words: bigint): bigint => words * 3n + (words * words) / 512n;

const jumpTables = new WeakMap<Uint8Array, Uint8Array>();

/** 1 at each JUMPDEST that is not data of a PUSH. */
export function jumpdestsOf(code: Uint8Array): Uint8Array {
  let jumps = jumpTables.get(code);
  if (jumps !== undefined) return jumps;
  jumps = new Uint8Array(code.length);
  // PUSHn is the same in all forks, but for PUSH0.
  const { immediateBytes } = opcodeTableOf("osaka").packed;
  for (let pc = 0; pc < code.length; pc += 1 + immediateBytes[code[pc]!]!)
    if (code[pc] === 0x5b) jumps[pc] = 1;
  jumpTables.set(code, jumps);
  return jumps;
}

/** Why an opcode cannot even begin, by the stack that it finds; undefined when it can. */
export function refusal(opcode: Opcode | undefined, height: number): Failure | undefined {
  if (opcode === undefined || opcode.mnemonic === "INVALID") return Failure.invalidOpcode;
  if (height < opcode.inputs) return Failure.stackUnderflow;
  return height - opcode.inputs + opcode.outputs > 1024 ? Failure.stackOverflow : undefined;
}
