/** The service on real sockets: shards, scheduler, executor and analyzer are played by the test. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import {
  type BlockRecord,
  ChunkReassembly,
  decodeBlockRecord,
  decodeHeader,
  headerHash,
} from "@velarium/blocks";
import { decode, encode, schemaIdOf } from "@velarium/columns";
import { createDevGenesis, writeGenesis } from "@velarium/genesis";
import { dial, type PackedStream, type RpcConnection, type RpcServer, serveRpc } from "@velarium/rpc";
import { createLogger } from "@velarium/service-kit";
import { connectHub, type LogStreams, StreamHub } from "@velarium/streams";
import {
  Analyzed,
  Assignment,
  BlockChunk,
  BlockClose,
  BlockCompleted,
  BlockHash,
  Committed,
  EpochNotice,
  Frame,
  GetReply,
  GetRequest,
  Outcome,
  Receipts,
  RecordReply,
  RecordRequest,
  Shape,
  ShardState,
  Stripe,
} from "@velarium/wire";
import { analyzedOf } from "../../../libs/framer-core/test/cluster-model.ts";
import { framerOptions } from "../src/options.ts";
import { createFramerService } from "../src/service.ts";

const PARTITIONS = 4;
const SECRET = "07".repeat(32);
const until = async (condition: () => boolean): Promise<void> => {
  for (let i = 0; i < 1500 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  if (!condition()) throw new Error("it did not happen within 15 s");
};

/** Two shards that keep stripes and answer with made-up roots. */
class Shards {
  readonly stripes: Map<number, Uint8Array>[] = [new Map(), new Map()];
  readonly servers: RpcServer[] = [];
  /** Committed nonce of every account. */
  nonce = 0;

  async start(): Promise<void> {
    for (const shard of [0, 1]) {
      const owned = Uint8Array.of(shard, shard + 2);
      const roots = (height: number) => new Uint8Array(64).fill(height + 1);
      this.servers.push(
        await serveRpc({
          reflection: false,
          services: [
            {
              name: "StateShard",
              streams: {
                Commit: (peer) => {
                  peer.onClose(() => {});
                  peer.onMessage((bytes) => {
                    const stripe = decode(Stripe, bytes);
                    this.stripes[shard]!.set(stripe.number, stripe.stripe.slice());
                    const { epoch, number } = stripe;
                    peer.send(encode(Committed, { epoch, number, partitions: owned, roots: roots(number) }));
                  });
                  const durableHeight = Math.max(0, ...this.stripes[shard]!.keys());
                  peer.send(
                    encode(ShardState, {
                      epoch: 0,
                      durableHeight,
                      closeSeq: 0,
                      shard,
                      shards: 2,
                      partitions: PARTITIONS,
                      owned,
                      genesisHash: new Uint8Array(32),
                    }),
                  );
                },
              },
              unary: {
                Read: (bytes) => {
                  if (schemaIdOf(bytes) === GetRequest.id) {
                    const n = decode(GetRequest, bytes).keys.length / 56;
                    const values = new Uint8Array(n * 32);
                    for (let i = 0; i < n; i++) values[i * 32 + 31] = this.nonce;
                    return encode(GetReply, { height: 0, status: 0, values });
                  }
                  const { height } = decode(RecordRequest, bytes);
                  const stripe = this.stripes[shard]!.get(height) ?? new Uint8Array(0);
                  return encode(RecordReply, {
                    height,
                    status: 0,
                    closeSeq: 0,
                    stripe,
                    partitions: owned,
                    roots: roots(height),
                  });
                },
              },
            },
          ],
        }),
      );
    }
  }
}

