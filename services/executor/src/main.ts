import { runMain } from "@velarium/service-kit";
import { executorOptions } from "./options.ts";
import { createExecutorService } from "./service.ts";

await runMain({ name: "executor", options: executorOptions, createService: createExecutorService });
