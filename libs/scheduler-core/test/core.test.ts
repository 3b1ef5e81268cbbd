import { describe, expect, it } from "@jest/globals";
import { decode, encode } from "@velarium/columns";
import { AccessKind } from "@velarium/slots";
import {
  BlockCompleted,
  BlockContext,
  BlockFees,
  BlockHash,
  CloseBlock,
  Completed,
  EpochBegin,
  EpochNotice,
  EpochStart,
  GrantMode,
  Ownership,
  Seals,
  TermMarker,
} from "@velarium/wire";
import { wordToBigint } from "../src/index.ts";
import { closeBytes, frameBytes, openBytes, resultsBytes, World } from "./harness.ts";

const { R, W, D } = AccessKind;

describe("beginning of an epoch", () => {
  it("fences every shard at the lowest height with a greater epoch, then asks the framer", () => {
    const world = new World({ minExecutors: 2 });
    world.shardState(0, 4, 10, 500);
    world.shardState(1, 6, 9, 450);
    world.hello();
    expect(world.sent).toHaveLength(0);
    world.hello();
    const begins = world.take(EpochBegin).map((s) => decode(EpochBegin, s.bytes));
    expect(begins.map((b) => [b.epoch, b.rollbackTo])).toEqual([
      [7, 9],
      [7, 9],
    ]);
    world.core.framerConnected();
    world.shardState(0, 7, 9, 450);
    expect(world.take(EpochNotice)).toHaveLength(0);
    world.shardState(1, 7, 9, 450);
    expect(decode(EpochNotice, world.take(EpochNotice, "framer")[0]!.bytes)).toMatchObject({
      epoch: 7,
      height: 9,
    });
    world.blockHash(8);
    world.blockHash(9);
    world.header(9, 10);
    const starts = world.take(EpochStart).map((s) => decode(EpochStart, s.bytes));
    expect(starts.map((s) => [s.executor, s.executors, s.height, [...s.numbers]])).toEqual([
      [0, 2, 9, [8, 9]],
      [1, 2, 9, [8, 9]],
    ]);
    expect(world.core.phase).toBe("running");
  });

  it("does not forget the greatest epoch when it is lost before it has begun", () => {
    const before = new World({ lastEpoch: 7 });
    expect(before.core.greatestEpoch).toBe(7);
    const after = new World({ lastEpoch: before.core.greatestEpoch });
    after.hello();
    // A shard may not have begun epoch 7 yet when it answers.
    for (const shard of [0, 1]) after.shardState(shard, 6, 9, 450);
    expect(decode(EpochBegin, after.take(EpochBegin)[0]!.bytes).epoch).toBe(8);
    expect(after.core.greatestEpoch).toBe(8);
  });

  it("skips what the shards have, and messages of older terms", () => {
    const world = new World().start();
    world.core.onFrames(openBytes(0, 0));
    world.core.onFrames(frameBytes(0, 0, 0, [{ accesses: [{ slot: 1, kind: W }] }]));
    world.core.onFrames(closeBytes(0, 0, 1));
    world.core.onFrames(encode(TermMarker, { term: 1 }));
    world.core.onFrames(openBytes(1, 1));
    expect(world.take(BlockContext)).toHaveLength(1);
    world.core.onFrames(encode(TermMarker, { term: 2 }));
    world.core.onFrames(frameBytes(1, 0, 1, [{ accesses: [{ slot: 1, kind: W }] }]));
    expect(world.dispatches()).toHaveLength(0);
    expect(world.core.stats().counters["staleTerm"]).toBe(1);
  });

  it("is lost with an executor, once", () => {
    const world = new World().start(2);
    world.core.executorLeft(1);
    expect(world.lost).toBe("executor 1 left");
    world.core.onFrames(openBytes(1, 1));
    expect(world.take(BlockContext)).toHaveLength(0);
  });
});

