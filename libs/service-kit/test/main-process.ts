// A service program for the tests that send it signals.
import { z } from "zod";
import { defineOptions, Lifecycle, runMain, serviceOptions } from "../src/index.ts";

await runMain({
  name: "sample",
  options: defineOptions({
    ...serviceOptions,
    mode: { type: z.enum(["normal", "fail", "stuck"]), default: "normal", doc: "How it behaves." },
  }),
  createService: ({ options }) => {
    const lifecycle = new Lifecycle({ drainTimeoutMs: 60_000 });
    const timer = setInterval(() => {}, 1000);
    lifecycle.add({
      name: "work",
      start: () => {
        if (options.mode === "fail") throw Object.assign(new Error("no NATS here"), { code: "unreachable" });
      },
      drain: () => (options.mode === "stuck" ? new Promise<void>(() => {}) : undefined),
      stop: () => clearInterval(timer),
    });
    return { lifecycle, endpoints: () => ({ rpc: "127.0.0.1:1" }) };
  },
});
