/** A thread that runs files of cases: orders in, one message per case out. */
import { parentPort, workerData } from "node:worker_threads";
import { createEngineUnderTest } from "./engine-under-test.ts";
import { FileRunner } from "./file-run.ts";
import type { ToParent, ToWorker, WorkerSettings } from "./thread-messages.ts";

const settings = workerData as WorkerSettings;
const port = parentPort!;
const send = (message: ToParent): void => port.postMessage(message);

const tested = createEngineUnderTest(settings.engine);
const runner = new FileRunner(tested, settings.suspendEverywhere);

port.on("message", async (order: ToWorker) => {
  try {
    await runner.run(order, {
      starts: (start) => send({ kind: "start", start }),
      done: (report) => send({ kind: "case", report }),
    });
    const waitedFor = Object.fromEntries(runner.interleaver?.suspensions ?? []);
    send({ kind: "file", account: tested.account(), waitedFor });
  } catch (error) {
    send({ kind: "broken", why: error instanceof Error ? error.message : String(error) });
  }
});
