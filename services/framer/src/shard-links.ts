/** Connections to all state shards: the commit stream of each, and unary reads. */
import { decode, encode, type Message, schemaIdOf } from "@velarium/columns";
import { dial, type PackedStream, type RpcConnection } from "@velarium/rpc";
import { hashKeys, KEY_HASH_BYTES, partitionOf, SLOT_KEY_BYTES, shardOfPartition } from "@velarium/slots";
import { Committed, GetReply, GetRequest, RecordReply, RecordRequest, ShardState } from "@velarium/wire";

const RETRY_MS = 200;
/** Keys of one GetRequest: 0.9 MB. */
const READ_KEYS = 16_384;

export interface ShardEvents {
  onCommitted(message: Message<typeof Committed>): void;
  /** The commit stream is open (again). */
  onOpen(shard: number): void;
}

export class ShardLinks {
  private readonly addresses: readonly string[];
  private readonly partitions: number;
  private readonly events: ShardEvents;
  private readonly connections: RpcConnection[] = [];
  private readonly streams: (PackedStream | undefined)[] = [];
  private readonly states: (Message<typeof ShardState> | undefined)[] = [];
  private waiting: (() => void) | undefined;
  private stopped = false;

  constructor(addresses: readonly string[], partitions: number, events: ShardEvents) {
    this.addresses = addresses;
    this.partitions = partitions;
    this.events = events;
  }

  get count(): number {
    return this.addresses.length;
  }

  /** Connects and waits until every shard has said where it is. @throws RpcError `unreachable` */
  async start(timeoutMs: number): Promise<void> {
    this.connections.push(
      ...(await Promise.all(this.addresses.map((address) => dial(address, { timeoutMs })))),
    );
    const all = new Promise<void>((resolve) => {
      this.waiting = resolve;
    });
    for (let shard = 0; shard < this.count; shard++) this.open(shard);
    await all;
  }

  /** Lowest height that is durable on every shard, as they said when they were connected. */
  get height(): number {
    return Math.min(...this.states.map((s) => s!.durableHeight));
  }

  private open(shard: number): void {
    const stream = this.connections[shard]!.openStream("StateShard", "Commit");
    this.streams[shard] = stream;
    stream.onClose(() => {
      this.streams[shard] = undefined;
      if (!this.stopped) setTimeout(() => this.reopen(shard), RETRY_MS);
    });
    stream.onMessage((bytes) => {
      const id = schemaIdOf(bytes);
      if (id === Committed.id) this.events.onCommitted(decode(Committed, bytes));
      else if (id === ShardState.id) {
        this.states[shard] = decode(ShardState, bytes);
        if (this.waiting && this.addresses.every((_, i) => this.states[i])) {
          this.waiting();
          this.waiting = undefined;
        }
      }
    });
    this.events.onOpen(shard);
  }

  private reopen(shard: number): void {
    if (this.stopped) return;
    this.connections[shard]!.ready().then(
      () => {
        if (!this.stopped) this.open(shard);
      },
      () => setTimeout(() => this.reopen(shard), RETRY_MS),
    );
  }

  /** Sends on the commit stream; lost when it is down: `onOpen` tells when to send again. */
  send(shard: number, bytes: Uint8Array): void {
    const stream = this.streams[shard];
    if (stream && !stream.isClosed) stream.give(bytes);
  }

  /** Newest committed words of keys, 32 bytes each, one call per shard that has some. @throws RpcError */
  async words(keys: Uint8Array): Promise<Uint8Array> {
    const n = keys.length / SLOT_KEY_BYTES;
    const out = new Uint8Array(n * 32);
    const calls: Promise<void>[] = [];
    for (let from = 0; from < n; from += READ_KEYS) {
      const part = keys.subarray(from * SLOT_KEY_BYTES, Math.min(n, from + READ_KEYS) * SLOT_KEY_BYTES);
      calls.push(this.wordsInto(part, out.subarray(from * 32)));
    }
    await Promise.all(calls);
    return out;
  }

  private async wordsInto(keys: Uint8Array, out: Uint8Array): Promise<void> {
    const n = keys.length / SLOT_KEY_BYTES;
    const hashes = new Uint8Array(n * KEY_HASH_BYTES);
    hashKeys(keys, n, hashes);
    // Keys by shard, packed one after another; `order` says which key is where.
    const shards = this.count;
    const starts = new Uint32Array(shards + 1);
    const shardOf = new Uint16Array(n);
    for (let i = 0; i < n; i++) {
      const shard = shardOfPartition(partitionOf(hashes, i * KEY_HASH_BYTES, this.partitions), shards);
      shardOf[i] = shard;
      starts[shard + 1]!++;
    }
    for (let s = 0; s < shards; s++) starts[s + 1]! += starts[s]!;
    const next = starts.slice(0, shards);
    const order = new Uint32Array(n);
    const packed = new Uint8Array(n * SLOT_KEY_BYTES);
    for (let i = 0; i < n; i++) {
      const to = next[shardOf[i]!]!++;
      order[to] = i;
      for (let k = 0, at = i * SLOT_KEY_BYTES, out = to * SLOT_KEY_BYTES; k < SLOT_KEY_BYTES; k++)
        packed[out + k] = keys[at + k]!;
    }
    const calls: Promise<void>[] = [];
    for (let shard = 0; shard < shards; shard++) {
      const from = starts[shard]!;
      const to = starts[shard + 1]!;
      if (from < to)
        calls.push(
          this.wordsOf(shard, packed.subarray(from * SLOT_KEY_BYTES, to * SLOT_KEY_BYTES), order, from, out),
        );
    }
    await Promise.all(calls);
  }

  /** The words of one shard's keys, to where `order` (from `first` on) says. */
  private async wordsOf(
    shard: number,
    keys: Uint8Array,
    order: Uint32Array,
    first: number,
    out: Uint8Array,
  ): Promise<void> {
    const reply = await this.call(shard, encode(GetRequest, { height: -1, keys }));
    const { values } = decode(GetReply, reply);
    const n = keys.length / SLOT_KEY_BYTES;
    for (let i = 0; i < n; i++)
      for (let k = 0, to = order[first + i]! * 32; k < 32; k++) out[to + k] = values[i * 32 + k]!;
  }

  /** Every shard's part of the record of a block, with its roots. @throws RpcError */
  records(height: number): Promise<Message<typeof RecordReply>[]> {
    return Promise.all(
      this.addresses.map(async (_, shard) =>
        decode(RecordReply, await this.call(shard, encode(RecordRequest, { height }))),
      ),
    );
  }

  private call(shard: number, request: Uint8Array): Promise<Uint8Array> {
    return this.connections[shard]!.call("StateShard", "Read", request);
  }

  stop(): void {
    this.stopped = true;
    for (const connection of this.connections) connection.close();
  }
}
