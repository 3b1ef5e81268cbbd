/** A thread that runs files of cases: orders in, one message per case out. */
import { parentPort, workerData } from "node:worker_threads";
import { createEngineUnderTest } from "./engine-under-test.ts";
import { FileRunner } from "./file-run.ts";
import type { ToParent, ToWorker, WorkerSettings } from "./thread-messages.ts";

const settings = workerData as WorkerSettings;
const port = parentPort!;
const send = (message: ToParent): void => port.postMessage(message);

const tested = await createEngineUnderTest(settings.engine);
const runner = new FileRunner(tested, settings.suspendEverywhere);

port.on("message", async (order: ToWorker) => {
  try {
    await runner.run(order, {
      starts: (start) => send({ kind: "start", start }),
      done: (report) => send({ kind: "case", report }),
    });
    const suspensions = runner.interleaver?.suspensions ?? { byOpcode: {}, byWanted: {} };
    send({ kind: "file", account: tested.account(), suspensions });
  } catch (error) {
    send({ kind: "broken", why: error instanceof Error ? error.message : String(error) });
  }
});
