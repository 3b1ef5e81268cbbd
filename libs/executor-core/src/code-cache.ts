/** Contract code by the 28 bytes of its hash, bounded in bytes; what was not asked for longest gives way. */
import { bytesToMapKey } from "@velarium/engine";

const PREFIX_BYTES = 28;

export class CodeCache {
  private readonly codes = new Map<string, Uint8Array>();
  private readonly limit: number;
  private bytes = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get(prefix: Uint8Array): Uint8Array | undefined {
    const name = bytesToMapKey(prefix, 0, PREFIX_BYTES);
    const code = this.codes.get(name);
    if (code === undefined) return undefined;
    this.codes.delete(name);
    this.codes.set(name, code);
    return code;
  }

  /** `hash`: the code's hash or its prefix. */
  set(hash: Uint8Array, code: Uint8Array): void {
    const name = bytesToMapKey(hash, 0, PREFIX_BYTES);
    if (this.codes.has(name)) return;
    this.codes.set(name, code);
    this.bytes += code.length;
    for (const [oldest, { length }] of this.codes) {
      if (this.bytes <= this.limit || oldest === name) break;
      this.codes.delete(oldest);
      this.bytes -= length;
    }
  }
}
