/** Runs one frame of a program on concrete values. */
import type { GasSchedule } from "@velarium/evm-opcodes";
import { keccak256Into } from "@velarium/hash-kernel";
import * as arithmetic from "./arithmetic.ts";
import { ADDRESS_MASK, loadWord } from "./bytes.ts";
import { accountGas, expand, expGas, pay, slotGas, storeGas, wordGas } from "./gas.ts";
import { EMPTY_BYTES, type FrameMemory } from "./memory.ts";
import { Op, type Program, type ProgramEdge, type ProgramEnd, STRIDE } from "./program.ts";
import type { Surroundings } from "./surroundings.ts";
import { UnknownAccess } from "./unknown.ts";
import type { Account, World } from "./world.ts";

export interface Frame {
  readonly program: Program;
  readonly code: Uint8Array;
  /** Owner of storage and balance. */
  readonly account: Account;
  readonly caller: bigint;
  readonly value: bigint;
  readonly data: Uint8Array;
  readonly isStatic: boolean;
  readonly depth: number;
  readonly memory: FrameMemory;
  returned: Uint8Array;
  /** What is left; below zero, the frame fails. */
  gas: number;
}

export interface FrameResult {
  readonly ok: boolean;
  readonly output: Uint8Array;
}

export type Boundary = Extract<ProgramEnd, { kind: "boundary" }>;

/** What a frame needs done outside itself. */
export interface Outside {
  readonly world: World;
  readonly surroundings: Surroundings;
  /** Instructions that the evaluation may still run. */
  steps: number;
  /** Take the other way where a guard does not hold. */
  readonly assumesSuccess: boolean;
  /** Carries out a call, creation or EXTCODECOPY on `operands`, top of the stack first; returns what is pushed. */
  boundary(frame: Frame, op: Boundary["op"], operands: readonly bigint[]): bigint;
  /** False when the frame cannot pay for it. */
  selfDestruct(frame: Frame, beneficiary: bigint): boolean;
}

const FAILED: FrameResult = { ok: false, output: EMPTY_BYTES };
const STOPPED: FrameResult = { ok: true, output: EMPTY_BYTES };
const hash = new Uint8Array(32);
const bit = (truth: boolean): bigint => (truth ? 1n : 0n);

export function runFrame(frame: Frame, outside: Outside): FrameResult {
  const { program } = frame;
  const values = program.idle.pop() ?? program.initial.slice();
  for (const [value, index] of program.immediates)
    values[value] = outside.surroundings.immediate(frame, index);
  try {
    const result = runBlocks(frame, values, outside);
    if (result === FAILED) frame.gas = 0;
    return result;
  } finally {
    // Values of an earlier frame do no harm: each is defined before it is used.
    program.idle.push(values);
  }
}

function runBlocks(frame: Frame, values: bigint[], outside: Outside): FrameResult {
  const { blocks } = frame.program;
  for (let id = 0; ; ) {
    const block = blocks[id]!;
    if (!runInstructions(block.code, frame, values, outside)) return FAILED;
    const { end } = block;
    switch (end.kind) {
      case "jump":
        id = follow(end.edge, values);
        break;
      case "branch": {
        let edge = values[end.condition] === 0n ? end.passed : end.taken;
        if (outside.assumesSuccess && blocks[edge.target]!.doomed) {
          const other = edge === end.taken ? end.passed : end.taken;
          if (!blocks[other.target]!.doomed) edge = other;
        }
        id = follow(edge, values);
        break;
      }
      case "switch":
        id = follow(end.cases.get(values[end.value]!) ?? end.default, values);
        break;
      case "boundary": {
        const operands: bigint[] = [];
        for (const operand of end.operands) operands.push(values[operand]!);
        const result = outside.boundary(frame, end.op, operands);
        if (frame.gas < 0) return FAILED;
        id = follow(end.next, values);
        if (end.result >= 0) values[end.result] = result;
        break;
      }
      case "return":
        return { ok: true, output: frame.memory.slice(values[end.offset]!, values[end.size]!) };
      case "revert":
        return { ok: false, output: frame.memory.slice(values[end.offset]!, values[end.size]!) };
      case "selfdestruct":
        if (frame.isStatic) return FAILED;
        return outside.selfDestruct(frame, values[end.beneficiary]! & ADDRESS_MASK) ? STOPPED : FAILED;
      case "stop":
        return STOPPED;
      case "fail":
        return FAILED;
      case "exit":
        throw new UnknownAccess("jump");
    }
  }
}

const carried: bigint[] = [];

