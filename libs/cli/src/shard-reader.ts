/** Committed words and proofs straight from the state shards. */
import { decode, encode, type Message } from "@velarium/columns";
import { dial, type RpcConnection } from "@velarium/rpc";
import { hashKeys, KEY_HASH_BYTES, partitionOf, SLOT_KEY_BYTES, shardOfPartition } from "@velarium/slots";
import { combinedPath, combinedRoot, type StateProof } from "@velarium/state-tree";
import { GetReply, GetRequest, ProveReply, ProveRequest } from "@velarium/wire";

const SERVICE = "velarium.v1.StateShard";
const METHOD = "Read";
const ROOT_BYTES = 32;

/** A height that the shards no longer (or not yet) have. */
export class HeightError extends Error {
  readonly code = "unavailable";
}

export interface ProvenSlot {
  readonly height: number;
  readonly stateRoot: Uint8Array;
  readonly proof: StateProof;
}

export class ShardReader {
  private readonly shards: readonly RpcConnection[];
  private readonly partitions: number;

  private constructor(shards: readonly RpcConnection[], partitions: number) {
    this.shards = shards;
    this.partitions = partitions;
  }

  /** `addresses` of all shards, in order of their numbers. */
  static async connect(addresses: readonly string[], partitions: number): Promise<ShardReader> {
    return new ShardReader(await Promise.all(addresses.map((address) => dial(address))), partitions);
  }

  close(): void {
    for (const shard of this.shards) shard.close();
  }

  /** The word of a key (56 bytes) at a height; −1 is the newest durable block. */
  async word(
    key: Uint8Array,
    height: number,
  ): Promise<{ readonly height: number; readonly word: Uint8Array }> {
    const reply = decode(
      GetReply,
      await this.shards[this.shardOf(key)]!.call(SERVICE, METHOD, encode(GetRequest, { height, keys: key })),
    );
    requireHeight(reply, height);
    return { height: reply.height, word: reply.values.slice(0, ROOT_BYTES) };
  }

  /** The home shard proves up to its partition's root; all shards' roots complete the path to the state root. */
  async prove(key: Uint8Array, height: number): Promise<ProvenSlot> {
    const home = this.shardOf(key);
    const first = await this.proveOn(home, key, height);
    const roots = new Uint8Array(this.partitions * ROOT_BYTES);
    const seen = new Set<number>();
    const take = (reply: Message<typeof ProveReply>): void =>
      reply.partitions.forEach((partition, i) => {
        roots.set(reply.roots.subarray(i * ROOT_BYTES, (i + 1) * ROOT_BYTES), partition * ROOT_BYTES);
        seen.add(partition);
      });
    take(first);
    await Promise.all(
      this.shards.map(async (_, shard) => {
        if (shard !== home) take(await this.proveOn(shard, new Uint8Array(SLOT_KEY_BYTES), first.height));
      }),
    );
    if (seen.size !== this.partitions)
      throw new HeightError(
        `the shards hold ${seen.size} of ${this.partitions} partitions; give the addresses of all of them with --shard`,
      );
    const proof = JSON.parse(Buffer.from(first.proof).toString("utf8")) as StateProof;
    const partitionPath = combinedPath(roots, this.partitions, proof.partition).map((hash) =>
      Buffer.from(hash).toString("hex"),
    );
    return {
      height: first.height,
      stateRoot: combinedRoot(roots, this.partitions),
      proof: { ...proof, partitionPath },
    };
  }

  private shardOf(key: Uint8Array): number {
    const hash = new Uint8Array(KEY_HASH_BYTES);
    hashKeys(key, 1, hash);
    return shardOfPartition(partitionOf(hash, 0, this.partitions), this.shards.length);
  }

  private async proveOn(shard: number, key: Uint8Array, height: number): Promise<Message<typeof ProveReply>> {
    const reply = decode(
      ProveReply,
      await this.shards[shard]!.call(SERVICE, METHOD, encode(ProveRequest, { height, key })),
    );
    requireHeight(reply, height);
    return reply;
  }
}

function requireHeight(reply: { readonly status: number }, height: number): void {
  if (reply.status !== 0)
    throw new HeightError(
      `the shards do not have the state of block ${height}: only recent blocks can be proven`,
    );
}
