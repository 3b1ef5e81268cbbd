/** What compiled modules import: the kernel's memory, and its functions under the names of docs/engine.md. */
import type { KernelExports } from "./wasm.ts";

/** Export of the assembly by import name, where they differ. */
const RENAMED: Readonly<Record<string, string>> = { byte: "byteAt", keccak: "hash" };

const NAMES = [
  "mul",
  "div",
  "sdiv",
  "mod",
  "smod",
  "addmod",
  "mulmod",
  "signextend",
  "shl",
  "shr",
  "sar",
  "byte",
  "exp",
  "clz",
  "expand",
  "keccak",
  "calldataload",
  "calldatacopy",
  "codecopy",
  "returndatacopy",
  "mcopy",
  "returndatasize",
  "sload",
  "sstore",
  "tload",
  "tstore",
  "balance",
  "extcodesize",
  "extcodehash",
  "selfbalance",
  "blockhash",
  "blobhash",
  "log",
  "returns",
  "interpret",
  "block",
] as const;

export function compiledImports(kernel: KernelExports): Readonly<Record<string, unknown>> {
  const exports = kernel as unknown as Readonly<Record<string, unknown>>;
  const k = Object.fromEntries(NAMES.map((name) => [name, exports[RENAMED[name] ?? name]]));
  return { env: { memory: kernel.memory }, k };
}
