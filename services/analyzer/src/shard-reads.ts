/** Committed state by way of the shards: keys are grouped by the shard that holds them, one request each. */
import { AnalyzerError, type SlotSource } from "@velarium/analyzer-core";
import { decode, encode } from "@velarium/columns";
import type { RpcConnection } from "@velarium/rpc";
import {
  CODE_HASH_PREFIX_BYTES,
  hashKeys,
  KEY_HASH_BYTES,
  partitionOf,
  SLOT_KEY_BYTES,
  shardOfPartition,
  WORD_BYTES,
} from "@velarium/slots";
import { CodeReply, CodeRequest, GetReply, GetRequest } from "@velarium/wire";

const SERVICE = "StateShard";
const METHOD = "Read";
const READ_TIMEOUT_MS = 10_000;

export class ShardReads implements SlotSource {
  height = 0;
  requests = 0;
  private readonly shards: readonly RpcConnection[];
  private readonly partitions: number;

  constructor(shards: readonly RpcConnection[], partitions: number) {
    this.shards = shards;
    this.partitions = partitions;
  }

  async read(keys: Uint8Array, count: number, height: number): Promise<Uint8Array> {
    const out = new Uint8Array(count * WORD_BYTES);
    const groups = this.group(keys, count);
    await Promise.all(
      groups.map(async (rows, shard) => {
        if (rows.length === 0) return;
        const packed = new Uint8Array(rows.length * SLOT_KEY_BYTES);
        rows.forEach((row, i) => {
          packed.set(keys.subarray(row * SLOT_KEY_BYTES, (row + 1) * SLOT_KEY_BYTES), i * SLOT_KEY_BYTES);
        });
        const { values } = await this.get(shard, packed, height);
        if (values.length !== rows.length * WORD_BYTES)
          throw new AnalyzerError(
            "state",
            `shard ${shard} answered ${values.length} bytes for ${rows.length} keys`,
          );
        rows.forEach((row, i) => {
          out.set(values.subarray(i * WORD_BYTES, (i + 1) * WORD_BYTES), row * WORD_BYTES);
        });
      }),
    );
    return out;
  }

  async code(prefix: Uint8Array): Promise<Uint8Array | undefined> {
    const shard = shardOfPartition(partitionOf(prefix, 0, this.partitions), this.shards.length);
    const request = encode(CodeRequest, { prefixes: prefix.subarray(0, CODE_HASH_PREFIX_BYTES) });
    const reply = decode(CodeReply, await this.call(shard, request));
    return reply.found[0] === 1 ? reply.codes.blob.slice() : undefined;
  }

  /** The newest height that is durable on every shard, so that reads at it agree. */
  async commonHeight(): Promise<number> {
    const heights = await Promise.all(
      this.shards.map(async (_, shard) => (await this.get(shard, new Uint8Array(0), -1)).height),
    );
    return Math.min(...heights);
  }

  private async get(shard: number, keys: Uint8Array, height: number) {
    const reply = decode(GetReply, await this.call(shard, encode(GetRequest, { height, keys })));
    if (reply.status !== 0)
      throw new AnalyzerError(
        "height",
        `state of block ${height} is not available: only recent blocks are kept`,
      );
    if (height < 0 && reply.height > this.height) this.height = reply.height;
    return reply;
  }

  private call(shard: number, request: Uint8Array): Promise<Uint8Array> {
    this.requests++;
    return this.shards[shard]!.call(SERVICE, METHOD, request, { timeoutMs: READ_TIMEOUT_MS });
  }

  /** Rows per shard. */
  private group(keys: Uint8Array, count: number): number[][] {
    const hashes = new Uint8Array(count * KEY_HASH_BYTES);
    hashKeys(keys, count, hashes);
    const groups: number[][] = this.shards.map(() => []);
    for (let i = 0; i < count; i++) {
      const partition = partitionOf(hashes, i * KEY_HASH_BYTES, this.partitions);
      groups[shardOfPartition(partition, this.shards.length)]!.push(i);
    }
    return groups;
  }
}
