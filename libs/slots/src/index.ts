export * from "./access.ts";
export * from "./code-filter.ts";
export * from "./code-word.ts";
export * from "./hash.ts";
export * from "./key.ts";
export * from "./packed-words.ts";
