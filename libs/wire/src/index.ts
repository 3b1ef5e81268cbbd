export * from "./codes.ts";
export * from "./ingest.ts";
export * from "./order.ts";
export * from "./state.ts";
