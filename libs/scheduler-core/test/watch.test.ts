import { describe, expect, it } from "@jest/globals";
import { decode } from "@velarium/columns";
import { AccessKind } from "@velarium/slots";
import { Dispatch } from "@velarium/wire";
import { closeBytes, frameBytes, openBytes, resultsBytes, World } from "./harness.ts";

const tx = (slot: number) => ({ accesses: [{ slot, kind: AccessKind.W }] });

/** Notes what happens to each frame; frame 9 is not traced. */
function watchedWorld() {
  const events: string[] = [];
  const world = new World(
    {},
    {
      watchFrame: (_trace, block, frame, transactions) => {
        if (frame === 9) return undefined;
        const name = `${block}/${frame}`;
        events.push(`${name} received with ${transactions}`);
        return {
          trace: new TextEncoder().encode(name),
          dispatched: () => void events.push(`${name} dispatched`),
          completed: () => void events.push(`${name} completed`),
        };
      },
    },
  );
  return { world: world.start(), events };
}

describe("a watched frame", () => {
  it("goes on with the trace of its watch, and is complete when all before it is", () => {
    const { world, events } = watchedWorld();
    const { core } = world;
    core.onFrames(openBytes(1, 1));
    core.onFrames(frameBytes(1, 0, 1, [tx(1), tx(2)]));
    core.onFrames(frameBytes(1, 1, 3, [tx(3)]));
    core.onFrames(frameBytes(1, 9, 4, [tx(4)]));
    const traces = world
      .take(Dispatch)
      .map((sent) => Buffer.from(decode(Dispatch, sent.bytes).trace).toString());
    expect(traces).toEqual(["1/0", "1/1", ""]);
    expect(events.splice(0)).toEqual([
      "1/0 received with 2",
      "1/0 dispatched",
      "1/1 received with 1",
      "1/1 dispatched",
    ]);
    core.onExecutor(0, resultsBytes(core.epoch, [2, 3]));
    expect(events).toEqual([]);
    core.onExecutor(0, resultsBytes(core.epoch, [1]));
    expect(events).toEqual(["1/0 completed", "1/1 completed"]);
  });

  it("is dispatched when the last of a tail is, and never as a repeat", () => {
    const { world, events } = watchedWorld();
    const { core } = world;
    const tail = frameBytes(1, 1, 2, [tx(2), tx(3)], 1);
    core.onFrames(openBytes(1, 1));
    core.onFrames(frameBytes(1, 0, 1, [tx(1)]));
    core.onFrames(tail);
    for (const seq of [1, 2]) core.onExecutor(0, resultsBytes(core.epoch, [seq]));
    expect(events.splice(0)).toEqual([
      "1/0 received with 1",
      "1/0 dispatched",
      "1/1 received with 2",
      "1/0 completed",
    ]);
    core.onExecutor(0, resultsBytes(core.epoch, [3]));
    expect(events.splice(0)).toEqual(["1/1 dispatched", "1/1 completed"]);
    core.onFrames(closeBytes(1, 3, 3));
    core.onFrames(frameBytes(1, 0, 1, [tx(1)]));
    expect(events).toEqual(["1/0 received with 1"]);
  });
});
