/** Code of each instruction of the IR. */
import type { Instruction, Operation, ValueId } from "@velarium/evm-ir";
import { layout } from "@velarium/evm-kernel";
import { OP } from "../wasm/opcodes.ts";
import { emitAdd, emitMul, emitSub, fullProducts } from "../words/arithmetic.ts";
import {
  emitBitwise,
  emitCountLeadingZeros,
  emitNot,
  pushEqual,
  pushIsZero,
  pushLessThan,
  pushSignedLessThan,
} from "../words/logic.ts";
import { emitLoadLimbs } from "../words/memory.ts";
import { emitByte, emitConstantShift, emitSignExtend } from "../words/shift.ts";
import { constantOf, LIMBS, limbAt, pushLimb, pushOr, significantLimbs, type Word } from "../words/word.ts";
import type { FrameCode } from "./frame-code.ts";
import type { KernelFunction } from "./imports.ts";
import {
  emitCalldataload,
  emitCopy,
  emitKeccak,
  emitLog,
  emitMload,
  emitMsize,
  emitMstore,
  emitMstore8,
  emitTouch,
} from "./memory-operations.ts";
import { emitNarrowDivision, type Outlined } from "./outlined.ts";

/** What an access needs when its state is missing: the block's resume point and stack. */
export interface AccessSite {
  readonly point: number;
  readonly stack: readonly ValueId[];
}

type Emit = (frame: FrameCode, instruction: Instruction, site: AccessSite | undefined) => void;

/** Products of two limbs that may stand at a use; longer multiplications are called... */
const INLINE_PRODUCTS = 1;
/** ...unless the function has no more of them than this: a call costs a third of a multiplication. */
const FEW_MULTIPLICATIONS = 8;

export function emitInstruction(
  frame: FrameCode,
  instruction: Instruction,
  site: AccessSite | undefined,
): void {
  EMITTERS[instruction.op](frame, instruction, site);
  frame.code.checkSize();
}

/** A pure operation: written to locals of its own, dropped when nothing uses it. */
function pure(write: (frame: FrameCode, operands: Word[], target: readonly number[]) => void): Emit {
  return (frame, { args, result }) => {
    if (!frame.isUsed(result)) return;
    write(frame, frame.words(args), frame.target(result));
    frame.finish(result);
  };
}

function truth(push: (frame: FrameCode, operands: Word[]) => void): Emit {
  return (frame, { args, result }) => {
    if (!frame.isUsed(result)) return;
    push(frame, frame.words(args));
    frame.setTruth(result);
  };
}

/** A word at a fixed place. */
function loaded(push: (frame: FrameCode) => void, offset: number): Emit {
  return (frame, { result }) => {
    if (!frame.isUsed(result)) return;
    const at = frame.scratch.i32(0);
    push(frame);
    frame.code.set(at);
    emitLoadLimbs(frame.code, at, offset, frame.target(result));
    frame.finish(result);
  };
}
const fromFrame = (offset: number): Emit => loaded((frame) => frame.code.get(frame.locals.frame), offset);
const fromBlock = (offset: number): Emit => loaded((frame) => frame.code.call(frame.kernel("block")), offset);

/** A number of up to 64 bits that `push` leaves on the stack. */
function counted(push: (frame: FrameCode, instruction: Instruction) => void): Emit {
  return (frame, instruction) => {
    if (!frame.isUsed(instruction.result)) return;
    push(frame, instruction);
    frame.setLow(frame.target(instruction.result));
    frame.finish(instruction.result);
  };
}

function callOutlined(frame: FrameCode, name: Outlined, a: Word, b: Word, target: readonly number[]): void {
  const { code } = frame;
  frame.pushScratchAddress(0);
  for (const word of [a, b]) for (let i = 0; i < LIMBS; i++) pushLimb(code, limbAt(word, i));
  code.call(frame.outlined.indexOf(name));
  for (let i = LIMBS - 1; i >= 0; i--) {
    if (target[i] === undefined) code.op(OP.drop);
    else code.set(target[i]!);
  }
}

const multiply = pure((frame, [a, b], target) => {
  const limit = frame.multiplications <= FEW_MULTIPLICATIONS ? LIMBS * LIMBS : INLINE_PRODUCTS;
  const [power, value] = powerOfTwo(a!, b!);
  if (power !== undefined) emitConstantShift(frame.code, "shl", value, power, target);
  else if (fullProducts(a!, b!, target.length) <= limit) emitMul(frame.scratch, a!, b!, target);
  else callOutlined(frame, "mul", a!, b!, target);
});

