/** The operations of instructions and what passes may assume of them. */

/**
 * - `pure`: the result depends on the operands alone; may be moved, merged and dropped
 * - `environment`: likewise, with what is fixed between two resumes of the frame (return data is replaced by calls only)
 * - `memoryread`, `memorywrite`: the frame's memory; reads may be dropped, writes not, neither may cross the other
 * - `gas`: charges or observes gas, expands memory; order among themselves and against accesses matters
 *   (copies and `log` charge too)
 * - `stack`: takes operands out of the frame; order among themselves and against accesses matters
 * - `transient`, `log`: effects that a failure takes back
 * - `access`: state that may be missing; first in its block, which is a resume block
 */
export type Effect =
  | "pure"
  | "environment"
  | "memoryread"
  | "memorywrite"
  | "gas"
  | "stack"
  | "transientread"
  | "transientwrite"
  | "log"
  | "access";

export interface OperationInfo {
  /** Number of operands; `log` has two to six. */
  readonly args: number;
  readonly maxArgs: number;
  readonly result: boolean;
  readonly effect: Effect;
  /** Bits that a result has at most, whatever the operands. */
  readonly bits: number;
  readonly commutative: boolean;
}

const of = (effect: Effect, args: number, bits = 0, commutative = false): OperationInfo => ({
  args,
  maxArgs: args,
  result: bits > 0,
  effect,
  bits,
  commutative,
});
const pure = (args: number, bits = 256, commutative = false) => of("pure", args, bits, commutative);
const environment = (bits: number, args = 0) => of("environment", args, bits);

export const OPERATIONS = {
  add: pure(2, 256, true),
  sub: pure(2),
  mul: pure(2, 256, true),
  div: pure(2),
  sdiv: pure(2),
  mod: pure(2),
  smod: pure(2),
  addmod: pure(3),
  mulmod: pure(3),
  signextend: pure(2),
  lt: pure(2, 1),
  gt: pure(2, 1),
  slt: pure(2, 1),
  sgt: pure(2, 1),
  eq: pure(2, 1, true),
  iszero: pure(1, 1),
  and: pure(2, 256, true),
  or: pure(2, 256, true),
  xor: pure(2, 256, true),
  not: pure(1),
  byte: pure(2, 8),
  shl: pure(2),
  shr: pure(2),
  sar: pure(2),
  clz: pure(1, 9),

  address: environment(160),
  origin: environment(160),
  caller: environment(160),
  callvalue: environment(256),
  /** 32 bytes of calldata at the operand, zeros beyond its end. */
  calldataload: environment(256, 1),
  calldatasize: environment(64),
  codesize: environment(64),
  gasprice: environment(256),
  returndatasize: environment(64),
  coinbase: environment(160),
  timestamp: environment(256),
  number: environment(256),
  /** DIFFICULTY before Paris. */
  prevrandao: environment(256),
  gaslimit: environment(256),
  chainid: environment(256),
  basefee: environment(256),
  blobhash: environment(256, 1),
  blobbasefee: environment(256),

  /** Charges what opens at `pc` and ends before the next section, access or boundary. */
  section: of("gas", 0),
  /** (size): `gas` × ceil(size / 32). */
  chargewords: of("gas", 1),
  /** (base, exponent): charges by the length of the exponent. */
  exp: of("gas", 2, 256),
  /** (offset, size): expands memory, charges for it; nothing when size is zero. */
  touch: of("gas", 2),
  /** Gas left, which the section before has charged exactly. */
  gas: of("gas", 0, 64),

  /** The topmost operand in the frame below the window joins it at the bottom; fails when there is none. */
  operand: of("stack", 0, 256),

  /** (offset): memory has been touched, as for all that follow here. */
  mload: of("memoryread", 1, 256),
  mstore: of("memorywrite", 2),
  mstore8: of("memorywrite", 2),
  msize: of("memoryread", 0, 64),
  /** (to, from, size) for the four copies; they expand memory and charge for that and for the words copied. */
  calldatacopy: of("memorywrite", 3),
  codecopy: of("memorywrite", 3),
  /** Fails when it would read beyond the return data. */
  returndatacopy: of("memorywrite", 3),
  mcopy: of("memorywrite", 3),
  /** (offset, size). */
  keccak: of("memoryread", 2, 256),

  tload: of("transientread", 1, 256),
  /** (key, value); fails in a static frame, as `log` and `sstore` do. */
  tstore: of("transientwrite", 2),
  /** (offset, size, topics...): expands memory, charges for that, for bytes and topics. */
  log: { ...of("log", 2), maxArgs: 6 },

  /** (key). */
  sload: of("access", 1, 256),
  /** (key, value). */
  sstore: of("access", 2),
  balance: of("access", 1, 256),
  selfbalance: of("access", 0, 256),
  extcodesize: of("access", 1, 64),
  extcodehash: of("access", 1, 256),
  blockhash: of("access", 1, 256),
} as const satisfies Record<string, OperationInfo>;

export type Operation = keyof typeof OPERATIONS;

const infos: Readonly<Record<Operation, OperationInfo>> = OPERATIONS;

export const operationInfo = (op: Operation): OperationInfo => infos[op];

export const isOperation = (name: string): name is Operation => Object.hasOwn(OPERATIONS, name);
