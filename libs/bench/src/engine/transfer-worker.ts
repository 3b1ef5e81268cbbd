/** An execution thread that makes ERC-20 transfers on a state of its own. */
import { parentPort, workerData } from "node:worker_threads";
import { createBlockRules } from "@velarium/chain-rules";
import { ResidentRunner } from "./resident.ts";
import { tokenTransfers } from "./token-workloads.ts";
import type { TransferOrder, TransferReply } from "./two-workers.ts";

const { holders, calls } = workerData as TransferOrder;
const port = parentPort!;
const tell = (reply: TransferReply): void => port.postMessage(reply);

const runner = new ResidentRunner("compiled", tokenTransfers(holders), {
  rules: createBlockRules("cancun", 1),
  number: 1,
  timestamp: 2_000,
  beneficiary: new Uint8Array(20),
  gasLimit: 30_000_000,
  baseFee: 0n,
  prevRandao: new Uint8Array(32),
  difficulty: 0n,
  blobBaseFee: 1n,
});
runner.compileAll();
runner.run(0, calls);

port.on("message", () => {
  const started = performance.now();
  runner.run(0, calls);
  tell({ kind: "pass", callsPerSecond: (calls / (performance.now() - started)) * 1000 });
});
tell({ kind: "ready" });
