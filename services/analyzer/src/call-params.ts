/** The call object of JSON-RPC, checked. */
import type { AccessListEntry, CallRequest } from "@velarium/engine";

/** A JSON-RPC error: code, message, data. */
export class CallError extends Error {
  readonly code: number;
  readonly data: string | undefined;
  constructor(code: number, message: string, data?: string) {
    super(message);
    this.name = "CallError";
    this.code = code;
    this.data = data;
  }
}

export const INVALID_PARAMS = -32602;
export const SERVER_ERROR = -32000;
export const REVERTED = 3;

type Fields = Readonly<Record<string, unknown>>;

const invalid = (field: string, expected: string, value: unknown): CallError =>
  new CallError(INVALID_PARAMS, `${field}: expected ${expected}, got ${JSON.stringify(value)}`);

function bytes(value: unknown, field: string, size?: number): Uint8Array {
  if (typeof value !== "string" || !/^0x([0-9a-fA-F]{2})*$/.test(value))
    throw invalid(field, "0x and hexadecimal bytes", value);
  if (size !== undefined && value.length !== 2 + 2 * size) throw invalid(field, `${size} bytes`, value);
  return new Uint8Array(Buffer.from(value.slice(2), "hex"));
}

function quantity(value: unknown, field: string, bits: number): bigint {
  if (typeof value !== "string" || !/^0x[0-9a-fA-F]{1,64}$/.test(value))
    throw invalid(field, "0x and a hexadecimal number", value);
  const number = BigInt(value);
  if (number >> BigInt(bits)) throw invalid(field, `a number of ${bits} bits`, value);
  return number;
}

function accessList(value: unknown): AccessListEntry[] {
  if (!Array.isArray(value)) throw invalid("accessList", "an array", value);
  return value.map((entry: unknown, i) => {
    const { address, storageKeys } = (entry ?? {}) as Fields;
    const field = `accessList[${i}]`;
    if (!Array.isArray(storageKeys)) throw invalid(`${field}.storageKeys`, "an array", storageKeys);
    return {
      address: bytes(address, `${field}.address`, 20),
      storageKeys: storageKeys.map((key) => bytes(key, `${field}.storageKeys`, 32)),
    };
  });
}

/** @throws CallError −32602 */
export function callOf(tx: unknown): CallRequest {
  if (tx === null || typeof tx !== "object" || Array.isArray(tx))
    throw invalid("transaction", "an object", tx);
  const fields = tx as Fields;
  const given = <T>(name: string, read: (value: unknown, field: string) => T): T | undefined =>
    fields[name] === undefined || fields[name] === null ? undefined : read(fields[name], name);
  const wei = (value: unknown, field: string): bigint => quantity(value, field, 256);
  const data = given("data", bytes);
  const input = given("input", bytes);
  if (data !== undefined && input !== undefined && Buffer.compare(data, input) !== 0)
    throw new CallError(INVALID_PARAMS, 'both "data" and "input" are set and not equal');
  const legacy = given("gasPrice", wei);
  const cap = given("maxFeePerGas", wei);
  if (legacy !== undefined && cap !== undefined)
    throw new CallError(INVALID_PARAMS, "both gasPrice and maxFeePerGas specified");
  const gas = given("gas", (value, field) => quantity(value, field, 64));
  return {
    from: given("from", (value, field) => bytes(value, field, 20)),
    to: given("to", (value, field) => bytes(value, field, 20)),
    // Every cap is below 2^53: more is as much as that.
    gas: gas === undefined || gas === 0n ? undefined : Number(gas > 2n ** 53n ? 2n ** 53n : gas),
    gasPrice: legacy ?? cap,
    value: given("value", wei),
    data: input ?? data,
    accessList: given("accessList", accessList),
  };
}
