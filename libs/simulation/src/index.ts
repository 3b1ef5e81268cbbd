export * from "./cluster/scenario.ts";
export { verifyRun } from "./cluster/verify-run.ts";
export {
  simulateCluster,
  type WholeInput,
  type WholeRun,
  type WholeSchedule,
} from "./cluster/whole-cluster.ts";
export * from "./network.ts";
export * from "./simulation.ts";
export { makeToyChain, runSequentially, type SequentialRun, type ToyBlock } from "./toy-chain.ts";
