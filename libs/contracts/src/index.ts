export * from "./abi.ts";
export * from "./compiled.ts";
