export { type AnalyzerServiceOptions, analyzerOptions } from "./options.ts";
export { createAnalyzerService } from "./service.ts";
