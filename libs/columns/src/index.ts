export * from "./schema.ts";
export * from "./vectors.ts";
