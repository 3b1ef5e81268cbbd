/**
 * Blocks that are durable on every shard but not in the `blocks` stream: the framer ended between the last shard's answer
 * and the announcement, or the stream is a new one. They are announced again from the shards' records.
 */
import { chunkRecord, decodeBlockRecord, encodeBlockRecord, joinRecord, sealHeader } from "@velarium/blocks";
import { decode, encode } from "@velarium/columns";
import { combinedRoot } from "@velarium/state-tree";
import type { LogStream } from "@velarium/streams";
import { BlockChunk } from "@velarium/wire";
import type { ShardLinks } from "./shard-links.ts";

/** A new stream gets so many of the newest blocks: what clients ask for most. */
const MOST_BLOCKS = 32;

/** Returns how many blocks were announced. Resolves when they are stored. @throws StreamError, RpcError */
export async function announceMissing(
  shards: ShardLinks,
  partitions: number,
  blocks: LogStream,
  genesisHeight: number,
): Promise<number> {
  const { height } = shards;
  const from = Math.max(await lastAnnounced(blocks), genesisHeight, height - MOST_BLOCKS) + 1;
  let announced = 0;
  for (let number = from; number <= height; number++) {
    const record = await sealedRecord(shards, partitions, number);
    if (!record) continue; // log space of old records is given back
    const parts = chunkRecord(record);
    for (const [index, bytes] of parts.entries()) {
      await blocks.append(
        encode(BlockChunk, { number, index, count: parts.length, announcedMs: Date.now(), bytes }),
      );
    }
    announced++;
  }
  return announced;
}

async function sealedRecord(
  shards: ShardLinks,
  partitions: number,
  number: number,
): Promise<Uint8Array | undefined> {
  const replies = await shards.records(number);
  if (replies.some((reply) => reply.status !== 0)) return undefined;
  const roots = new Uint8Array(partitions * 32);
  for (const reply of replies) {
    for (const [i, partition] of reply.partitions.entries())
      roots.set(reply.roots.subarray(i * 32, i * 32 + 32), partition * 32);
  }
  const record = decodeBlockRecord(joinRecord(replies.map((reply) => reply.stripe)));
  return encodeBlockRecord({
    ...record,
    header: sealHeader(record.header, combinedRoot(roots, partitions)),
    sealed: 1,
  });
}

/** Number of the newest block whose last chunk is in the stream; −1 when it is empty. */
async function lastAnnounced(blocks: LogStream): Promise<number> {
  const { first, last } = await blocks.info();
  if (last < first) return -1;
  return new Promise((resolve, reject) => {
    const consumption = blocks.consume(
      last,
      (_sequence, bytes) => {
        const chunk = decode(BlockChunk, bytes);
        queueMicrotask(() => consumption.stop());
        // A block whose chunks are not all there is announced again, whole.
        resolve(chunk.index === chunk.count - 1 ? chunk.number : chunk.number - 1);
      },
      reject,
    );
  });
}
