export * from "./report.ts";
export { type VerifyOptions, verifyExport } from "./verify-export.ts";
