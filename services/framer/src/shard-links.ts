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
    if (stream && !stream.isClosed) stream.send(bytes);
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
    const rows: number[][] = this.addresses.map(() => []);
    for (let i = 0; i < n; i++)
      rows[shardOfPartition(partitionOf(hashes, i * KEY_HASH_BYTES, this.partitions), this.count)]!.push(i);
    await Promise.all(
      rows.map(async (mine, shard) => {
        if (mine.length === 0) return;
        const packed = new Uint8Array(mine.length * SLOT_KEY_BYTES);
        for (const [i, row] of mine.entries())
          packed.set(keys.subarray(row * SLOT_KEY_BYTES, (row + 1) * SLOT_KEY_BYTES), i * SLOT_KEY_BYTES);
        const reply = decode(
          GetReply,
          await this.call(shard, encode(GetRequest, { height: -1, keys: packed })),
        );
        for (const [i, row] of mine.entries()) out.set(reply.values.subarray(i * 32, i * 32 + 32), row * 32);
      }),
    );
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
