/** The scheduler's kernel: it finds the rows of slots, and grants. Its memory is laid out by src/row-memory.ts. */
import { INTERFACE } from "./interface";

/** What the kernel was built for. */
export function interfaceNumber(): i32 {
  return INTERFACE;
}

export { columnsAt, countsAt } from "./columns";
export { beginFrame, grant, recordWrite, settle } from "./grants";
export { findRows } from "./search";