/** Hands over the arguments of `edge`, all read before any is written. */
function follow(edge: ProgramEdge, values: bigint[]): number {
  const { from, to } = edge;
  const count = to.length;
  if (count === 1) values[to[0]!] = values[from[0]!]!;
  else if (count > 1) {
    for (let i = 0; i < count; i++) carried[i] = values[from[i]!]!;
    for (let i = 0; i < count; i++) values[to[i]!] = carried[i]!;
  }
  return edge.target;
}

/** False when the frame fails. */
function runInstructions(code: Int32Array, frame: Frame, values: bigint[], outside: Outside): boolean {
  const { memory, data } = frame;
  const { world, surroundings } = outside;
  const { prices } = surroundings;
  outside.steps -= code.length / STRIDE + 1;
  if (outside.steps < 0) throw new UnknownAccess("steps");
  for (let at = 0; at < code.length; at += STRIDE) {
    const result = code[at + 1]!;
    const a = values[code[at + 2]!]!;
    const b = values[code[at + 3]!]!;
    switch (code[at]) {
      case Op.section:
        if (!pay(frame, code[at + 5]!)) return false;
        continue;
      case Op.chargewords:
        if (!pay(frame, wordGas(code[at + 5]!, a))) return false;
        continue;
      case Op.touch:
        if (!expand(frame, prices, a, b)) return false;
        continue;
      case Op.add:
        values[result] = arithmetic.add(a, b);
        continue;
      case Op.sub:
        values[result] = arithmetic.sub(a, b);
        continue;
      case Op.mul:
        values[result] = arithmetic.mul(a, b);
        continue;
      case Op.div:
        values[result] = arithmetic.div(a, b);
        continue;
      case Op.sdiv:
        values[result] = arithmetic.sdiv(a, b);
        continue;
      case Op.mod:
        values[result] = arithmetic.mod(a, b);
        continue;
      case Op.smod:
        values[result] = arithmetic.smod(a, b);
        continue;
      case Op.addmod:
        values[result] = arithmetic.addmod(a, b, values[code[at + 4]!]!);
        continue;
      case Op.mulmod:
        values[result] = arithmetic.mulmod(a, b, values[code[at + 4]!]!);
        continue;
      case Op.signextend:
        values[result] = arithmetic.signextend(a, b);
        continue;
      case Op.lt:
        values[result] = bit(a < b);
        continue;
      case Op.gt:
        values[result] = bit(a > b);
        continue;
      case Op.slt:
        values[result] = bit(arithmetic.slt(a, b));
        continue;
      case Op.sgt:
        values[result] = bit(arithmetic.slt(b, a));
        continue;
      case Op.eq:
        values[result] = bit(a === b);
        continue;
      case Op.iszero:
        values[result] = bit(a === 0n);
        continue;
      case Op.and:
        values[result] = a & b;
        continue;
      case Op.or:
        values[result] = a | b;
        continue;
      case Op.xor:
        values[result] = a ^ b;
        continue;
      case Op.not:
        values[result] = arithmetic.not(a);
        continue;
      case Op.byte:
        values[result] = arithmetic.byte(a, b);
        continue;
      case Op.shl:
        values[result] = arithmetic.shl(a, b);
        continue;
      case Op.shr:
        values[result] = arithmetic.shr(a, b);
        continue;
      case Op.sar:
        values[result] = arithmetic.sar(a, b);
        continue;
      case Op.clz:
        values[result] = arithmetic.clz(a);
        continue;
      case Op.exp:
        if (!pay(frame, expGas(prices, b))) return false;
        values[result] = arithmetic.exp(a, b);
        continue;
      case Op.mload:
        values[result] = memory.load(a);
        continue;
      case Op.mstore:
        memory.store(a, b);
        continue;
      case Op.mstore8:
        memory.store8(a, b);
        continue;
      case Op.msize:
        values[result] = BigInt(memory.size);
        continue;
      case Op.keccak: {
        const place = memory.place(a, b);
        keccak256Into(memory.bytes, place.at, place.size, hash, 0);
        values[result] = loadWord(hash, 0);
        continue;
      }
      case Op.calldataload:
        values[result] = a >= data.length ? 0n : loadWord(data, Number(a));
        continue;
      case Op.calldatasize:
        values[result] = BigInt(data.length);
        continue;
      case Op.calldatacopy: {
        const size = values[code[at + 4]!]!;
        if (!paysCopy(frame, prices, a, size)) return false;
        memory.copy(a, data, b, size);
        continue;
      }
      case Op.codecopy: {
        const size = values[code[at + 4]!]!;
        if (!paysCopy(frame, prices, a, size)) return false;
        memory.copy(a, frame.code, b, size);
        continue;
      }
      case Op.returndatacopy: {
        const size = values[code[at + 4]!]!;
        if (b + size > frame.returned.length) return false;
        if (!paysCopy(frame, prices, a, size)) return false;
        memory.copy(a, frame.returned, b, size);
        continue;
      }
      case Op.mcopy: {
        const size = values[code[at + 4]!]!;
        if (!expand(frame, prices, b, size)) return false;
        if (!paysCopy(frame, prices, a, size)) return false;
        memory.move(a, b, size);
        continue;
      }
      case Op.log: {
        if (frame.isStatic || !expand(frame, prices, a, b)) return false;
        if (!pay(frame, prices.logTopic * code[at + 4]! + prices.logByte * Number(b))) return false;
        continue;
      }
      case Op.address:
        values[result] = frame.account.address;
        continue;
      case Op.caller:
        values[result] = frame.caller;
        continue;
      case Op.callvalue:
        values[result] = frame.value;
        continue;
      case Op.codesize:
        values[result] = BigInt(frame.code.length);
        continue;
      case Op.returndatasize:
        values[result] = BigInt(frame.returned.length);
        continue;
      case Op.gas:
        values[result] = BigInt(frame.gas);
        continue;
      case Op.tload:
        values[result] = frame.account.transient.get(a) ?? 0n;
        continue;
      case Op.tstore:
        if (frame.isStatic) return false;
        world.storeTransient(frame.account, a, b);
        continue;
      case Op.sload: {
        const price = code[at + 5]! + slotGas(prices, world.isWarm(frame.account, a));
        if (!pay(frame, price)) return false;
        values[result] = world.load(frame.account, a).value;
        continue;
      }
      case Op.sstore:
        if (frame.isStatic || !store(frame, outside, a, b)) return false;
        continue;
      case Op.balance: {
        const account = world.account(a & ADDRESS_MASK);
        if (!pay(frame, code[at + 5]! + accountGas(prices, world.warm(account)))) return false;
        world.meet(account);
        values[result] = world.balanceOf(account);
        continue;
      }
      case Op.selfbalance:
        if (!pay(frame, code[at + 5]!)) return false;
        values[result] = world.balanceOf(frame.account);
        continue;
      case Op.extcodesize: {
        const account = world.account(a & ADDRESS_MASK);
        if (!pay(frame, code[at + 5]! + accountGas(prices, world.warm(account)))) return false;
        world.meet(account);
        values[result] = BigInt(world.codeOf(account).length);
        continue;
      }
      case Op.extcodehash: {
        const account = world.account(a & ADDRESS_MASK);
        if (!pay(frame, code[at + 5]! + accountGas(prices, world.warm(account)))) return false;
        values[result] = codeHashOf(account, world);
        continue;
      }
      case Op.blockhash:
        if (!pay(frame, code[at + 5]!)) return false;
        values[result] = surroundings.isRecent(a) ? world.blockHash(Number(a)) : 0n;
        continue;
      case Op.origin:
        values[result] = surroundings.origin;
        continue;
      case Op.gasprice:
        values[result] = surroundings.gasPrice;
        continue;
      case Op.coinbase:
        values[result] = surroundings.coinbase;
        continue;
      case Op.timestamp:
        values[result] = surroundings.timestamp;
        continue;
      case Op.number:
        values[result] = surroundings.number;
        continue;
      case Op.prevrandao:
        values[result] = surroundings.prevRandao;
        continue;
      case Op.gaslimit:
        values[result] = surroundings.gasLimit;
        continue;
      case Op.chainid:
        values[result] = surroundings.chainId;
        continue;
      case Op.basefee:
        values[result] = surroundings.baseFee;
        continue;
      case Op.blobhash:
        values[result] = surroundings.blobHash(a);
        continue;
      case Op.blobbasefee:
        values[result] = surroundings.blobBaseFee;
        continue;
    }
  }
  return true;
}

/** Pays for a copy of `size` bytes to `to` in memory. */
function paysCopy(frame: Frame, prices: GasSchedule, to: bigint, size: bigint): boolean {
  return expand(frame, prices, to, size) && pay(frame, wordGas(prices.copyWord, size));
}

/** SSTORE; false when the frame cannot pay for it. */
function store(frame: Frame, { world, surroundings }: Outside, key: bigint, value: bigint): boolean {
  const { prices } = surroundings;
  if (frame.gas <= prices.sstore.sentry) return false;
  const cold = world.isWarm(frame.account, key) ? 0 : prices.coldSlot;
  const slot = world.load(frame.account, key);
  if (!pay(frame, cold + storeGas(prices, slot.original, slot.value, value))) return false;
  world.store(slot, value);
  return true;
}

function codeHashOf(account: Account, world: World): bigint {
  world.meet(account);
  if (world.isEmpty(account)) return 0n;
  const code = world.codeOf(account);
  keccak256Into(code, 0, code.length, hash, 0);
  return loadWord(hash, 0);
}
