export * from "./assemble.ts";
export * from "./bloom.ts";
export * from "./error.ts";
export * from "./export.ts";
export * from "./header.ts";
export * from "./record.ts";
export * from "./rpc.ts";
export * from "./stripe.ts";
