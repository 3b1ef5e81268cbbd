/** Failed executions as the errors that client libraries know from other nodes. */
import type { ExecutionResult, OutcomeReason } from "@velarium/engine";
import { CallError, REVERTED, SERVER_ERROR } from "./call-params.ts";

const MESSAGES: Partial<Record<OutcomeReason, string>> = {
  "insufficient-funds": "insufficient funds for gas * price + value",
  "intrinsic-gas": "intrinsic gas too low",
  "gas-limit": "exceeds block gas limit",
  "initcode-size": "max initcode size exceeded",
  "type-unsupported": "transaction type not supported",
  "nonce-max": "nonce has max value",
};

/** Selectors of Error(string) and Panic(uint256). */
const ERROR_SELECTOR = "08c379a0";
const PANIC_SELECTOR = "4e487b71";
/** Meanings of panic codes, from Solidity's documentation. */
const PANICS: Readonly<Record<number, string>> = {
  0: "generic panic",
  1: "assert(false)",
  17: "arithmetic underflow or overflow",
  18: "division or modulo by zero",
  33: "enum overflow",
  34: "invalid encoded storage byte array accessed",
  49: "out-of-bounds array access; popping on an empty array",
  50: "out-of-bounds access of an array or bytesN",
  65: "out of memory",
  81: "uninitialized function",
};

const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;

/** Text of a revert; undefined when the data holds none. */
export function revertReason(data: Uint8Array): string | undefined {
  const bytes = Buffer.from(data);
  const selector = bytes.subarray(0, 4).toString("hex");
  if (selector === PANIC_SELECTOR && bytes.length >= 36) {
    const code = bytes.readUInt32BE(32);
    return PANICS[code] ?? `unknown panic code: 0x${code.toString(16)}`;
  }
  if (selector !== ERROR_SELECTOR || bytes.length < 68) return undefined;
  const size = bytes.readUInt32BE(64);
  if (bytes.readUInt32BE(32) !== 32 || 68 + size > bytes.length) return undefined;
  return bytes.subarray(68, 68 + size).toString("utf8");
}

/** The error of a result that is no success. `gasLimit`: what the call was given. */
export function failureOf(result: ExecutionResult, gasLimit: number): CallError {
  if (result.outcome !== "included") {
    const reason = result.reason ?? "diverged";
    return new CallError(SERVER_ERROR, MESSAGES[reason] ?? `transaction not executable: ${reason}`);
  }
  // Only REVERT leaves gas over.
  if (result.returnData.length === 0 && result.gasUsed >= gasLimit)
    return new CallError(SERVER_ERROR, "out of gas (or an invalid instruction, which takes all gas)");
  const reason = revertReason(result.returnData);
  const message = reason === undefined ? "execution reverted" : `execution reverted: ${reason}`;
  return new CallError(REVERTED, message, hex(result.returnData));
}
