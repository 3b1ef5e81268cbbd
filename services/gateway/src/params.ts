/** Parameters of JSON-RPC methods: each reader checks one and throws invalid-params with what was expected. */
import { JsonRpcError, RpcCode } from "./rpc-error.ts";

const invalid = (message: string): never => {
  throw new JsonRpcError(RpcCode.invalidParams, message);
};

export function bytesParam(value: unknown, name: string, length?: number): Uint8Array {
  if (typeof value !== "string" || !/^0x([0-9a-fA-F]{2})*$/.test(value))
    return invalid(`${name}: expected 0x-prefixed bytes`);
  const bytes = new Uint8Array(Buffer.from(value.slice(2), "hex"));
  if (length !== undefined && bytes.length !== length)
    return invalid(`${name}: expected ${length} bytes, got ${bytes.length}`);
  return bytes;
}

export const addressParam = (value: unknown, name = "address"): Uint8Array => bytesParam(value, name, 20);
export const hashParam = (value: unknown, name = "hash"): Uint8Array => bytesParam(value, name, 32);

/** A storage slot: a 32-byte word, or a quantity as some clients send it. */
export function slotParam(value: unknown): Uint8Array {
  if (typeof value !== "string" || !/^0x[0-9a-fA-F]{1,64}$/.test(value))
    return invalid("slot: expected up to 32 bytes in hex");
  return new Uint8Array(Buffer.from(value.slice(2).padStart(64, "0"), "hex"));
}

export function quantityParam(value: unknown, name: string): bigint {
  if (typeof value !== "string" || !/^0x[0-9a-fA-F]{1,64}$/.test(value))
    return invalid(`${name}: expected a 0x-prefixed quantity`);
  return BigInt(value);
}

export type BlockTag = "latest" | "pending" | "safe" | "finalized" | "earliest";
/** A block as clients name it: a tag or a number; by hash in the object form of EIP-1898. */
export type BlockParam =
  | { readonly tag: BlockTag }
  | { readonly number: number }
  | { readonly hash: Uint8Array };

const TAGS = ["latest", "pending", "safe", "finalized", "earliest"];

export function blockParam(value: unknown): BlockParam {
  if (value === undefined || value === null) return { tag: "latest" };
  if (typeof value === "string" && TAGS.includes(value)) return { tag: value as BlockTag };
  if (typeof value === "string" && /^0x[0-9a-fA-F]{1,13}$/.test(value))
    return { number: Number(BigInt(value)) };
  if (typeof value === "object") {
    const { blockHash, blockNumber } = value as Record<string, unknown>;
    if (blockHash !== undefined) return { hash: hashParam(blockHash, "blockHash") };
    if (blockNumber !== undefined) return blockParam(blockNumber);
  }
  return invalid("block: expected a number, latest, pending, safe, finalized, earliest, or {blockHash}");
}

export const hex = (bytes: Uint8Array): string =>
  `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`;
export const quantity = (value: number | bigint): string => `0x${value.toString(16)}`;
