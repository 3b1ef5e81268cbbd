/** What the system tells of a process that this one did not start. */
import { readFileSync } from "node:fs";

const PAGE_BYTES = 4096;

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It lives but belongs to somebody else.
    return (error as { code?: string }).code === "EPERM";
  }
}

/** Resident memory in bytes; 0 where there is no proc file system. */
export function residentBytesOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * PAGE_BYTES;
  } catch {
    return 0;
  }
}