describe("blocks", () => {
  it("completes blocks in order, derives fees from the parent, and bounds blocks that are not durable", () => {
    const world = new World({ maxPendingBlocks: 2 }).start();
    for (let n = 1; n <= 3; n++) {
      world.core.onFrames(openBytes(n, n));
      world.core.onFrames(frameBytes(n, 0, n, [{ accesses: [{ slot: n, kind: W }] }]));
      world.core.onFrames(closeBytes(n, n, 1));
    }
    const fees = () =>
      world
        .take(BlockFees)
        .map((s) => decode(BlockFees, s.bytes))
        .map((f) => [f.number, wordToBigint(f.baseFee)]);
    // Parent header: base fee 10, gas used 7; block 3 is held back, because 1 and 2 are not durable.
    expect(fees()).toEqual([[1, 17n]]);
    expect(world.dispatches().map((d) => d.message.block)).toEqual([1, 2]);
    world.core.onExecutor(0, resultsBytes(1, [2]));
    expect(world.take(BlockCompleted)).toHaveLength(0);
    world.core.onExecutor(0, resultsBytes(1, [1]));
    expect(world.take(BlockCompleted, "framer").map((s) => decode(BlockCompleted, s.bytes).number)).toEqual([
      1, 2,
    ]);
    expect(fees()).toEqual([[2, 21017n]]);
    world.core.tick();
    expect(decode(Completed, world.take(Completed)[0]!.bytes).throughSeq).toBe(2);
    world.blockHash(1);
    expect(world.take(BlockHash, "executor")).toHaveLength(1);
    expect(world.dispatches().map((d) => d.message.block)).toEqual([3]);
    expect(fees()).toEqual([[3, 42017n]]);
  });

  it("completes an empty block", () => {
    const world = new World().start();
    world.core.onFrames(openBytes(1, 1));
    world.core.onFrames(closeBytes(1, 0, 0));
    const close = decode(CloseBlock, world.take(CloseBlock)[0]!.bytes);
    expect([close.number, close.firstSeq, close.closeSeq, [...close.versionCounts]]).toEqual([
      1,
      1,
      0,
      [0, 0, 0, 0],
    ]);
  });

  it("stops reading when the window is full and goes on with results", () => {
    const world = new World({ backlogMessages: 2 }).start(1, 2);
    world.core.onFrames(openBytes(1, 1));
    world.core.onFrames(frameBytes(1, 0, 1, [{ accesses: [] }, { accesses: [] }]));
    world.core.onFrames(frameBytes(1, 1, 3, [{ accesses: [] }]));
    expect(world.core.wantsFrames).toBe(true);
    world.core.onFrames(frameBytes(1, 2, 4, [{ accesses: [] }]));
    expect(world.core.wantsFrames).toBe(false);
    expect(world.dispatches()).toHaveLength(1);
    world.core.onExecutor(0, resultsBytes(1, [1, 2]));
    expect(world.dispatches()).toHaveLength(2);
    expect(world.core.wantsFrames).toBe(true);
  });

  it("ignores repeats and stale epochs, refuses gaps", () => {
    const world = new World().start();
    world.core.onFrames(openBytes(1, 1));
    const frame = frameBytes(1, 0, 1, [{ accesses: [] }]);
    world.core.onFrames(frame);
    world.core.onFrames(frame);
    expect(world.dispatches()).toHaveLength(1);
    world.core.onExecutor(0, resultsBytes(0, [1]));
    world.core.onExecutor(0, resultsBytes(1, [1]));
    world.core.onExecutor(0, resultsBytes(1, [1]));
    expect(world.core.stats().counters).toMatchObject({
      staleEpoch: 1,
      repeatedResults: 1,
      repeatedFrames: 1,
    });
    expect(() => world.core.onFrames(frameBytes(1, 1, 3, [{ accesses: [] }]))).toThrow(/expected 2/);
  });
});

