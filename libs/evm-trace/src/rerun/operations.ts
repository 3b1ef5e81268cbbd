/** Opcodes that need nothing but their frame and the environment, by their code: what a trace does not record. */
import { evaluatePure } from "@velarium/evm-ir";
import { type GasSchedule, opcodeTableOf } from "@velarium/evm-opcodes";
import { keccak256 } from "@velarium/hash-kernel";
import { Failure } from "../layout.ts";
import type { RerunFrame } from "./frame.ts";
import type { BeginRecord } from "./records.ts";
import { bigEndian } from "./records.ts";
import type { TransientWords } from "./transient.ts";

/** What frames of one execution share. */
export interface World {
  readonly begin: BeginRecord;
  readonly gas: GasSchedule;
  readonly transient: TransientWords;
}

/** Static gas is paid, the stack checked, and the pc moved on. Returns why it fails. */
export type Operation = (frame: RerunFrame, world: World) => Failure | undefined;

const { outOfGas, staticViolation } = Failure;
const later = (a: bigint, b: bigint): bigint => (a < b ? b : a);
const words = (bytes: bigint): bigint => (bytes + 31n) / 32n;

const table: (Operation | undefined)[] = Array.from({ length: 256 }, () => undefined);
const set = (code: number, operation: Operation): void => void (table[code] = operation);

/** An opcode that pushes what it makes of the frame. */
const pushes = (code: number, value: (frame: RerunFrame, world: World) => bigint): void =>
  set(code, (frame, world) => void frame.push(value(frame, world)));

function defineArithmetic(): void {
  for (const { code, kind, inputs, mnemonic } of opcodeTableOf("osaka").opcodes) {
    if (kind !== "arithmetic") continue;
    const operation = mnemonic.toLowerCase() as Parameters<typeof evaluatePure>[0];
    set(code, (frame) => {
      const operands = Array.from({ length: inputs }, () => frame.pop());
      frame.push(evaluatePure(operation, operands)!);
      return undefined;
    });
  }
  const exp = table[0x0a]!;
  set(0x0a, (frame, world) => {
    const bytes = Math.ceil(bitsOf(frame.stack.at(-2)!) / 8);
    return frame.pay(BigInt(world.gas.expByte * bytes)) ? exp(frame, world) : outOfGas;
  });
  set(0x20, (frame) => {
    const [offset, size] = [frame.pop(), frame.pop()];
    if (!frame.expand(offset, size) || !frame.pay(6n * words(size))) return outOfGas;
    frame.push(bigEndian(keccak256(frame.bytesAt(offset, size))));
    return undefined;
  });
}

const bitsOf = (word: bigint): number => (word === 0n ? 0 : word.toString(2).length);

function defineEnvironment(): void {
  pushes(0x30, ({ given }) => given.address);
  pushes(0x32, (_, { begin }) => begin.environment.origin);
  pushes(0x33, ({ given }) => given.caller);
  pushes(0x34, ({ given }) => given.value);
  pushes(0x35, (frame) => calldataWord(frame.given.input, frame.pop()));
  pushes(0x36, ({ given }) => BigInt(given.input.length));
  pushes(0x38, ({ given }) => BigInt(given.code.length));
  pushes(0x3a, (_, { begin }) => begin.environment.gasPrice);
  pushes(0x3d, ({ returnData }) => BigInt(returnData.length));
  pushes(0x41, (_, { begin }) => begin.environment.coinbase);
  pushes(0x42, (_, { begin }) => begin.environment.timestamp);
  pushes(0x43, (_, { begin }) => begin.environment.number);
  pushes(0x44, (_, { begin }) => begin.environment.randao);
  pushes(0x45, (_, { begin }) => begin.environment.gasLimit);
  pushes(0x46, (_, { begin }) => begin.environment.chainId);
  pushes(0x48, (_, { begin }) => begin.environment.baseFee);
  pushes(0x49, (frame, { begin }) => {
    const index = frame.pop();
    return index < BigInt(begin.blobHashes.length) ? begin.blobHashes[Number(index)]! : 0n;
  });
  pushes(0x4a, (_, { begin }) => begin.environment.blobBaseFee);
  // The pc has moved on.
  pushes(0x58, ({ pc }) => BigInt(pc - 1));
  pushes(0x59, ({ memoryWords }) => BigInt(memoryWords * 32));
  pushes(0x5a, ({ gas }) => gas);
}

function calldataWord(input: Uint8Array, offset: bigint): bigint {
  if (offset >= BigInt(input.length)) return 0n;
  const there = input.subarray(Number(offset), Number(offset) + 32);
  return bigEndian(there) << BigInt(8 * (32 - there.length));
}

