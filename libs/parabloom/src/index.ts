export * from "./exact.ts";
export * from "./geometry.ts";
export * from "./parabloom.ts";
