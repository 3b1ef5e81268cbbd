export * from "./config.ts";
export * from "./ethereum.ts";
export * from "./fees.ts";
export * from "./fork.ts";
export * from "./rules.ts";
export * from "./system-work.ts";
