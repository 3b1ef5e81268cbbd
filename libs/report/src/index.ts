export * from "./html.ts";
export * from "./report.ts";
export * from "./table.ts";
