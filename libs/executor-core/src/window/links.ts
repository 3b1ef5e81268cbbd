/** Pairs (batch, access) under a number: tokens of reads under way, and list nodes of who waits for a value. */
export class AccessLinks {
  batch = new Int32Array(1024);
  access = new Int32Array(1024);
  next = new Int32Array(1024);
  version = new Float64Array(1024);
  used = 0;
  private free = -1;
  private top = 0;

  take(batch: number, access: number, version: number, next: number): number {
    let n = this.free;
    if (n >= 0) this.free = this.next[n]!;
    else {
      if (this.top === this.batch.length) this.grow();
      n = this.top++;
    }
    this.batch[n] = batch;
    this.access[n] = access;
    this.version[n] = version;
    this.next[n] = next;
    this.used++;
    return n;
  }

  release(n: number): void {
    this.batch[n] = -1;
    this.next[n] = this.free;
    this.free = n;
    this.used--;
  }

  clear(): void {
    this.free = -1;
    this.top = 0;
    this.used = 0;
  }

  private grow(): void {
    const i32 = (a: Int32Array): Int32Array<ArrayBuffer> => {
      const b = new Int32Array(a.length * 2);
      b.set(a);
      return b;
    };
    this.batch = i32(this.batch);
    this.access = i32(this.access);
    this.next = i32(this.next);
    const version = new Float64Array(this.batch.length);
    version.set(this.version);
    this.version = version;
  }
}
