export * from "./aligned.ts";
export * from "./memory.ts";
export * from "./schema.ts";
export * from "./vectors.ts";
