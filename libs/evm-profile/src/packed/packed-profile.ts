/**
 * A profile in the form in which it is applied without objects: expressions as columns of numbers, constants as places
 * in a word arena, steps of one shape. Guards are left out: they are taken to hold. What the packed way does not follow
 * (transient storage, block hashes, hashes of code) is a step that sends the call elsewhere.
 */

import { storeWord } from "../evaluate/bytes.ts";
import type { Bytes, Expression, Part, SelectorProfile, Step } from "../profile/format.ts";
import { PURE } from "../symbolic/expressions.ts";
import { Place, type WordArena } from "./word-arena.ts";

export const Op = {
  constant: 0,
  immediate: 1,
  calldata: 2,
  calldataAt: 3,
  caller: 4,
  address: 5,
  callvalue: 6,
  calldatasize: 7,
  codesize: 8,
  origin: 9,
  /** A value of the block: `a` is its place. */
  block: 10,
  found: 11,
  success: 12,
  returned: 13,
  returnsize: 14,
  bytes: 15,
  keccak: 16,
  and: 17,
  or: 18,
  xor: 19,
  not: 20,
  eq: 21,
  iszero: 22,
  /** `pure[id]` on big integers. */
  pure: 23,
  /** Not known. */
  opaque: 24,
} as const;

const PACKED_OPS: Readonly<Record<string, number>> = {
  and: Op.and,
  or: Op.or,
  xor: Op.xor,
  not: Op.not,
  eq: Op.eq,
  iszero: Op.iszero,
};

const FRAME_VALUES: Readonly<Record<string, number>> = {
  caller: Op.caller,
  address: Op.address,
  callvalue: Op.callvalue,
  calldatasize: Op.calldatasize,
  codesize: Op.codesize,
  origin: Op.origin,
};

const BLOCK_VALUES: Readonly<Record<string, number>> = {
  coinbase: Place.coinbase,
  timestamp: Place.timestamp,
  number: Place.number,
  prevrandao: Place.prevRandao,
  gaslimit: Place.gasLimit,
  chainid: Place.chainId,
  basefee: Place.baseFee,
  blobbasefee: Place.blobBaseFee,
};

export const StepKind = { read: 0, write: 1, balance: 2, codesize: 3, call: 4, elsewhere: 5 } as const;
export const CallKind = { call: 0, callcode: 1, delegatecall: 2, staticcall: 3 } as const;
export const BytesKind = { parts: 0, calldata: 1, returned: 2 } as const;

/** Bytes that a frame passes on. */
export class PackedParts {
  readonly kind: number;
  readonly size: number;
  readonly values: Uint32Array;
  readonly froms: Uint8Array;
  readonly sizes: Uint8Array;
  /** Of the call whose results are passed on. */
  readonly step: number;
  /** All parts are whole words. */
  readonly isWhole: boolean;

  constructor(kind: number, parts: readonly Part[], step: number) {
    this.kind = kind;
    this.values = Uint32Array.from(parts, ({ value }) => value);
    this.froms = Uint8Array.from(parts, ({ from }) => from);
    this.sizes = Uint8Array.from(parts, ({ size }) => size);
    this.size = parts.reduce((sum, { size }) => sum + size, 0);
    this.isWhole = parts.every(({ from, size }) => from === 0 && size === 32);
    this.step = step;
  }
}

const NO_PARTS = new PackedParts(BytesKind.parts, [], 0);

export class PackedStep {
  readonly kind: number;
  readonly step: number;
  /** Slot, address or target. */
  readonly a: number;
  /** Value. */
  readonly b: number;
  readonly call: number;
  readonly data: PackedParts;
  readonly assumedSize: number;
  readonly isExact: boolean;

  constructor(
    kind: number,
    step = 0,
    a = 0,
    b = 0,
    call = 0,
    data = NO_PARTS,
    assumedSize = 0,
    isExact = false,
  ) {
    this.kind = kind;
    this.step = step;
    this.a = a;
    this.b = b;
    this.call = call;
    this.data = data;
    this.assumedSize = assumedSize;
    this.isExact = isExact;
  }
}