describe("the marked tail", () => {
  it("goes out one at a time, settled, and corrects rows and counts", () => {
    const world = new World().start();
    world.core.onFrames(openBytes(1, 1));
    world.core.onFrames(frameBytes(1, 0, 1, [{ accesses: [{ slot: 4, kind: D }] }]));
    world.core.onFrames(
      frameBytes(
        1,
        1,
        2,
        [
          {
            accesses: [
              { slot: 4, kind: D },
              { slot: 5, kind: R },
            ],
          },
          { accesses: [{ slot: 8, kind: R }] },
        ],
        1,
      ),
    );
    world.core.onFrames(frameBytes(1, 2, 4, [{ accesses: [{ slot: 12, kind: R }] }]));
    world.core.onFrames(closeBytes(1, 4, 4));
    expect(world.dispatches().map((d) => [...d.message.seqs])).toEqual([[1]]);
    world.core.onExecutor(0, resultsBytes(1, [1]));
    const [second] = world.dispatches();
    expect([...second!.message.seqs]).toEqual([2]);
    expect([...second!.message.modes]).toEqual([GrantMode.settled, GrantMode.settled]);
    expect([...second!.message.versions]).toEqual([1, 1]);
    // Fees stay contributions, in the generation that is open.
    expect([...second!.message.feeGens]).toEqual([1]);
    world.core.onExecutor(
      0,
      resultsBytes(
        1,
        [2],
        [
          [
            { slot: 12, kind: W },
            { slot: 16, kind: R },
          ],
        ],
      ),
    );
    expect(world.dispatches().map((d) => [...d.message.seqs])).toEqual([[3]]);
    world.core.onExecutor(0, resultsBytes(1, [3], [[]]));
    const [last] = world.dispatches();
    expect([...last!.message.modes]).toEqual([GrantMode.floor]);
    expect([...last!.message.versions]).toEqual([2]);
    world.core.onExecutor(0, resultsBytes(1, [4]));
    const close = decode(CloseBlock, world.take(CloseBlock)[0]!.bytes);
    // Versions: slot 4 (D as W) and slot 12, both of partition 0. Contributions: slot 4 once, fees four times in partition 1.
    expect([...close.versionCounts]).toEqual([2, 0, 0, 0]);
    expect([...close.deltaCounts]).toEqual([1, 4, 0, 0]);
  });
});

describe("ownership, seals and joining", () => {
  it("tells the loser of a slot, and observers", () => {
    const world = new World().start(2, 1);
    world.core.onFrames(openBytes(1, 1));
    world.core.onFrames(
      frameBytes(1, 0, 1, [{ accesses: [{ slot: 4, kind: W }] }, { accesses: [{ slot: 4, kind: W }] }]),
    );
    const [a, b] = world.dispatches();
    expect([a!.executor, b!.executor].sort()).toEqual([0, 1]);
    const first = a!.message.seqs[0] === 1 ? a! : b!;
    const event = world.take(Ownership, "executor");
    expect(event.map((s) => s.index)).toEqual([first.executor]);
    expect(decode(Ownership, event[0]!.bytes)).toMatchObject({
      versions: Float64Array.of(2),
      owners: Uint8Array.of(1 - first.executor),
    });
    expect(world.take(Ownership, "notice")).toHaveLength(1);
  });

  it("seals a generation of an earlier block at its home shard, not once the block is durable", () => {
    const world = new World().start();
    let seq = 1;
    for (let n = 1; n <= 3; n++) {
      if (n === 3) for (const done of [1, 2]) world.blockHash(done);
      world.core.onFrames(openBytes(n, seq));
      world.core.onFrames(frameBytes(n, 0, seq, [{ accesses: [{ slot: 6, kind: D }] }]));
      world.core.onFrames(closeBytes(n, seq, 1));
      world.core.onExecutor(0, resultsBytes(1, [seq]));
      seq++;
    }
    const seals = world.take(Seals).map((s) => ({ shard: s.index, ...decode(Seals, s.bytes) }));
    // Block 2 seals block 1's generations: slot 6 (partition 2, shard 0) and the fees (partition 1, shard 1).
    expect(
      seals.map((s) => [s.shard, [...s.genSeqs], [...s.genCounts], [...s.genLasts], [...s.modes]]),
    ).toEqual([
      [0, [1], [1], [1], [GrantMode.deltaFloor]],
      [1, [1], [1], [1], [GrantMode.deltaFloor]],
    ]);
  });

  it("lets an executor join in mid-block", () => {
    const world = new World().start(1, 2);
    world.core.onFrames(openBytes(1, 1));
    world.core.onFrames(frameBytes(1, 0, 1, [{ accesses: [] }, { accesses: [] }]));
    world.core.onFrames(frameBytes(1, 1, 3, [{ accesses: [] }, { accesses: [] }]));
    world.dispatches();
    world.sent.length = 0;
    expect(world.hello(2)).toBe(1);
    expect(world.sent.filter((s) => s.to === "executor").map((s) => [s.index, s.id])).toEqual([
      [1, EpochStart.id],
      [1, BlockContext.id],
      [1, BlockFees.id],
      [1, 20],
    ]);
  });
});
