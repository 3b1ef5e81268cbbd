import { runMain } from "@velarium/service-kit";
import { schedulerOptions } from "./options.ts";
import { createSchedulerService } from "./service.ts";

await runMain({ name: "scheduler", options: schedulerOptions, createService: createSchedulerService });
