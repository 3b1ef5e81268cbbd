export * from "./options.ts";
export { createSchedulerService, type SchedulerService } from "./service.ts";