/** Copies to memory, all of them `to, from, size`. */
function defineCopies(): void {
  const copies = (code: number, source: (frame: RerunFrame) => Uint8Array): void =>
    set(code, (frame) => {
      const [to, from, size] = [frame.pop(), frame.pop(), frame.pop()];
      if (!frame.expand(to, size) || !frame.pay(3n * words(size))) return outOfGas;
      if (size > 0n) frame.copyIn(to, source(frame), from, size);
      return undefined;
    });
  copies(0x37, ({ given }) => given.input);
  copies(0x39, ({ given }) => given.code);
  copies(0x3e, ({ returnData }) => returnData);
  const returned = table[0x3e]!;
  set(0x3e, (frame, world) => {
    const end = frame.stack.at(-2)! + frame.stack.at(-3)!;
    return end > BigInt(frame.returnData.length) ? Failure.returnDataBounds : returned(frame, world);
  });
  set(0x5e, (frame) => {
    const [to, from, size] = [frame.pop(), frame.pop(), frame.pop()];
    if (!frame.expand(later(to, from), size) || !frame.pay(3n * words(size))) return outOfGas;
    if (size > 0n) frame.copyIn(to, frame.bytesAt(from, size), 0n, size);
    return undefined;
  });
}

function defineMemory(): void {
  set(0x51, (frame) => {
    const offset = frame.pop();
    if (!frame.expand(offset, 32n)) return outOfGas;
    frame.push(frame.wordAt(Number(offset)));
    return undefined;
  });
  set(0x52, (frame) => {
    const [offset, word] = [frame.pop(), frame.pop()];
    if (!frame.expand(offset, 32n)) return outOfGas;
    frame.storeWord(Number(offset), word);
    return undefined;
  });
  set(0x53, (frame) => {
    const [offset, word] = [frame.pop(), frame.pop()];
    if (!frame.expand(offset, 1n)) return outOfGas;
    frame.storeByte(Number(offset), Number(word & 0xffn));
    return undefined;
  });
}

function defineStack(): void {
  set(0x50, (frame) => void frame.pop());
  for (let n = 0; n <= 32; n++)
    set(0x5f + n, (frame) => {
      const { code } = frame.given;
      const there = code.subarray(frame.pc, frame.pc + n);
      frame.push(bigEndian(there) << BigInt(8 * (n - there.length)));
      frame.pc += n;
      return undefined;
    });
  for (let n = 1; n <= 16; n++) {
    set(0x7f + n, ({ stack }) => void stack.push(stack[stack.length - n]!));
    set(0x8f + n, ({ stack }) => {
      const [top, other] = [stack.length - 1, stack.length - 1 - n];
      [stack[top], stack[other]] = [stack[other]!, stack[top]!];
      return undefined;
    });
  }
}

function defineControl(): void {
  set(0x56, (frame) => jump(frame, frame.pop()));
  set(0x57, (frame) => {
    const target = frame.pop();
    return frame.pop() === 0n ? undefined : jump(frame, target);
  });
  set(0x5b, () => undefined);
  set(0x00, (frame) => frame.end(Failure.none, new Uint8Array(0)));
  const returns = (code: number, failure: Failure): void =>
    set(code, (frame) => {
      const [offset, size] = [frame.pop(), frame.pop()];
      return frame.expand(offset, size) ? frame.end(failure, frame.bytesAt(offset, size)) : outOfGas;
    });
  returns(0xf3, Failure.none);
  returns(0xfd, Failure.revert);
}

function jump(frame: RerunFrame, target: bigint): Failure | undefined {
  if (!frame.isJumpdest(target)) return Failure.invalidJump;
  frame.pc = Number(target);
  return undefined;
}

/** Logs, which only cost here, and transient storage, which lives no longer than the execution. */
function defineEffects(): void {
  for (let topics = 0; topics <= 4; topics++)
    set(0xa0 + topics, (frame) => {
      if (frame.given.isStatic) return staticViolation;
      const [offset, size] = [frame.pop(), frame.pop()];
      frame.stack.length -= topics;
      if (!frame.pay(375n * BigInt(topics)) || !frame.expand(offset, size)) return outOfGas;
      return frame.pay(8n * size) ? undefined : outOfGas;
    });
  pushes(0x5c, (frame, { transient }) => transient.read(frame.given.address, frame.pop()));
  set(0x5d, (frame, { transient }) => {
    if (frame.given.isStatic) return staticViolation;
    transient.write(frame.given.address, frame.pop(), frame.pop());
    return undefined;
  });
}

defineArithmetic();
defineEnvironment();
defineCopies();
defineMemory();
defineStack();
defineControl();
defineEffects();

/** Undefined for operations on state, and where no fork has an opcode. */
export const operationOf = (code: number): Operation | undefined => table[code];