describe("framer service", () => {
  const shards = new Shards();
  const stops: (() => Promise<unknown> | unknown)[] = [];
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop();
  });

  it("makes blocks of what analyzers bring, and goes on after a restart", async () => {
    await shards.start();
    const hub = await serveRpc({ reflection: false, services: [new StreamHub().service()] });
    stops.push(...shards.servers.map((s) => () => s.stop()), () => hub.stop());
    const genesis = join(mkdtempSync(join(tmpdir(), "velarium-framer-")), "genesis.json");
    writeGenesis(genesis, createDevGenesis({ chainId: 1, baseFee: 7n }));
    const streams: LogStreams = await connectHub({ address: hub.address, prefix: "test" });
    stops.push(() => streams.close());
    const records: BlockRecord[] = [];
    const chunks = new ChunkReassembly();
    (await streams.open("blocks")).consume(1, (_seq, bytes) => {
      const chunk = decode(BlockChunk, bytes);
      const whole = chunks.add(chunk.number, chunk.index, chunk.count, chunk.bytes);
      if (whole) records.push(decodeBlockRecord(whole));
    });

    const tx = await streams.open("tx");
    const life = async (epoch: number, streamSeq: number, nonce: number, from: number) => {
      // What the analyzer of this test says it has read.
      expect(await tx.append(new Uint8Array(8))).toBe(streamSeq);
      const { values } = framerOptions.parse({
        argv: [
          ...["--genesis", genesis, "--hub", hub.address, "--stream-prefix", "test"],
          ...["--shards", shards.servers.map((s) => s.address).join(",")],
          ...["--partitions", String(PARTITIONS), "--chain-secret", SECRET, "--block-time-ms", "50"],
        ],
        env: {},
      });
      const service = createFramerService({
        options: values,
        log: createLogger({ name: "framer", level: "silent" }),
      });
      await service.lifecycle.start();
      const connection: RpcConnection = await dial(service.endpoints!()["grpc"]!);
      const open = (method: string, onMessage: (bytes: Uint8Array) => void): PackedStream => {
        const stream = connection.openStream("Framer", method);
        stream.onClose(() => {});
        stream.onMessage(onMessage);
        return stream;
      };
      const hashes: { number: number; hash: string }[] = [];
      let parent = -1;
      const scheduler = open("Blocks", (bytes) => {
        if (schemaIdOf(bytes) === BlockHash.id) {
          const m = decode(BlockHash, bytes);
          hashes.push({ number: m.number, hash: Buffer.from(m.hash).toString("hex") });
        } else parent = decode(BlockCompleted, bytes).number;
      });
      scheduler.send(encode(EpochNotice, { epoch, height: from }));
      await until(() => parent === from);
      const executor = open("Receipts", () => {});
      const gas = new Map<number, number>();
      const consumption = (await streams.open("frames")).consume(1, (_seq, bytes) => {
        const id = schemaIdOf(bytes);
        if (id === Frame.id) {
          const frame = decode(Frame, bytes);
          if (frame.block <= from) return;
          const n = frame.shapes.length;
          const isWork = frame.shapes[0] === Shape.blockOpen || frame.shapes[0] === Shape.blockClose;
          gas.set(frame.block, (gas.get(frame.block) ?? 0) + (isWork ? 0 : n * 21000));
          executor.send(
            encode(Receipts, {
              epoch,
              block: frame.block,
              seqs: Float64Array.from({ length: n }, (_, i) => frame.firstSeq + i),
              outcomes: new Uint8Array(n).fill(Outcome.included),
              reasons: new Uint8Array(n),
              statuses: new Uint8Array(n).fill(1),
              gasUsed: new Float64Array(n).fill(isWork ? 0 : 21000),
              blobGas: new Float64Array(n),
              logs: { ends: new Uint32Array(n), blob: new Uint8Array(0) },
              learnedEnds: new Uint32Array(0),
              learnedHi: new Uint32Array(0),
              learnedLo: new Uint32Array(0),
              learnedKinds: new Uint8Array(0),
              learnedKeys: new Uint8Array(0),
            }),
          );
        } else if (id === BlockClose.id) {
          const { number } = decode(BlockClose, bytes);
          if (number <= from) return;
          const facts = { gasLimit: 0, blobGasUsed: 0, excessBlobGas: 0, executedGas: 0 };
          const baseFee = new Uint8Array(32);
          baseFee[31] = 7;
          scheduler.send(
            encode(BlockCompleted, { epoch, number, gasUsed: gas.get(number) ?? 0, ...facts, baseFee }),
          );
        }
      });
      const analyzer = open("Analyze", (bytes) => {
        const assignment = decode(Assignment, bytes);
        if (assignment.fromStreamSeq > streamSeq || assignment.throughStreamSeq < streamSeq) return;
        const txs = Array.from({ length: 30 }, (_, i) => ({
          sender: 1 + (i % 10),
          nonce: nonce + Math.floor(i / 10),
          to: 100 + i,
        }));
        analyzer.send(encode(Analyzed, { ...analyzedOf(streamSeq, txs), term: assignment.term }));
      });
      const wanted = records.reduce((sum, r) => sum + r.arrivals.length, 0) + 30;
      await until(() => records.reduce((sum, r) => sum + r.arrivals.length, 0) === wanted);
      await until(() => hashes.some((h) => h.number === records.at(-1)!.number));
      consumption.stop();
      await service.lifecycle.stop();
      connection.close();
      expect(service.lifecycle.error).toBeUndefined();
      return hashes;
    };

    const first = await life(1, 1, 0, 0);
    const height = records.at(-1)!.number;
    shards.nonce = 3;
    const second = await life(2, 2, 3, height);
    expect(second.some((h) => h.number === height && h.hash === first.at(-1)!.hash)).toBe(true);
    expect(new Set(records.flatMap((r) => [...r.arrivals])).size).toBe(60);
    records.forEach((record, i) => {
      expect(record.number).toBe(i + 1);
      expect(record.sealed).toBe(1);
      const header = decodeHeader(record.header);
      expect(header.requestsHash).toBeDefined();
      if (i > 0) expect(header.parentHash).toEqual(headerHash(records[i - 1]!.header));
    });
  });
});
