/** The service over real gRPC, between a shard, a framer and an executor that only say what the test needs. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { decode, encode, schemaIdOf } from "@velarium/columns";
import { createDevGenesis, writeGenesis } from "@velarium/genesis";
import { dial, type PackedStream, type RpcServer, serveRpc } from "@velarium/rpc";
import { createLogger } from "@velarium/service-kit";
import { connectHub, type LogStreams, StreamHub } from "@velarium/streams";
import {
  BlockClose,
  BlockCompleted,
  BlockHash,
  BlockOpen,
  CloseBlock,
  Dispatch,
  EpochBegin,
  EpochNotice,
  EpochStart,
  ExecutorHello,
  Frame,
  Outcome,
  Results,
  ShardState,
} from "@velarium/wire";
import { createSchedulerService, type SchedulerService, schedulerOptions } from "../src/index.ts";

const GAS = { gasUsed: 0, gasLimit: 30_000_000, blobGasUsed: 0, excessBlobGas: 0, executedGas: 0 };

/** A shard, a framer and the stream hub in one server. */
async function serveWorld(seen: { closed: number[]; completed: number[] }): Promise<RpcServer> {
  const hub = new StreamHub();
  const state = (epoch: number) =>
    encode(ShardState, {
      epoch,
      durableHeight: 0,
      closeSeq: 0,
      shard: 0,
      shards: 1,
      partitions: 1,
      owned: Uint8Array.of(0),
      genesisHash: new Uint8Array(32),
    });
  let durableEpoch = 3;
  return serveRpc({
    reflection: false,
    services: [
      hub.service(),
      {
        name: "StateShard",
        streams: {
          Control: (peer) => {
            peer.onMessage((bytes) => {
              if (schemaIdOf(bytes) === CloseBlock.id) seen.closed.push(decode(CloseBlock, bytes).number);
              if (schemaIdOf(bytes) !== EpochBegin.id) return;
              const begin = decode(EpochBegin, bytes);
              if (begin.rollbackTo >= 0) durableEpoch = begin.epoch;
              peer.send(state(durableEpoch));
            });
            peer.send(state(durableEpoch));
          },
        },
      },
      {
        name: "Framer",
        streams: {
          Blocks: (peer) =>
            peer.onMessage((bytes) => {
              if (schemaIdOf(bytes) === BlockCompleted.id)
                seen.completed.push(decode(BlockCompleted, bytes).number);
              if (schemaIdOf(bytes) !== EpochNotice.id) return;
              const { epoch, height } = decode(EpochNotice, bytes);
              peer.send(encode(BlockHash, { epoch, number: height, hash: new Uint8Array(32) }));
              peer.send(
                encode(BlockCompleted, { epoch, number: height, ...GAS, baseFee: new Uint8Array(32) }),
              );
            }),
        },
      },
    ],
  });
}

async function appendBlock(streams: LogStreams): Promise<void> {
  const frames = await streams.open("frames");
  const none = new Uint8Array(0);
  await frames.append(
    encode(BlockOpen, {
      term: 1,
      number: 1,
      time: 1,
      gasLimit: 30_000_000,
      firstSeq: 1,
      watermark: 0,
      beneficiary: new Uint8Array(20),
      beneficiaryId: Uint32Array.of(5, 5),
      prevRandao: new Uint8Array(32),
      parentBeaconRoot: new Uint8Array(32),
      extraData: none,
    }),
  );
  await frames.append(
    encode(Frame, {
      term: 1,
      block: 1,
      frame: 0,
      firstSeq: 1,
      tail: 0,
      openedMs: 0,
      shapes: new Uint8Array(2),
      gasLimits: new Float64Array(2),
      senders: new Uint8Array(40),
      raw: { ends: new Uint32Array(2), blob: none },
      accessEnds: new Uint32Array(2),
      accessHi: new Uint32Array(0),
      accessLo: new Uint32Array(0),
      accessKinds: none,
      keys: none,
      arrivals: new Float64Array(2),
      attempts: new Uint8Array(2),
      verified: new Uint8Array(2),
      trace: none,
    }),
  );
  await frames.append(encode(BlockClose, { term: 1, number: 1, lastSeq: 2, transactions: 2 }));
}

/** An executor; `answer`: whether it returns results. Resolves with the epoch once it has a dispatch. */
async function runExecutor(
  address: string,
  answer: boolean,
): Promise<{ epoch: number; seqs: number[]; leave: () => void }> {
  const connection = await dial(address);
  const stream: PackedStream = connection.openStream("Scheduler", "Execute");
  const joined = new Promise<{ epoch: number; seqs: number[] }>((resolve) => {
    let epoch = 0;
    stream.onMessage((bytes) => {
      if (schemaIdOf(bytes) === EpochStart.id) epoch = decode(EpochStart, bytes).epoch;
      if (schemaIdOf(bytes) !== Dispatch.id) return;
      const { seqs } = decode(Dispatch, bytes);
      const none = new Uint8Array(0);
      if (answer)
        stream.send(
          encode(Results, {
            epoch,
            seqs,
            outcomes: new Uint8Array(seqs.length).fill(Outcome.included),
            gasUsed: new Float64Array(seqs.length).fill(21000),
            blobGas: new Float64Array(0),
            extraEnds: new Uint32Array(0),
            extraHi: new Uint32Array(0),
            extraLo: new Uint32Array(0),
            extraKinds: none,
          }),
        );
      resolve({ epoch, seqs: [...seqs] });
    });
  });
  stream.send(encode(ExecutorHello, { capacity: 100, name: new Uint8Array(0) }));
  return { ...(await joined), leave: () => connection.close() };
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
};

describe("the scheduler service", () => {
  let directory: string;
  let world: RpcServer;
  let streams: LogStreams;
  let service: SchedulerService;
  const seen = { closed: [] as number[], completed: [] as number[] };

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "velarium-scheduler-"));
    writeGenesis(join(directory, "genesis.json"), createDevGenesis());
    world = await serveWorld(seen);
    streams = await connectHub({ address: world.address, prefix: "test" });
    await appendBlock(streams);
    service = createSchedulerService({
      options: schedulerOptions.check({
        genesis: join(directory, "genesis.json"),
        shards: [world.address],
        framer: world.address,
        hub: world.address,
        streamPrefix: "test",
      }),
      log: createLogger({ name: "scheduler", level: "fatal" }),
    });
    await service.lifecycle.start();
  });

  afterEach(async () => {
    await service.lifecycle.stop();
    await streams.close();
    await world.stop();
    rmSync(directory, { recursive: true });
  });

  it("repeats the block in a greater epoch when its executor has left, and completes it", async () => {
    const address = service.endpoints!()["grpc"]!;
    const health = await dial(address);
    expect(await health.health()).toBe("NOT_SERVING");
    const first = await runExecutor(address, false);
    expect([first.epoch, first.seqs]).toEqual([4, [1, 2]]);
    expect(await health.health()).toBe("SERVING");
    first.leave();
    await until(() => service.stats().phase === "collecting");
    const second = await runExecutor(address, true);
    expect([second.epoch, second.seqs]).toEqual([5, [1, 2]]);
    await until(() => seen.closed.length > 0 && seen.completed.length > 0);
    expect(seen).toEqual({ closed: [1], completed: [1] });
    expect(service.stats().counters).toMatchObject({ blocksCompleted: 1, gasUsed: 42000 });
    second.leave();
    health.close();
  });
});
