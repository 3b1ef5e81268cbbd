import { describe, expect, it } from "@jest/globals";
import { KitError, Lifecycle, type LifecycleState } from "../src/index.ts";

function build(failing?: string, options: ConstructorParameters<typeof Lifecycle>[0] = {}) {
  const events: string[] = [];
  const states: LifecycleState[] = [];
  const lifecycle = new Lifecycle({ ...options, onChange: (s) => states.push(s) });
  for (const name of ["a", "b", "c"]) {
    lifecycle.add({
      name,
      start: async () => {
        events.push(`start ${name}`);
        if (name === failing) throw new Error(`${name} fails`);
      },
      drain: () => void events.push(`drain ${name}`),
      stop: () => void events.push(`stop ${name}`),
    });
  }
  return { lifecycle, events, states };
}

describe("lifecycle", () => {
  it("starts in order, drains and stops in reverse, each once", async () => {
    const { lifecycle, events, states } = build();
    await Promise.all([lifecycle.start(), lifecycle.start()]);
    expect(() => lifecycle.add({ name: "late" })).toThrow(KitError);
    await Promise.all([lifecycle.stop(), lifecycle.stop(), lifecycle.drain()]);
    await lifecycle.stop();
    expect(events).toEqual([
      "start a",
      "start b",
      "start c",
      "drain c",
      "drain b",
      "drain a",
      "stop c",
      "stop b",
      "stop a",
    ]);
    expect(states).toEqual(["starting", "ready", "draining", "stopped"]);
  });

  it("stops what had begun when a part fails to start, and keeps the reason", async () => {
    const { lifecycle, events, states } = build("b");
    await expect(lifecycle.start()).rejects.toThrow("b fails");
    expect(events).toEqual(["start a", "start b", "stop b", "stop a"]);
    expect(states).toEqual(["starting", "failed"]);
    expect(lifecycle.error).toMatchObject({ message: "b fails" });
    await lifecycle.stop();
    expect(lifecycle.state).toBe("failed");
  });

  it("waits for the part being started when it is stopped meanwhile", async () => {
    const { lifecycle, events, states } = build();
    const starting = lifecycle.start();
    await lifecycle.stop();
    await expect(starting).rejects.toMatchObject({ code: "lifecycle" });
    expect(events).toEqual(["start a", "stop a"]);
    expect(states).toEqual(["starting", "stopped"]);
  });

  it("stops although a part does not drain in time or fails to stop", async () => {
    const errors: string[] = [];
    const lifecycle = new Lifecycle({ drainTimeoutMs: 10, onPartError: (part) => errors.push(part) });
    lifecycle.add({ name: "stuck", drain: () => new Promise(() => {}) });
    lifecycle.add({
      name: "bad",
      stop: () => {
        throw new Error("no");
      },
    });
    await lifecycle.start();
    await lifecycle.stop();
    expect(lifecycle.state).toBe("stopped");
    expect(errors).toEqual(["drain", "bad"]);
  });
});
