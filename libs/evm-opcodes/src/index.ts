export * from "./opcode.ts";
export { type GasSchedule, gasSchedule, type SstorePrices, type SstoreScheme } from "./schedule.ts";
export * from "./table.ts";
