/** Filters of `eth_getLogs`. */
import { BLOOM_BYTES, BloomBits, toHex } from "@velarium/blocks";
import { bytesParam } from "./params.ts";
import { JsonRpcError, RpcCode } from "./rpc-error.ts";

export interface LogFilter {
  /** Any of these; empty for all. */
  readonly addresses: readonly string[];
  /** By place: any of these, or null for all. */
  readonly topics: readonly (readonly string[] | null)[];
}

const MAX_ALTERNATIVES = 1000;

export function logFilterOf(param: unknown): LogFilter {
  if (typeof param !== "object" || param === null)
    throw new JsonRpcError(RpcCode.invalidParams, "expected a filter object");
  const { address, topics } = param as Record<string, unknown>;
  if (topics !== undefined && topics !== null && (!Array.isArray(topics) || topics.length > 4)) {
    throw new JsonRpcError(RpcCode.invalidParams, "topics: expected up to four places");
  }
  return {
    addresses: address === undefined || address === null ? [] : alternatives(address, "address", 20),
    topics: ((topics ?? []) as unknown[]).map((topic) =>
      topic === null || (Array.isArray(topic) && topic.length === 0)
        ? null
        : alternatives(topic, "topic", 32),
    ),
  };
}

function alternatives(value: unknown, name: string, length: number): string[] {
  const list = Array.isArray(value) ? value : [value];
  if (list.length > MAX_ALTERNATIVES)
    throw new JsonRpcError(RpcCode.invalidParams, `${name}: at most ${MAX_ALTERNATIVES} alternatives`);
  return list.map((item) => toHex(bytesParam(item, name, length)));
}

const bits = new BloomBits();

function inBloom(bloom: Uint8Array, item: string): boolean {
  const own = new Uint8Array(BLOOM_BYTES);
  const bytes = new Uint8Array(Buffer.from(item.slice(2), "hex"));
  bits.add(bytes, 0, bytes.length, own, 0);
  return own.every((byte, i) => (byte & bloom[i]!) === byte);
}

/** False when no log of the block can match. */
export function mayContain(bloom: Uint8Array, filter: LogFilter): boolean {
  if (filter.addresses.length > 0 && !filter.addresses.some((a) => inBloom(bloom, a))) return false;
  return filter.topics.every((place) => place === null || place.some((t) => inBloom(bloom, t)));
}

export function matches(log: Record<string, unknown>, filter: LogFilter): boolean {
  if (filter.addresses.length > 0 && !filter.addresses.includes(log["address"] as string)) return false;
  const topics = log["topics"] as string[];
  return filter.topics.every(
    (place, i) => place === null || (topics[i] !== undefined && place.includes(topics[i])),
  );
}