export const EndKind = { branch: 0, return: 1, elsewhere: 2 } as const;

export class PackedSegment {
  readonly steps: readonly PackedStep[];
  readonly end: number;
  readonly condition: number;
  readonly nonzero: number;
  readonly zero: number;
  readonly data: PackedParts;

  constructor(
    steps: readonly PackedStep[],
    end: number,
    data = NO_PARTS,
    condition = 0,
    nonzero = 0,
    zero = 0,
  ) {
    this.steps = steps;
    this.end = end;
    this.data = data;
    this.condition = condition;
    this.nonzero = nonzero;
    this.zero = zero;
  }
}

export interface PackedProfile {
  readonly size: number;
  readonly ops: Uint8Array;
  /** By expression: place, index, offset, step or first operand; and second operand or offset of a result. */
  readonly a: Float64Array;
  readonly b: Uint32Array;
  readonly c: Uint32Array;
  /** Of `bytes` and `keccak`. */
  readonly parts: readonly (PackedParts | undefined)[];
  /** 1: a hash of two words that follow from transaction and block without further hashes. */
  readonly isEarly: Uint8Array;
  /** By hash of two words: the early one that was asked for next the last time; −1: none. */
  readonly hashAfter: Int32Array;
  readonly pure: readonly ((a: bigint, b: bigint, c: bigint) => bigint)[];
  readonly segments: readonly PackedSegment[];
  readonly root: number;
  /** Numbers of steps are below. */
  readonly steps: number;
}

/** Undefined when the arena has no room for its constants. */
export function packProfile(profile: SelectorProfile, arena: WordArena): PackedProfile | undefined {
  const { expressions, root } = profile;
  const size = expressions.length;
  const constants = expressions.filter(({ op }) => op === "constant").length;
  let place = arena.takeConstants(constants);
  if (place < 0) return undefined;
  const columns = {
    ops: new Uint8Array(size),
    a: new Float64Array(size),
    b: new Uint32Array(size),
    c: new Uint32Array(size),
    parts: new Array<PackedParts | undefined>(size).fill(undefined),
    pure: new Array<(a: bigint, b: bigint, c: bigint) => bigint>(size).fill(PURE.add),
  };
  for (const [id, expression] of expressions.entries()) {
    if (expression.op === "constant") {
      storeWord(arena.bytes, place * 32, expression.value);
      columns.a[id] = place++;
    } else packExpression(columns, id, expression);
  }
  const segments = profile.segments.map(({ steps, end }) => {
    const packed = steps.flatMap(packStep);
    if (end.kind === "branch")
      return new PackedSegment(packed, EndKind.branch, NO_PARTS, end.condition, end.nonzero, end.zero);
    if (end.kind === "return") return new PackedSegment(packed, EndKind.return, packBytes(end.data));
    return new PackedSegment(packed, EndKind.elsewhere);
  });
  const isEarly = earlyHashes(profile, columns.ops);
  const hashAfter = new Int32Array(size).fill(-1);
  return { size, root, ...columns, isEarly, hashAfter, segments, steps: stepsOf(profile) };
}

/** Marks the hashes of two words that can be worked out before anything of the state is known. */
function earlyHashes({ expressions }: SelectorProfile, ops: Uint8Array): Uint8Array {
  const early = new Uint8Array(expressions.length);
  const isPlain = new Uint8Array(expressions.length);
  // Operands come before what is made of them; what does not is left out.
  for (const [id, expression] of expressions.entries()) {
    switch (expression.op) {
      case "constant":
      case "immediate":
      case "calldata":
        isPlain[id] = 1;
        break;
      case "environment":
        if (ops[id] !== Op.opaque) isPlain[id] = 1;
        break;
      case "keccak":
        if (expression.parts.length === 2 && expression.parts.every((part) => isWord(part, isPlain)))
          early[id] = 1;
        break;
      case "found":
      case "success":
      case "returned":
      case "returnsize":
      case "opaque":
      case "bytes":
        break;
      default:
        if (expression.args.every((argument) => isPlain[argument] === 1)) isPlain[id] = 1;
    }
  }
  return early;
}

