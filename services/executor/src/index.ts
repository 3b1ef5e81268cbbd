export { executorOptions } from "./options.ts";
export { createExecutorService } from "./service.ts";
