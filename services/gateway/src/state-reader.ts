/** Committed state by way of the shards: keys are grouped by the shard that holds them, one call each. */
import { decode, encode, type Message } from "@velarium/columns";
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
import { CodeReply, CodeRequest, GetReply, GetRequest, ProveReply, ProveRequest } from "@velarium/wire";
import { JsonRpcError, RpcCode } from "./rpc-error.ts";

const SERVICE = "velarium.v1.StateShard";
const METHOD = "Read";

export class StateReader {
  private readonly shards: readonly RpcConnection[];
  private readonly partitions: number;

  constructor(shards: readonly RpcConnection[], partitions: number) {
    this.shards = shards;
    this.partitions = partitions;
  }

  /** Words of keys (56 bytes each) at a height; −1 is the newest durable block. @throws JsonRpcError when a shard no longer has that height */
  async words(keys: readonly Uint8Array[], height: number): Promise<Uint8Array[]> {
    const groups = new Map<number, number[]>();
    keys.forEach((key, i) => {
      const shard = this.shardOf(key);
      const group = groups.get(shard);
      if (group) group.push(i);
      else groups.set(shard, [i]);
    });
    const out = new Array<Uint8Array>(keys.length);
    await Promise.all(
      [...groups].map(async ([shard, rows]) => {
        const packed = new Uint8Array(rows.length * SLOT_KEY_BYTES);
        rows.forEach((row, i) => packed.set(keys[row]!, i * SLOT_KEY_BYTES));
        const reply = decode(
          GetReply,
          await this.shards[shard]!.call(SERVICE, METHOD, encode(GetRequest, { height, keys: packed })),
        );
        requireHeight(reply, height);
        rows.forEach((row, i) => {
          out[row] = reply.values.slice(i * WORD_BYTES, (i + 1) * WORD_BYTES);
        });
      }),
    );
    return out;
  }

  /** Code by the first 28 bytes of its hash; undefined when nobody has it. */
  async code(prefix: Uint8Array): Promise<Uint8Array | undefined> {
    const partition = partitionOf(prefix, 0, this.partitions);
    const shard = this.shards[shardOfPartition(partition, this.shards.length)]!;
    const request = encode(CodeRequest, { prefixes: prefix.subarray(0, CODE_HASH_PREFIX_BYTES) });
    const reply = decode(CodeReply, await shard.call(SERVICE, METHOD, request));
    return reply.found[0] === 1 ? reply.codes.blob.slice() : undefined;
  }

  /** A partition's proof for a key, and the roots of all partitions, ascending. */
  async prove(
    key: Uint8Array,
    height: number,
  ): Promise<{ height: number; proof: unknown; roots: Uint8Array[] }> {
    const home = this.shardOf(key);
    const first = await this.proveOn(home, key, height);
    requireHeight(first, height);
    const roots = new Array<Uint8Array>(this.partitions);
    const take = (reply: Message<typeof ProveReply>): void =>
      reply.partitions.forEach((partition, i) => {
        roots[partition] = reply.roots.slice(i * 32, (i + 1) * 32);
      });
    take(first);
    await Promise.all(
      this.shards.map(async (_, shard) => {
        if (shard === home) return;
        const reply = await this.proveOn(shard, new Uint8Array(SLOT_KEY_BYTES), first.height);
        requireHeight(reply, first.height);
        take(reply);
      }),
    );
    return { height: first.height, proof: JSON.parse(Buffer.from(first.proof).toString("utf8")), roots };
  }

  private shardOf(key: Uint8Array): number {
    const hash = new Uint8Array(KEY_HASH_BYTES);
    hashKeys(key, 1, hash);
    return shardOfPartition(partitionOf(hash, 0, this.partitions), this.shards.length);
  }

  private async proveOn(shard: number, key: Uint8Array, height: number): Promise<Message<typeof ProveReply>> {
    return decode(
      ProveReply,
      await this.shards[shard]!.call(SERVICE, METHOD, encode(ProveRequest, { height, key })),
    );
  }
}

function requireHeight(reply: { readonly status: number }, height: number): void {
  if (reply.status !== 0) {
    throw new JsonRpcError(
      RpcCode.unavailable,
      `state of block ${height} is not kept any more: only recent blocks can be read`,
    );
  }
}
