/**
 * Versions and delta generations of blocks not yet committed. A row's versions are linked newest first. All rules of
 * docs/protocol.md, "Values at the shard", stand here; who asked and who is told stands in core.ts.
 */

import { addWord, copyWords, KEY_WORDS, sameKey, VALUE_WORDS } from "@velarium/slots";
import { NodeArena } from "./node-arena.ts";
import { R, SlotRows } from "./slot-rows.ts";

/** Version node: f64 seq; words row, 1 if derived from a generation, key, value. */
export const V = { row: 0, derived: 1, key: 2, value: 16, words: 24 } as const;
/** Generation node: f64 first seq; words row, contributions so far, head of the contributions. */
export const G = { row: 0, count: 1, head: 2, words: 3 } as const;
/** Contribution node, one per generation, executor and key: words executor, cumulative count, key, cumulative amount. */
export const C = { executor: 0, count: 1, key: 2, amount: 16, words: 24 } as const;

/** Growable list of node numbers. */
export class NodeList {
  nodes = new Int32Array(1024);
  length = 0;
  push(node: number): void {
    if (this.length === this.nodes.length) {
      const grown = new Int32Array(this.length * 2);
      grown.set(this.nodes);
      this.nodes = grown;
    }
    this.nodes[this.length++] = node;
  }
}

export class SlotTable {
  readonly rows = new SlotRows();
  readonly versions: NodeArena;
  readonly generations: NodeArena;
  readonly contributions: NodeArena;
  readonly liveVersions = new NodeList();
  readonly liveGenerations = new NodeList();

  constructor(maxVersions: number) {
    this.versions = new NodeArena("versions", 1, V.words, maxVersions);
    this.generations = new NodeArena("delta generations", 1, G.words, maxVersions);
    this.contributions = new NodeArena("delta contributions", 0, C.words, maxVersions);
  }

  clear(): void {
    this.rows.clear();
    this.versions.clear();
    this.generations.clear();
    this.contributions.clear();
    this.liveVersions.length = 0;
    this.liveGenerations.length = 0;
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
    while (after >= 0 && versions.f64[after]! > seq) {
      before = after;
      after = versions.next[after]!;
    }
    for (let same = after; same >= 0 && versions.f64[same] === seq; same = versions.next[same]!)
      if (sameKey(versions.u32, same * V.words + V.key, key, keyAt)) return -1;
    const node = versions.take();
    const { u32 } = versions;
    const w = node * V.words;
    versions.f64[node] = seq;
    u32[w + V.row] = row;
    u32[w + V.derived] = derived;
    copyWords(u32, w + V.key, key, keyAt, KEY_WORDS);
    copyWords(u32, w + V.value, value, valueAt, VALUE_WORDS);
    versions.next[node] = after;
    if (before < 0) rows.words[row + R.versions] = node;
    else versions.next[before] = node;
    this.liveVersions.push(node);
    return node;
  }

  /** True when some version of the id has exactly this seq. */
  has(row: number, seq: number): boolean {
    const { f64, next } = this.versions;
    let node = this.rows.words[row + R.versions]!;
    while (node >= 0 && f64[node]! > seq) node = next[node]!;
    return node >= 0 && f64[node] === seq;
  }

  /** Newest version ≤ `seq` of the full key, or -1. */
  newest(row: number, seq: number, key: Uint32Array, keyAt: number): number {
    const { f64, next, u32 } = this.versions;
    let node = this.rows.words[row + R.versions]!;
    while (node >= 0 && f64[node]! > seq) node = next[node]!;
    while (node >= 0 && !sameKey(u32, node * V.words + V.key, key, keyAt)) node = next[node]!;
    return node;
  }

  generation(row: number, genSeq: number): number {
    const { f64, next } = this.generations;
    let node = this.rows.words[row + R.generations]!;
    while (node >= 0 && f64[node] !== genSeq) node = next[node]!;
    return node;
  }

  /** Contributions counted in a generation; 0 when nothing of it is here. */
  countOf(row: number, genSeq: number): number {
    const node = this.generation(row, genSeq);
    return node < 0 ? 0 : this.generations.u32[node * G.words + G.count]!;
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
    const { generations, contributions, rows } = this;
    let gen = this.generation(row, genSeq);
    if (gen < 0) {
      gen = generations.take();
      generations.f64[gen] = genSeq;
      const w = gen * G.words;
      generations.u32[w + G.row] = row;
      generations.u32[w + G.count] = 0;
      generations.u32[w + G.head] = 0xffffffff;
      generations.next[gen] = rows.words[row + R.generations]!;
      rows.words[row + R.generations] = gen;
      this.liveGenerations.push(gen);
    }
    const g = gen * G.words;
    let node = generations.u32[g + G.head]! | 0;
    while (node >= 0) {
      const c = node * C.words;
      if (
        contributions.u32[c + C.executor] === executor &&
        sameKey(contributions.u32, c + C.key, keys, keyAt)
      )
        break;
      node = contributions.next[node]!;
    }
    if (node < 0) {
      node = contributions.take();
      const c = node * C.words;
      contributions.u32[c + C.executor] = executor;
      contributions.u32[c + C.count] = 0;
      copyWords(contributions.u32, c + C.key, keys, keyAt, KEY_WORDS);
      contributions.next[node] = generations.u32[g + G.head]! | 0;
      generations.u32[g + G.head] = node;
    }
    const c = node * C.words;
    const grown = count - contributions.u32[c + C.count]!;
    if (grown <= 0) return 0;
    contributions.u32[c + C.count] = count;
    copyWords(contributions.u32, c + C.amount, amounts, amountAt, VALUE_WORDS);
    generations.u32[g + G.count] = generations.u32[g + G.count]! + grown;
    return grown;
  }

  /** Adds to `to[at]` what a generation holds for a key. */
  addSum(gen: number, key: Uint32Array, keyAt: number, to: Uint32Array, at: number): void {
    const { u32, next } = this.contributions;
    for (let n = this.generations.u32[gen * G.words + G.head]! | 0; n >= 0; n = next[n]!) {
      const c = n * C.words;
      if (sameKey(u32, c + C.key, key, keyAt)) addWord(to, at, u32, c + C.amount);
    }
  }

  /** Cuts everything of the row at or below `closeSeq`. */
  cut(row: number, closeSeq: number): void {
    const { versions, generations, contributions, rows } = this;
    let before = -1;
    let node = rows.words[row + R.versions]!;
    while (node >= 0 && versions.f64[node]! > closeSeq) {
      before = node;
      node = versions.next[node]!;
    }
    if (before < 0) rows.words[row + R.versions] = -1;
    else versions.next[before] = -1;
    while (node >= 0) {
      const next = versions.next[node]!;
      versions.release(node);
      node = next;
    }
    let kept = -1;
    let gen = rows.words[row + R.generations]!;
    rows.words[row + R.generations] = -1;
    while (gen >= 0) {
      const next = generations.next[gen]!;
      if (generations.f64[gen]! > closeSeq) {
        if (kept < 0) rows.words[row + R.generations] = gen;
        else generations.next[kept] = gen;
        generations.next[gen] = -1;
        kept = gen;
      } else {
        let c = generations.u32[gen * G.words + G.head]! | 0;
        while (c >= 0) {
          const nextContribution = contributions.next[c]!;
          contributions.release(c);
          c = nextContribution;
        }
        generations.release(gen);
      }
      gen = next;
    }
  }
}
