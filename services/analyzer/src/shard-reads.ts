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

interface Waiting {
  readonly keys: Uint8Array;
  readonly count: number;
  readonly partitions: Uint8Array;
  readonly resolve: (words: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

export class ShardReads implements SlotSource {
  height = 0;
  requests = 0;
  private readonly shards: readonly RpcConnection[];
  private readonly partitions: number;
  private waiting: Waiting[] = [];

  constructor(shards: readonly RpcConnection[], partitions: number) {
    this.shards = shards;
    this.partitions = partitions;
  }

  /** Reads of the newest state that are asked for in one turn of the event loop travel together. */
  read(keys: Uint8Array, count: number, height: number, partitions?: Uint8Array): Promise<Uint8Array> {
    if (height >= 0) return this.readNow(keys, count, height, partitions ?? this.partitionsOf(keys, count));
    return new Promise((resolve, reject) => {
      this.waiting.push({
        keys,
        count,
        partitions: partitions ?? this.partitionsOf(keys, count),
        resolve,
        reject,
      });
      if (this.waiting.length === 1) setImmediate(() => void this.readWaiting());
    });
  }

  private async readWaiting(): Promise<void> {
    const all = this.waiting;
    this.waiting = [];
    const count = all.reduce((n, one) => n + one.count, 0);
    const keys = new Uint8Array(count * SLOT_KEY_BYTES);
    const partitions = new Uint8Array(count);
    let at = 0;
    for (const one of all) {
      keys.set(one.keys.subarray(0, one.count * SLOT_KEY_BYTES), at * SLOT_KEY_BYTES);
      partitions.set(one.partitions.subarray(0, one.count), at);
      at += one.count;
    }
    try {
      const words = await this.readNow(keys, count, -1, partitions);
      at = 0;
      for (const one of all) one.resolve(words.subarray(at * WORD_BYTES, (at += one.count) * WORD_BYTES));
    } catch (error) {
      for (const one of all) one.reject(error);
    }
  }

  private async readNow(
    keys: Uint8Array,
    count: number,
    height: number,
    partitions: Uint8Array,
  ): Promise<Uint8Array> {
    const shards = this.shards.length;
    const words = new Uint8Array(count * WORD_BYTES);
    const requests: Promise<void>[] = [];
    for (let shard = 0; shard < shards; shard++) {
      let rows = 0;
      for (let i = 0; i < count; i++) if (shardOfPartition(partitions[i]!, shards) === shard) rows++;
      if (rows > 0) requests.push(this.readFrom(shard, rows, keys, height, partitions, words));
    }
    await Promise.all(requests);
    return words;
  }

  /** Asks one shard for its `rows` of the keys, and puts the words where they belong. */
  private async readFrom(
    shard: number,
    rows: number,
    keys: Uint8Array,
    height: number,
    partitions: Uint8Array,
    words: Uint8Array,
  ): Promise<void> {
    const places = new Uint32Array(rows);
    const packed = new Uint8Array(rows * SLOT_KEY_BYTES);
    const shards = this.shards.length;
    for (let i = 0, row = 0, to = 0; row < rows; i++) {
      if (shardOfPartition(partitions[i]!, shards) !== shard) continue;
      places[row++] = i;
      const from = i * SLOT_KEY_BYTES;
      for (let j = 0; j < SLOT_KEY_BYTES; j++) packed[to++] = keys[from + j]!;
    }
    const { values } = await this.get(shard, packed, height);
    if (values.length !== rows * WORD_BYTES)
      throw new AnalyzerError("state", `shard ${shard} answered ${values.length} bytes for ${rows} keys`);
    for (let row = 0, from = 0; row < rows; row++) {
      const to = places[row]! * WORD_BYTES;
      for (let j = 0; j < WORD_BYTES; j++) words[to + j] = values[from++]!;
    }
  }

  async code(prefix: Uint8Array): Promise<Uint8Array | undefined> {
    const shard = shardOfPartition(partitionOf(prefix, 0, this.partitions), this.shards.length);
    const request = encode(CodeRequest, { prefixes: prefix.subarray(0, CODE_HASH_PREFIX_BYTES) });
    const reply = decode(CodeReply, await this.call(shard, request));
    return reply.found[0] === 1 ? new Uint8Array(reply.codes.blob) : undefined;
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

  private partitionsOf(keys: Uint8Array, count: number): Uint8Array {
    const hashes = new Uint8Array(count * KEY_HASH_BYTES);
    hashKeys(keys, count, hashes);
    return Uint8Array.from({ length: count }, (_, i) =>
      partitionOf(hashes, i * KEY_HASH_BYTES, this.partitions),
    );
  }
}
