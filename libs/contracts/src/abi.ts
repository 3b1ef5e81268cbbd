/** ABI encoding of static arguments, which is all that the contracts here take: a selector and 32-byte words. */
import { type Contract, ContractsError } from "./compiled.ts";

/** An address (20 bytes), a word (32 bytes) or a non-negative integer below 2^256. */
export type Argument = Uint8Array | bigint | number | boolean;

export function encodeWord(value: Argument): Uint8Array {
  const word = new Uint8Array(32);
  if (value instanceof Uint8Array) {
    if (value.length > 32) throw new RangeError(`an ABI word has 32 bytes, got ${value.length}`);
    word.set(value, 32 - value.length);
    return word;
  }
  const n = BigInt(value);
  if (n < 0n || n >> 256n !== 0n) throw new RangeError(`${n} does not fit uint256`);
  word.set(Buffer.from(n.toString(16).padStart(64, "0"), "hex"));
  return word;
}

export function encodeArguments(values: readonly Argument[]): Uint8Array {
  const out = new Uint8Array(32 * values.length);
  for (let i = 0; i < values.length; i++) out.set(encodeWord(values[i]!), i * 32);
  return out;
}

/** Calldata of `signature`, for example `encodeCall(token, "transfer(address,uint256)", [to, 5n])`. */
export function encodeCall(contract: Contract, signature: string, values: readonly Argument[]): Uint8Array {
  const selector = contract.selectors[signature];
  if (!selector)
    throw new ContractsError(
      "signature",
      `${contract.name} has no ${signature}; it has ${Object.keys(contract.selectors).join(", ")}`,
    );
  const out = new Uint8Array(4 + 32 * values.length);
  out.set(selector);
  out.set(encodeArguments(values), 4);
  return out;
}

/** Creation code with constructor arguments. */
export function encodeDeploy(contract: Contract, values: readonly Argument[]): Uint8Array {
  const out = new Uint8Array(contract.bytecode.length + 32 * values.length);
  out.set(contract.bytecode);
  out.set(encodeArguments(values), contract.bytecode.length);
  return out;
}

/** Word `index` of returned data as an integer. */
export function decodeWord(data: Uint8Array, index = 0): bigint {
  return BigInt(`0x${Buffer.from(data.subarray(index * 32, index * 32 + 32)).toString("hex") || "0"}`);
}
