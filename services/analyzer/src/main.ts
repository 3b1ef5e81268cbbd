import { runMain } from "@velarium/service-kit";
import { analyzerOptions } from "./options.ts";
import { createAnalyzerService } from "./service.ts";

await runMain({ name: "analyzer", options: analyzerOptions, createService: createAnalyzerService });
