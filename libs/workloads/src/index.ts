export * from "./accounts.ts";
export * from "./genesis.ts";
export * from "./options.ts";
export * from "./random.ts";
export * from "./workload.ts";
