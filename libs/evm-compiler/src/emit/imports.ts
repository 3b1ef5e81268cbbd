/** Functions of the kernel that compiled code calls (docs/engine.md), by what their signatures are made of. */
import { I32, I64 } from "../wasm/code.ts";
import type { Signature } from "../wasm/module.ts";
import type { ValueType } from "../wasm/opcodes.ts";

const signature = (parameters: readonly ValueType[], ...results: readonly ValueType[]): Signature => ({
  parameters,
  results,
});
const pointers = (count: number): Signature => signature(Array.from({ length: count }, () => I32));
/** (frame, pointers..., gas) → gas. */
const charging = (count: number): Signature =>
  signature([I32, ...Array.from({ length: count }, () => I32), I64], I64);

export const KERNEL_FUNCTIONS = {
  div: pointers(3),
  sdiv: pointers(3),
  mod: pointers(3),
  smod: pointers(3),
  addmod: pointers(4),
  mulmod: pointers(4),
  exp: charging(3),
  expand: signature([I32, I64, I64, I64], I64),
  keccak: pointers(3),
  calldataload: pointers(3),
  calldatacopy: charging(3),
  codecopy: charging(3),
  returndatacopy: charging(3),
  mcopy: charging(3),
  returndatasize: signature([], I32),
  sload: charging(2),
  sstore: charging(2),
  tload: pointers(3),
  tstore: signature([I32, I32, I32], I32),
  balance: charging(2),
  extcodesize: charging(2),
  extcodehash: charging(2),
  selfbalance: charging(1),
  blockhash: charging(2),
  blobhash: pointers(2),
  log: charging(2),
  returns: signature([I32, I32, I32, I64], I32),
  interpret: signature([I32], I32),
  block: signature([], I32),
} as const satisfies Record<string, Signature>;

export type KernelFunction = keyof typeof KERNEL_FUNCTIONS;
