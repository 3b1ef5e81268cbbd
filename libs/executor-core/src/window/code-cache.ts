/** Contract code by hash prefix, bounded in bytes; the least recently used goes first. */
const nameOf = (prefix: Uint8Array, at = 0): string =>
  Buffer.from(prefix.buffer, prefix.byteOffset + at, 28).toString("latin1");

export class CodeCache {
  private readonly codes = new Map<string, Uint8Array>();
  private bytes = 0;
  private readonly limit: number;

  constructor(limitBytes: number) {
    this.limit = limitBytes;
  }

  get(prefix: Uint8Array): Uint8Array | undefined {
    const name = nameOf(prefix);
    const code = this.codes.get(name);
    if (code !== undefined) {
      this.codes.delete(name);
      this.codes.set(name, code);
    }
    return code;
  }

  put(prefix: Uint8Array, code: Uint8Array): void {
    const name = nameOf(prefix);
    if (this.codes.has(name)) return;
    this.codes.set(name, code);
    this.bytes += code.length;
    for (const [old, held] of this.codes) {
      if (this.bytes <= this.limit || old === name) break;
      this.codes.delete(old);
      this.bytes -= held.length;
    }
  }
}
