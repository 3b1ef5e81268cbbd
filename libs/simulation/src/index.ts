export * from "./network.ts";
export * from "./simulation.ts";
export { makeToyChain, runSequentially, type SequentialRun, type ToyBlock } from "./toy-chain.ts";
