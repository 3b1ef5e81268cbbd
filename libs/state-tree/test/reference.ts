/** The state tree as plainly as it can be said: sorted maps, whole recomputation, SHA-256 from node:crypto. */
import { createHash } from "node:crypto";

const sha = (...parts: Uint8Array[]): Buffer => {
  const h = createHash("sha256");
  for (const p of parts) h.update(p);
  return h.digest();
};

export const hashOf = (key: Buffer): Buffer => sha(key, Buffer.alloc(8));
const SENTINEL_KEY = Buffer.alloc(56, 0xff);
const END = Buffer.alloc(32, 0xff);

interface RefEntry {
  key: Buffer;
  hash: Buffer;
  value: Buffer;
  height: number;
  leaf: Buffer;
  active: boolean;
}

export interface RefChange {
  key: Buffer;
  value: Buffer;
}

const tree = (nodes: Buffer[]): Buffer => {
  let layer: Buffer[] = nodes;
  while (layer.length > 1) {
    const next: Buffer[] = [];
    for (let i = 0; i < layer.length; i += 2) next.push(sha(layer[i]!, layer[i + 1]!));
    layer = next;
  }
  return layer[0]!;
};

const zeros: Buffer[] = [Buffer.alloc(32)];
for (let i = 0; i < 11; i++) zeros.push(sha(zeros[i]!, zeros[i]!));
const emptyTwig = sha(zeros[11]!, zeros[3]!);

class RefPartition {
  entries: RefEntry[] = [];
  /** hash hex → number of its active entry. */
  live = new Map<string, number>();

  constructor() {
    this.append(SENTINEL_KEY, Buffer.alloc(32), Buffer.alloc(32), 0, END);
  }

  append(key: Buffer, hash: Buffer, value: Buffer, height: number, next: Buffer): void {
    const h = Buffer.alloc(8);
    h.writeBigUInt64LE(BigInt(height));
    const b = Buffer.concat([key, next, value, h]);
    const leaf = tree([0, 32, 64, 96].map((i) => b.subarray(i, i + 32)));
    const old = this.live.get(hash.toString("hex"));
    if (old !== undefined) this.entries[old]!.active = false;
    this.live.set(hash.toString("hex"), this.entries.length);
    this.entries.push({ key, hash, value, height, leaf, active: true });
  }

  apply(changes: { hash: Buffer; key: Buffer; value: Buffer }[], height: number): void {
    const before = [...this.live.keys()].sort();
    const nextIn = (keys: string[]): Map<string, string> =>
      new Map(keys.map((k, i) => [k, keys[i + 1] ?? END.toString("hex")]));
    const oldNext = nextIn(before);
    const set = new Set(before);
    const written = new Map<string, { key: Buffer; value: Buffer; height: number }>();
    for (const c of changes) {
      const k = c.hash.toString("hex");
      if (c.value.some((x) => x !== 0)) {
        set.add(k);
        written.set(k, { key: c.key, value: c.value, height });
      } else if (set.delete(k)) {
        this.entries[this.live.get(k)!]!.active = false;
        this.live.delete(k);
      }
    }
    const after = [...set].sort();
    const newNext = nextIn(after);
    const first = this.entries.length;
    for (const k of after) {
      const w = written.get(k);
      if (w === undefined && oldNext.get(k) === newNext.get(k)) continue;
      const { key, value, height: h } = w ?? this.entries[this.live.get(k)!]!;
      this.append(key, Buffer.from(k, "hex"), value, h, Buffer.from(newNext.get(k)!, "hex"));
    }
    const own = this.entries.length - first;
    for (let moved = 0; moved < own; moved++) {
      const tail = this.entries.findIndex((e) => e.active);
      const range = this.entries.length - tail;
      if (tail >= first || range <= 8 * 2048 || this.live.size * 5 >= range * 2) break;
      const e = this.entries[tail]!;
      this.append(e.key, e.hash, e.value, e.height, Buffer.from(newNext.get(e.hash.toString("hex"))!, "hex"));
    }
  }

  root(): Buffer {
    const twigs: Buffer[] = [];
    for (let t = 0; t * 2048 < this.entries.length; t++) {
      const leaves: Buffer[] = [];
      const bits = Buffer.alloc(256);
      for (let i = 0; i < 2048; i++) {
        const e = this.entries[t * 2048 + i];
        leaves.push(e?.leaf ?? Buffer.alloc(32));
        if (e?.active) bits[i >> 3]! |= 1 << (i & 7);
      }
      const chunks = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => bits.subarray(i * 32, i * 32 + 32));
      twigs.push(sha(tree(leaves), tree(chunks)));
    }
    while ((twigs.length & (twigs.length - 1)) !== 0) twigs.push(emptyTwig);
    const count = Buffer.alloc(32);
    count.writeBigUInt64BE(BigInt(this.entries.length), 24);
    return sha(tree(twigs), count);
  }
}

export class Reference {
  readonly parts: RefPartition[];
  readonly values = new Map<string, Buffer>();

  constructor(partitions: number) {
    this.parts = Array.from({ length: partitions }, () => new RefPartition());
  }

  apply(changes: RefChange[], height: number): void {
    const byPart: { hash: Buffer; key: Buffer; value: Buffer }[][] = this.parts.map(() => []);
    for (const c of changes) {
      const hash = hashOf(c.key);
      byPart[(hash[0]! * this.parts.length) >> 8]!.push({ hash, ...c });
      if (c.value.some((x) => x !== 0)) this.values.set(c.key.toString("hex"), c.value);
      else this.values.delete(c.key.toString("hex"));
    }
    this.parts.forEach((p, i) => {
      p.apply(byPart[i]!, height);
    });
  }

  root(): string {
    return tree(this.parts.map((p) => p.root())).toString("hex");
  }
}