const isWord = ({ value, from, size }: Part, isPlain: Uint8Array): boolean =>
  from === 0 && size === 32 && isPlain[value] === 1;

type Columns = Pick<PackedProfile, "ops" | "a" | "b" | "c"> & {
  readonly parts: (PackedParts | undefined)[];
  readonly pure: ((a: bigint, b: bigint, c: bigint) => bigint)[];
};

function packExpression(
  columns: Columns,
  id: number,
  expression: Exclude<Expression, { op: "constant" }>,
): void {
  const put = (op: number, a = 0, b = 0, c = 0): void => {
    columns.ops[id] = op;
    columns.a[id] = a;
    columns.b[id] = b;
    columns.c[id] = c;
  };
  switch (expression.op) {
    case "immediate":
      return put(Op.immediate, expression.index);
    case "calldata":
      return put(Op.calldata, expression.offset);
    case "calldataat":
      return put(Op.calldataAt, expression.args[0]);
    case "environment": {
      const block = BLOCK_VALUES[expression.name];
      return block === undefined ? put(FRAME_VALUES[expression.name] ?? Op.opaque) : put(Op.block, block);
    }
    case "found":
      return put(Op.found, expression.step);
    case "success":
      return put(Op.success, expression.step);
    case "returned":
      return put(Op.returned, expression.step, expression.offset);
    case "returnsize":
      return put(Op.returnsize, expression.step);
    case "opaque":
      return put(Op.opaque);
    case "bytes":
    case "keccak":
      columns.parts[id] = new PackedParts(BytesKind.parts, expression.parts, 0);
      return put(expression.op === "bytes" ? Op.bytes : Op.keccak);
    default: {
      const [first, second, third] = expression.args;
      columns.pure[id] = PURE[expression.op];
      return put(PACKED_OPS[expression.op] ?? Op.pure, first, second ?? first, third ?? first);
    }
  }
}

function packBytes(bytes: Bytes): PackedParts {
  switch (bytes.kind) {
    case "parts":
      return new PackedParts(BytesKind.parts, bytes.parts, 0);
    case "calldata":
      return new PackedParts(BytesKind.calldata, [], 0);
    case "returned":
      return new PackedParts(BytesKind.returned, [], bytes.step);
  }
}

function packStep(step: Step): PackedStep[] {
  switch (step.kind) {
    case "guard":
      return [];
    case "read":
      return [new PackedStep(StepKind.read, step.step, step.slot)];
    case "write":
      return [new PackedStep(StepKind.write, 0, step.slot, step.value)];
    case "account": {
      const kind = { balance: StepKind.balance, codesize: StepKind.codesize, codehash: StepKind.elsewhere };
      return [new PackedStep(kind[step.what], step.step, step.address)];
    }
    case "call": {
      const { step: id, op, target, value, data, assumedSize = 0, isExact } = step;
      return [
        new PackedStep(StepKind.call, id, target, value, CallKind[op], packBytes(data), assumedSize, isExact),
      ];
    }
    default:
      return [new PackedStep(StepKind.elsewhere)];
  }
}

/** One more than the highest number of a step. */
function stepsOf({ expressions, segments }: SelectorProfile): number {
  let most = 0;
  for (const expression of expressions) if ("step" in expression) most = Math.max(most, expression.step + 1);
  for (const { steps, end } of segments) {
    for (const step of steps) if ("step" in step) most = Math.max(most, step.step + 1);
    if (end.kind === "return" && end.data.kind === "returned") most = Math.max(most, end.data.step + 1);
    for (const step of steps)
      if (step.kind === "call" && step.data.kind === "returned") most = Math.max(most, step.data.step + 1);
  }
  return most;
}
