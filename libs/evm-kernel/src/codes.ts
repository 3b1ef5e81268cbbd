/**
 * The kernel's codes, and the compiled functions installed for them. Codes stay until most of their region is taken, then
 * all are forgotten at once; a function that is in charge no more keeps its place until no frame can still run it.
 */
import * as L from "../assembly/layout.ts";
import type { LinearMemory } from "./linear-memory.ts";
import type { CodeStats } from "./types.ts";
import { KernelError, type KernelExports } from "./wasm.ts";

export class Codes {
  private readonly exports: KernelExports;
  private readonly linear: LinearMemory;
  private readonly limit: number;
  private readonly inputEnd: number;
  /** Places in the table of functions: of those in charge, by the entry of their code... */
  private readonly functions = new Map<number, number>();
  /** ... of those in charge no more, which frames under way may still run... */
  private retiredPlaces: number[] = [];
  /** ... and empty ones. */
  private readonly freePlaces: number[] = [];
  private forgotten = 0;

  /** `limit`: bytes of the region. */
  constructor(exports: KernelExports, linear: LinearMemory, limit: number) {
    this.exports = exports;
    this.linear = linear;
    this.limit = limit;
    this.inputEnd = exports.inputEnd();
  }

  get isCrowded(): boolean {
    return this.exports.codeBytesUsed() > this.limit - this.limit / 4;
  }

  /** How often all codes were forgotten. */
  get epoch(): number {
    return this.forgotten;
  }

  /** The entry of a code, which is added unless it is there; 0 when there is no room. */
  enter(code: Uint8Array): number {
    const at = this.exports.scratch();
    if (at + code.length > this.inputEnd)
      throw new KernelError("memory", `code of ${code.length} bytes does not fit the kernel's input`);
    this.linear.heap.bytes.set(code, at);
    return this.exports.addCode(at, code.length);
  }

  isInitcode(entry: number): boolean {
    return this.exports.isTemporary(entry) !== 0;
  }

  bytesOf(entry: number): Uint8Array {
    const { bytes, view } = this.linear.heap;
    const at = view.getUint32(entry + L.CODE_AT, true);
    return bytes.subarray(at, at + view.getUint32(entry + L.CODE_BYTES, true));
  }

  /** Drops all codes with their functions; records of resident state resolve theirs anew. */
  forget(): void {
    for (const place of this.functions.values()) this.retiredPlaces.push(place);
    this.functions.clear();
    this.exports.forgetCodes();
    this.forgotten++;
  }

  /** Nothing is under way: functions that are in charge no more are let go. */
  freeRetired(): void {
    if (this.retiredPlaces.length === 0) return;
    for (const place of this.retiredPlaces) {
      this.exports.table.set(place, null);
      this.freePlaces.push(place);
    }
    this.retiredPlaces = [];
  }

  /** Puts a compiled function in charge of a code. */
  install(entry: number, compiled: unknown): void {
    if (!this.exports.ready(entry)) throw new KernelError("memory", "the kernel's code region is full");
    const { table } = this.exports;
    const place = this.freePlaces.pop() ?? table.grow(1);
    table.set(place, compiled);
    this.retire(entry);
    // The entry of initcode ends with its frame.
    if (this.isInitcode(entry)) this.retiredPlaces.push(place);
    else this.functions.set(entry, place);
    this.linear.heap.view.setUint32(entry + L.CODE_FUNCTION, place, true);
  }

  /** Takes the function from a code. False when it had none. */
  uninstall(entry: number): boolean {
    if (!this.retire(entry)) return false;
    this.linear.heap.view.setUint32(entry + L.CODE_FUNCTION, 0, true);
    return true;
  }

  private retire(entry: number): boolean {
    const place = this.functions.get(entry);
    if (place === undefined) return false;
    this.functions.delete(entry);
    this.retiredPlaces.push(place);
    return true;
  }

  stats(): CodeStats[] {
    const { bytes, view } = this.linear.heap;
    const stats: CodeStats[] = [];
    for (
      let entry = this.exports.firstCodeEntry();
      entry !== 0;
      entry = view.getUint32(entry + L.CODE_NEXT, true)
    )
      stats.push({
        hash: bytes.slice(entry + L.CODE_HASH, entry + L.CODE_HASH + 32),
        bytes: view.getUint32(entry + L.CODE_BYTES, true),
        entry,
        calls: Number(view.getBigUint64(entry + L.CODE_CALLS, true)),
        interpreted: Number(view.getBigUint64(entry + L.CODE_INTERPRETED, true)),
        gas: Number(view.getBigUint64(entry + L.CODE_GAS, true)),
        compiled: view.getUint32(entry + L.CODE_FUNCTION, true) !== 0,
      });
    return stats;
  }
}
