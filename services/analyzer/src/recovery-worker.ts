/** A thread that recovers senders: chunks of rows in, their columns out, in order. */
import { parentPort } from "node:worker_threads";
import { recoverSenders } from "@velarium/tx-codec";
import type { RecoveredChunk, RecoveryChunk } from "./recovery-pool.ts";

const port = parentPort!;

port.on("message", ({ ends, blob, verified }: RecoveryChunk) => {
  const recovered: RecoveredChunk = recoverSenders({ ends, blob }, { skip: verified });
  port.postMessage(recovered, [
    recovered.senders.buffer as ArrayBuffer,
    recovered.hashes.buffer as ArrayBuffer,
    recovered.statuses.buffer as ArrayBuffer,
  ]);
});