/** When one operand is a power of two: its exponent, and the other operand. */
function powerOfTwo(a: Word, b: Word): [bigint | undefined, Word] {
  for (const [constant, value] of [
    [constantOf(a), b],
    [constantOf(b), a],
  ] as const) {
    if (constant === undefined || constant === 0n || (constant & (constant - 1n)) !== 0n) continue;
    return [BigInt(constant.toString(2).length - 1), value];
  }
  return [undefined, a];
}

function division(name: "div" | "mod" | "sdiv" | "smod"): Emit {
  return pure((frame, [a, b], target) => {
    if (significantLimbs(a!) > 1 || significantLimbs(b!) > 1)
      return callOutlined(frame, name, a!, b!, target);
    emitNarrowDivision(frame.code, name === "div" || name === "sdiv", a!, b!, target[0]!);
    for (const local of target.slice(1)) {
      frame.code.i64(0);
      frame.code.set(local);
    }
  });
}

function shift(name: "shl" | "shr" | "sar"): Emit {
  return pure((frame, [amount, value], target) => {
    const known = constantOf(amount!);
    if (known !== undefined) emitConstantShift(frame.code, name, value!, known, target);
    else callOutlined(frame, name, amount!, value!, target);
  });
}

const byte = pure((frame, [index, value], target) => emitByte(frame.scratch, index!, value!, target));

const signExtend = pure((frame, [index, value], target) => {
  if (constantOf(index!) !== undefined) emitSignExtend(frame.scratch, index!, value!, target);
  else callOutlined(frame, "signextend", index!, value!, target);
});

/** Functions of the kernel from words in memory to a word in memory. */
function byKernel(name: KernelFunction, hasFrame: boolean): Emit {
  return (frame, { args, result }) => {
    if (!frame.isUsed(result)) return;
    for (const [i, word] of frame.words(args).entries()) frame.storeScratch(i, word);
    if (hasFrame) frame.code.get(frame.locals.frame);
    for (let i = 0; i < args.length; i++) frame.pushScratchAddress(i);
    frame.pushScratchAddress(0);
    frame.code.call(frame.kernel(name));
    frame.loadScratch(0, result);
  };
}

/** State: all gas is charged by the kernel; when something is missing the frame is left as it was before. */
function access(name: KernelFunction): Emit {
  return (frame, { args, result, pc }, site) => {
    const { code, locals } = frame;
    for (const [i, word] of frame.words(args).entries()) frame.storeScratch(i, word);
    code.get(locals.frame);
    for (let i = 0; i < args.length; i++) frame.pushScratchAddress(i);
    if (name !== "sstore") frame.pushScratchAddress(0);
    code.get(locals.gas);
    code.call(frame.kernel(name));
    frame.settle(() => {
      frame.makeCanonical(site!.stack, pc);
      frame.storeField(layout.FRAME_RESUME, 1);
      frame.storeField(layout.FRAME_POINT, site!.point);
    });
    if (name !== "sstore" && frame.isUsed(result)) frame.loadScratch(0, result);
  };
}

const exponentiate: Emit = (frame, { args, result }) => {
  const { code, locals } = frame;
  for (const [i, word] of frame.words(args).entries()) frame.storeScratch(i, word);
  code.get(locals.frame);
  frame.pushScratchAddress(0);
  frame.pushScratchAddress(1);
  frame.pushScratchAddress(0);
  code.get(locals.gas);
  code.call(frame.kernel("exp"));
  frame.settle();
  if (frame.isUsed(result)) frame.loadScratch(0, result);
};

const storeTransient: Emit = (frame, { args }) => {
  const { code, locals } = frame;
  const status = frame.scratch.i32(0);
  for (const [i, word] of frame.words(args).entries()) frame.storeScratch(i, word);
  code.get(locals.frame);
  frame.pushScratchAddress(0);
  frame.pushScratchAddress(1);
  code.call(frame.kernel("tstore"));
  code.tee(status);
  code.if();
  code.get(status);
  code.op(OP.return);
  code.end();
};

/** Sizes beyond it cannot be paid for; it keeps products of prices and sizes far from 2^63. */
const MAX_SIZE_BITS = 40;

const chargeWords: Emit = (frame, { args, gas }) => {
  const { code } = frame;
  const size = frame.word(args[0]!);
  if (frame.bitsOf(args[0]!) > MAX_SIZE_BITS) {
    pushLimb(code, limbAt(size, 0));
    code.i64(MAX_SIZE_BITS);
    code.op(OP.i64ShrU);
    if (pushOr(code, size, 1)) code.op(OP.i64Or);
    code.i64(0);
    code.op(OP.i64Ne);
    frame.haltIf();
  }
  pushLimb(code, limbAt(size, 0));
  code.i64(31);
  code.op(OP.i64Add);
  code.i64(5);
  code.op(OP.i64ShrU);
  code.i64(gas);
  code.op(OP.i64Mul);
  frame.chargeStacked();
};

