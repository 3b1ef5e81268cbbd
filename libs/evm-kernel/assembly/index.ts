// Everything that the host and compiled code see of the kernel.
import { BLOCK, INPUT, INPUT_END, INPUTS, layOut, MISS, OPCODES, OUTCOMES, RESULT } from "./bounds";
import { forgetCodes } from "./codes";
import { batchEnd, setResident } from "./execution";
import { clearState } from "./host";
import { INTERFACE } from "./layout";
import { inputBytes } from "./packed-transaction";
import { setSecret } from "./secret";

export {
  begin, clearState, commit, giveUp, peek, preload, ranges, rangesCount, restored, seed, supply,
} from "./host";
export { batchDone, openBatch, runBatch } from "./batch";
export { relate } from "./declared";
export { collect } from "./results";
export { interpret, interpretedGas, run } from "./trampoline";
export { setPrices, setRules, setSstorePrices } from "./rules";
export { addCode, codeBytesUsed, findCode, firstCodeEntry, forgetCodes, isTemporary, ready } from "./codes";
export { precompileOutput } from "./precompiles";
export { startTrace } from "./tracing";
export { setPrepares } from "./frames";

// Imports of compiled code.
export { byteAt, sar, shl, shr, signextend } from "./u256-bits";
export { addmod, div, mod, mulmod, sdiv, smod } from "./u256-division";
export { mul } from "./u256-products";
export { expand } from "./expansion";
export { hash } from "./keccak-memo";
export {
  calldatacopy, calldataload, codecopy, exp, log, mcopy, returndatacopy, returns,
} from "./data-operations";
export {
  balance, blobhash, blockhash, extcodehash, extcodesize, selfbalance, sload, sstore, tload, tstore,
} from "./state-operations";

import { returnBytes } from "./execution";
import { small } from "./u256";
import { clz256 } from "./u256-bits";

export function returndatasize(): u32 {
  return <u32>returnBytes;
}
export function clz(a: usize, out: usize): void {
  small(out, clz256(a));
}

/** What the kernel was built for. */
export function interfaceNumber(): i32 {
  return INTERFACE;
}

/** First of all calls. `secret`: 80 bytes at `scratch`. False without enough address space. */
export function init(
  accounts: u32, slots: u32, codeBytes: u32, memoEntries: u32, memoryBytes: u32, isResident: bool,
): bool {
  if (!layOut(accounts, slots, codeBytes, memoEntries, memoryBytes)) return false;
  setResident(isResident);
  forgetCodes();
  clearState();
  return true;
}
export function secret(at: usize): void {
  setSecret(at);
}

export function block(): usize {
  return BLOCK;
}
export function result(): usize {
  return RESULT;
}
export function missAt(): usize {
  return MISS;
}
export function opcodes(): usize {
  return OPCODES;
}
export function input(): usize {
  return INPUTS;
}
export function outcomes(): usize {
  return OUTCOMES;
}
export function inputEnd(): usize {
  return INPUT_END;
}
/** Room for columns and codes that the host hands over: behind the packed transaction, or the batch. */
export function scratch(): usize {
  return (max<usize>(INPUT + inputBytes(), batchEnd) + 63) & ~(<usize>63);
}
