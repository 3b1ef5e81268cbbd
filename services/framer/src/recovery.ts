/** What a framer starts from: the record of the lowest durable block, and the frames above it. */
import {
  type BlockHeader,
  decodeBlockRecord,
  decodeHeader,
  encodeHeader,
  genesisBlockHeader,
  headerHash,
  joinRecord,
  sealHeader,
} from "@velarium/blocks";
import type { ChainRules } from "@velarium/chain-rules";
import { decode, encode, schemaIdOf } from "@velarium/columns";
import type { Framer, FramerStart } from "@velarium/framer-core";
import type { GenesisHead } from "@velarium/genesis";
import { KitError } from "@velarium/service-kit";
import { combinedRoot } from "@velarium/state-tree";
import { type LogStream, StreamError } from "@velarium/streams";
import { BlockOpen, Frame, TermMarker } from "@velarium/wire";
import type { ShardLinks } from "./shard-links.ts";

const KEPT_HASHES = 256;
/** Another framer's last messages may still be on their way. */
const MARKER_ATTEMPTS = 5;

export type StartFacts = Omit<FramerStart, "term">;

/** @throws KitError when the shards' records do not fit together */
export async function readStart(
  shards: ShardLinks,
  partitions: number,
  genesis: GenesisHead,
  chain: ChainRules,
): Promise<StartFacts> {
  const { height } = shards;
  const replies = await shards.records(height);
  const roots = new Uint8Array(partitions * 32);
  const have = new Set<number>();
  for (const reply of replies)
    reply.partitions.forEach((partition, i) => {
      roots.set(reply.roots.subarray(i * 32, i * 32 + 32), partition * 32);
      have.add(partition);
    });
  if (have.size !== partitions)
    throw new KitError(
      "options",
      `the shards know the roots of ${have.size} partitions at block ${height}, expected ${partitions}`,
    );
  const stateRoot = combinedRoot(roots, partitions);
  if (height === genesis.header.number) {
    const rules = chain.rulesAt(height, genesis.header.timestamp);
    const header = genesisBlockHeader(genesis.header, rules.header, stateRoot);
    return {
      ...feeFacts(header),
      height,
      closeSeq: replies[0]!.closeSeq,
      watermark: 1,
      resolved: new Float64Array(0),
      hashes: headerHash(encodeHeader(header)),
    };
  }
  const record = decodeBlockRecord(joinRecord(replies.map((reply) => reply.stripe)));
  const sealed = sealHeader(record.header, stateRoot);
  const kept = record.ancestors.subarray(Math.max(0, record.ancestors.length - (KEPT_HASHES - 1) * 32));
  const hashes = new Uint8Array(kept.length + 32);
  hashes.set(kept);
  hashes.set(headerHash(sealed), kept.length);
  return {
    ...feeFacts(decodeHeader(sealed)),
    height,
    closeSeq: record.lastSeq,
    watermark: record.watermark,
    resolved: record.resolved.slice(),
    hashes,
  };
}

function feeFacts(header: BlockHeader) {
  const baseFee = new Uint8Array(32);
  let rest = header.baseFeePerGas ?? 0n;
  for (let i = 31; rest > 0n; i--, rest >>= 8n) baseFee[i] = Number(rest & 255n);
  return {
    time: header.timestamp,
    gasUsed: header.gasUsed,
    gasLimit: header.gasLimit,
    blobGasUsed: header.blobGasUsed ?? 0,
    excessBlobGas: header.excessBlobGas ?? 0,
    baseFee,
  };
}

/** The `frames` stream as an earlier life left it. */
export interface EarlierFrames {
  readonly messages: Uint8Array[];
  readonly last: number;
  /** Where each block begins. */
  readonly opens: Map<number, number>;
  readonly term: number;
}

/** Reads `frames` to its end and takes it over with a marker of the next term. @throws StreamError, KitError */
export async function takeOver(frames: LogStream): Promise<EarlierFrames> {
  const messages: Uint8Array[] = [];
  const opens = new Map<number, number>();
  let term = 0;
  let read = 0;
  for (let attempt = 0; attempt < MARKER_ATTEMPTS; attempt++) {
    const { first, last } = await frames.info();
    if (first <= last && read < last)
      await readThrough(frames, Math.max(read + 1, first), last, (sequence, bytes) => {
        messages.push(bytes.slice());
        const id = schemaIdOf(bytes);
        if (id === TermMarker.id) term = Math.max(term, decode(TermMarker, bytes).term);
        else if (id === BlockOpen.id) {
          const open = decode(BlockOpen, bytes);
          term = Math.max(term, open.term);
          opens.set(open.number, sequence);
        } else if (id === Frame.id) term = Math.max(term, decode(Frame, bytes).term);
      });
    read = last;
    try {
      const sequence = await frames.appendExpecting(encode(TermMarker, { term: term + 1 }), last);
      return { messages, last: sequence, opens, term: term + 1 };
    } catch (error) {
      if (!(error instanceof StreamError) || error.code !== "sequence-mismatch") throw error;
    }
  }
  throw new KitError("options", "another framer appends to the frames stream: only one may be active");
}

function readThrough(
  stream: LogStream,
  from: number,
  through: number,
  take: (sequence: number, bytes: Uint8Array) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const consumption = stream.consume(
      from,
      (sequence, bytes) => {
        if (sequence > through) return;
        take(sequence, bytes);
        if (sequence === through) {
          queueMicrotask(() => consumption.stop());
          resolve();
        }
      },
      reject,
    );
  });
}

/** Repeats the earlier frames in a new core. */
export function replayInto(framer: Framer, earlier: EarlierFrames): void {
  for (const bytes of earlier.messages) {
    const id = schemaIdOf(bytes);
    if (id === TermMarker.id) framer.replayTermMarker(decode(TermMarker, bytes).term);
    else if (id === Frame.id) framer.replayFrame(decode(Frame, bytes));
    else framer.replay(id, bytes);
  }
}