const EMITTERS: Readonly<Record<Operation, Emit>> = {
  add: pure((frame, [a, b], target) => emitAdd(frame.scratch, a!, b!, target)),
  sub: pure((frame, [a, b], target) => emitSub(frame.scratch, a!, b!, target)),
  mul: multiply,
  div: division("div"),
  sdiv: division("sdiv"),
  mod: division("mod"),
  smod: division("smod"),
  addmod: byKernel("addmod", false),
  mulmod: byKernel("mulmod", false),
  exp: exponentiate,
  signextend: signExtend,
  lt: truth((frame, [a, b]) => pushLessThan(frame.code, a!, b!)),
  gt: truth((frame, [a, b]) => pushLessThan(frame.code, b!, a!)),
  slt: truth((frame, [a, b]) => pushSignedLessThan(frame.code, a!, b!)),
  sgt: truth((frame, [a, b]) => pushSignedLessThan(frame.code, b!, a!)),
  eq: truth((frame, [a, b]) => pushEqual(frame.code, a!, b!)),
  iszero: truth((frame, [a]) => pushIsZero(frame.code, a!)),
  and: pure((frame, [a, b], target) => emitBitwise(frame.code, "and", a!, b!, target)),
  or: pure((frame, [a, b], target) => emitBitwise(frame.code, "or", a!, b!, target)),
  xor: pure((frame, [a, b], target) => emitBitwise(frame.code, "xor", a!, b!, target)),
  not: pure((frame, [a], target) => emitNot(frame.code, a!, target)),
  byte,
  shl: shift("shl"),
  shr: shift("shr"),
  sar: shift("sar"),
  clz: pure((frame, [a], target) => emitCountLeadingZeros(frame.scratch, a!, target)),

  address: fromFrame(layout.FRAME_ADDRESS),
  caller: fromFrame(layout.FRAME_CALLER),
  callvalue: fromFrame(layout.FRAME_VALUE),
  origin: fromBlock(layout.BLOCK_ORIGIN),
  gasprice: fromBlock(layout.BLOCK_GAS_PRICE),
  coinbase: fromBlock(layout.BLOCK_COINBASE),
  timestamp: fromBlock(layout.BLOCK_TIMESTAMP),
  number: fromBlock(layout.BLOCK_NUMBER),
  prevrandao: fromBlock(layout.BLOCK_RANDAO),
  gaslimit: fromBlock(layout.BLOCK_GAS_LIMIT),
  chainid: fromBlock(layout.BLOCK_CHAIN_ID),
  basefee: fromBlock(layout.BLOCK_BASE_FEE),
  blobbasefee: fromBlock(layout.BLOCK_BLOB_BASE_FEE),
  calldataload: emitCalldataload,
  calldatasize: counted((frame) => {
    frame.code.get(frame.locals.frame);
    frame.code.memory(OP.i64Load32U, layout.FRAME_INPUT_BYTES);
  }),
  codesize: counted((frame) => frame.code.i64(frame.ir.codeSize)),
  returndatasize: counted((frame) => {
    frame.code.call(frame.kernel("returndatasize"));
    frame.code.op(OP.i64ExtendI32U);
  }),
  blobhash: byKernel("blobhash", false),

  section: (frame, { gas, height, maxStackGrowth }) => {
    frame.charge(gas);
    if (maxStackGrowth! > 0) frame.checkRoom(height! + maxStackGrowth!);
  },
  operand: (frame, { result }) => frame.takeOperands([result]),
  chargewords: chargeWords,
  touch: (frame, instruction) => emitTouch(frame, instruction),
  gas: counted((frame) => frame.code.get(frame.locals.gas)),

  mload: emitMload,
  mstore: emitMstore,
  mstore8: emitMstore8,
  msize: (frame, { result }) => {
    if (frame.isUsed(result)) emitMsize(frame, result);
  },
  calldatacopy: (frame, instruction) => emitCopy(frame, "calldatacopy", instruction),
  codecopy: (frame, instruction) => emitCopy(frame, "codecopy", instruction),
  returndatacopy: (frame, instruction) => emitCopy(frame, "returndatacopy", instruction),
  mcopy: (frame, instruction) => emitCopy(frame, "mcopy", instruction),
  keccak: emitKeccak,
  log: emitLog,

  tload: byKernel("tload", true),
  tstore: storeTransient,

  sload: access("sload"),
  sstore: access("sstore"),
  balance: access("balance"),
  selfbalance: access("selfbalance"),
  extcodesize: access("extcodesize"),
  extcodehash: access("extcodehash"),
  blockhash: access("blockhash"),
};
