/**
 * Versions and delta generations of blocks not yet committed. A row's versions are linked newest first. All rules of
 * docs/protocol.md, "Values at the shard", stand here; who asked and who is told stands in core.ts.
 */

import { addWord, copyWords, KEY_WORDS, partitionOfId, sameKey, VALUE_WORDS } from "@velarium/slots";
import { DERIVED, LiveNodes } from "./live-nodes.ts";
import { NodeArena } from "./node-arena.ts";
import { R, SlotRows } from "./slot-rows.ts";

/** Words of a version: its seq (f64), the next older one of the row, the row, key, value. Two cache lines. */
export const V = { seq: 0, next: 2, row: 3, key: 4, value: 18, words: 32 } as const;
/** Words of a generation: its first seq (f64), the next older one, the row, contributions so far, the newest of them. */
export const G = { seq: 0, next: 2, row: 3, count: 4, head: 5, words: 8 } as const;
/** Words of contributions of one executor to one key of a generation: the next ones, executor, cumulative count, key, cumulative amount. */
export const C = { next: 0, executor: 1, count: 2, key: 3, amount: 17, words: 32 } as const;

/** Of a version, where its second cache line begins. */
const SECOND_LINE = 16;
/** Rows brought near at once: with versions, 40 kB. */
export const APPROACHED = 256;

export class SlotTable {
  readonly rows = new SlotRows();
  readonly versions: NodeArena;
  readonly generations: NodeArena;
  readonly contributions: NodeArena;
  readonly liveVersions = new LiveNodes();
  readonly liveGenerations = new LiveNodes();
  /** Of the rows approached last. */
  private readonly heads = new Int32Array(APPROACHED);
  /** Keeps the loads of `approach` from being left out. */
  protected touched = 0;

  constructor(maxVersions: number) {
    this.versions = new NodeArena("versions", V.words, maxVersions);
    this.generations = new NodeArena("delta generations", G.words, maxVersions);
    this.contributions = new NodeArena("delta contributions", C.words, maxVersions);
  }

  clear(): void {
    this.rows.clear();
    this.versions.clear();
    this.generations.clear();
    this.contributions.clear();
    this.liveVersions.clear();
    this.liveGenerations.clear();
  }

  /**
   * Brings rows `from` to `to`, which are about to be looked for, near the processor, with the newest version of each: loads
   * that do not depend on each other are waited for together.
   */
  approach(hi: Uint32Array, lo: Uint32Array, from: number, to: number): void {
    const { rows, heads } = this;
    rows.approach(hi, lo, from, to, heads);
    const { words } = rows;
    const count = to - from;
    for (let i = 0; i < count; i++) {
      const row = heads[i]!;
      heads[i] = row < 0 ? -1 : words[row + R.versions]!;
    }
    this.approachVersions(heads, 0, count);
  }

  /** Likewise rows that are known, with what leads to them and the beginning of their newest versions. */
  approachRows(known: Int32Array, from: number, to: number): void {
    const { heads, rows } = this;
    const { words } = rows;
    const { u32 } = this.versions;
    for (let i = from; i < to; i++) heads[i - from] = words[known[i]! + R.versions]!;
    let touched = rows.approachBuckets(known, from, to);
    for (let i = 0; i < to - from; i++) {
      const node = heads[i]!;
      if (node >= 0) touched ^= u32[node]!;
    }
    this.touched = touched;
  }

  /** Likewise versions, -1 for none. */
  approachVersions(nodes: Int32Array, from: number, to: number): void {
    const { u32 } = this.versions;
    let touched = 0;
    for (let i = from; i < to; i++) {
      const node = nodes[i]!;
      if (node >= 0) touched ^= u32[node]! ^ u32[node + SECOND_LINE]!;
    }
    this.touched = touched;
  }

  /** Inserts a version; -1 when it is there already. */
  insert(
    row: number,
    seq: number,
    key: Uint32Array,
    keyAt: number,
    value: Uint32Array,
    valueAt: number,
    derived: 0 | 1,
  ): number {
    const { versions, rows } = this;
    let before = -1;
    let after = rows.words[row + R.versions]!;
    while (after >= 0 && versions.f64[after >> 1]! > seq) {
      before = after;
      after = versions.u32[after + V.next]! | 0;
    }
    for (
      let same = after;
      same >= 0 && versions.f64[same >> 1] === seq;
      same = versions.u32[same + V.next]! | 0
    )
      if (sameKey(versions.u32, same + V.key, key, keyAt)) return -1;
    const node = versions.take();
    const { u32 } = versions;
    versions.f64[node >> 1] = seq;
    u32[node + V.next] = after;
    u32[node + V.row] = row;
    copyWords(u32, node + V.key, key, keyAt, KEY_WORDS);
    copyWords(u32, node + V.value, value, valueAt, VALUE_WORDS);
    if (before < 0) rows.words[row + R.versions] = node;
    else u32[before + V.next] = node;
    this.liveVersions.push(node, seq, derived === 1 ? DERIVED : partitionOfId(rows.words[row + R.hi]!));
    return node;
  }

