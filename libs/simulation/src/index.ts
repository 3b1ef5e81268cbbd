export * from "./cluster/scenario.ts";
export { verifyRun } from "./cluster/verify-run.ts";
export { simulateCluster } from "./cluster/whole-cluster.ts";
export type { WholeInput, WholeRun, WholeSchedule } from "./cluster/whole-run.ts";
export * from "./network.ts";
export * from "./simulation.ts";
export { makeToyChain, runSequentially, type SequentialRun, type ToyBlock } from "./toy-chain.ts";