  /** True when some version of the id has exactly this seq. */
  has(row: number, seq: number): boolean {
    const { f64, u32 } = this.versions;
    let node = this.rows.words[row + R.versions]!;
    while (node >= 0 && f64[node >> 1]! > seq) node = u32[node + V.next]! | 0;
    return node >= 0 && f64[node >> 1] === seq;
  }

  /** Newest version ≤ `seq` of the full key, or -1. */
  newest(row: number, seq: number, key: Uint32Array, keyAt: number): number {
    const { f64, u32 } = this.versions;
    let node = this.rows.words[row + R.versions]!;
    while (node >= 0 && f64[node >> 1]! > seq) node = u32[node + V.next]! | 0;
    while (node >= 0 && !sameKey(u32, node + V.key, key, keyAt)) node = u32[node + V.next]! | 0;
    return node;
  }

  generation(row: number, genSeq: number): number {
    const { f64, u32 } = this.generations;
    let node = this.rows.words[row + R.generations]!;
    while (node >= 0 && f64[node >> 1] !== genSeq) node = u32[node + G.next]! | 0;
    return node;
  }

  /** Contributions counted in a generation; 0 when nothing of it is here. */
  countOf(row: number, genSeq: number): number {
    const node = this.generation(row, genSeq);
    return node < 0 ? 0 : this.generations.u32[node + G.count]!;
  }

  /**
   * Takes an executor's cumulative contribution; returns by how much the count grew (0 for a repetition).
   */
  contribute(
    row: number,
    genSeq: number,
    executor: number,
    count: number,
    keys: Uint32Array,
    keyAt: number,
    amounts: Uint32Array,
    amountAt: number,
  ): number {
    const { contributions } = this;
    let gen = this.generation(row, genSeq);
    if (gen < 0) gen = this.addGeneration(row, genSeq);
    const generations = this.generations.u32;
    let node = generations[gen + G.head]! | 0;
    while (node >= 0) {
      const { u32 } = contributions;
      if (u32[node + C.executor] === executor && sameKey(u32, node + C.key, keys, keyAt)) break;
      node = u32[node + C.next]! | 0;
    }
    if (node < 0) {
      node = contributions.take();
      const { u32 } = contributions;
      u32[node + C.executor] = executor;
      u32[node + C.count] = 0;
      copyWords(u32, node + C.key, keys, keyAt, KEY_WORDS);
      u32[node + C.next] = generations[gen + G.head]!;
      generations[gen + G.head] = node;
    }
    const { u32 } = contributions;
    const grown = count - u32[node + C.count]!;
    if (grown <= 0) return 0;
    u32[node + C.count] = count;
    copyWords(u32, node + C.amount, amounts, amountAt, VALUE_WORDS);
    generations[gen + G.count] = generations[gen + G.count]! + grown;
    return grown;
  }

  private addGeneration(row: number, genSeq: number): number {
    const { generations, rows } = this;
    const gen = generations.take();
    const { u32 } = generations;
    generations.f64[gen >> 1] = genSeq;
    u32[gen + G.next] = rows.words[row + R.generations]!;
    u32[gen + G.row] = row;
    u32[gen + G.count] = 0;
    u32[gen + G.head] = 0xffffffff;
    rows.words[row + R.generations] = gen;
    this.liveGenerations.push(gen, genSeq, partitionOfId(rows.words[row + R.hi]!));
    return gen;
  }

  /** Adds to `to[at]` what a generation holds for a key. */
  addSum(gen: number, key: Uint32Array, keyAt: number, to: Uint32Array, at: number): void {
    const { u32 } = this.contributions;
    for (let n = this.generations.u32[gen + G.head]! | 0; n >= 0; n = u32[n + C.next]! | 0)
      if (sameKey(u32, n + C.key, key, keyAt)) addWord(to, at, u32, n + C.amount);
  }

  /** Cuts everything of the row at or below `closeSeq`. */
  cut(row: number, closeSeq: number): void {
    const { versions, rows } = this;
    const { f64, u32 } = versions;
    let before = -1;
    let node = rows.words[row + R.versions]!;
    while (node >= 0 && f64[node >> 1]! > closeSeq) {
      before = node;
      node = u32[node + V.next]! | 0;
    }
    if (before < 0) rows.words[row + R.versions] = -1;
    else u32[before + V.next] = 0xffffffff;
    while (node >= 0) {
      const next = u32[node + V.next]! | 0;
      versions.release(node);
      node = next;
    }
    if (rows.words[row + R.generations]! >= 0) this.cutGenerations(row, closeSeq);
  }

  private cutGenerations(row: number, closeSeq: number): void {
    const { generations, contributions, rows } = this;
    const { f64, u32 } = generations;
    let kept = -1;
    let gen = rows.words[row + R.generations]!;
    rows.words[row + R.generations] = -1;
    while (gen >= 0) {
      const next = u32[gen + G.next]! | 0;
      if (f64[gen >> 1]! > closeSeq) {
        if (kept < 0) rows.words[row + R.generations] = gen;
        else u32[kept + G.next] = gen;
        u32[gen + G.next] = 0xffffffff;
        kept = gen;
      } else {
        let c = u32[gen + G.head]! | 0;
        while (c >= 0) {
          const nextContribution = contributions.u32[c + C.next]! | 0;
          contributions.release(c);
          c = nextContribution;
        }
        generations.release(gen);
      }
      gen = next;
    }
  }
}
