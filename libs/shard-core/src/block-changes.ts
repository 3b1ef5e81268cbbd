/** What a block changes: per full key the newest version ≤ its last seq, plus the generations after that version. */

import { addWord, copyWords, KEY_WORDS, sameKey, VALUE_WORDS } from "@velarium/slots";
import type { CommittedState } from "./answers.ts";
import { R } from "./slot-rows.ts";
import { C, G, type SlotTable, V } from "./slot-table.ts";

export interface ChangedSlots {
  /** 56 bytes each, every key once. */
  readonly keys: Uint8Array;
  /** 32 bytes each; all differ from the committed ones. */
  readonly values: Uint8Array;
  readonly count: number;
  /** Indices among the keys given to `readForBlock` last, ascending; undefined for a state without it. */
  readonly kept: Uint32Array | undefined;
}

/** One pass over a block's versions and generations. Its arrays are used again for the next block. */
export class ChangesPass {
  keys = new Uint32Array(256 * KEY_WORDS);
  values = new Uint32Array(256 * VALUE_WORDS);
  /** Seq of the version that the value is, -1: none, the committed value has to be added. */
  seqs = new Float64Array(256);
  next = new Int32Array(256);
  rows = new Int32Array(256);
  /** Committed values, by effect. */
  old = new Uint32Array(256 * VALUE_WORDS);
  kept = new Uint32Array(256);
  count = 0;

  /** The effect of a key within its row; a new one has seq -1 and value 0. the row's mark holds the row's first + 1. */
  effectOf(table: SlotTable, row: number, key: Uint32Array, keyAt: number): number {
    const { words } = table.rows;
    const mark = words[row + R.marks]!;
    for (let e = mark - 1; e >= 0; e = this.next[e]!)
      if (sameKey(this.keys, e * KEY_WORDS, key, keyAt)) return e;
    if (this.count === this.seqs.length) this.grow();
    const e = this.count++;
    copyWords(this.keys, e * KEY_WORDS, key, keyAt, KEY_WORDS);
    for (let k = 0; k < VALUE_WORDS; k++) this.values[e * VALUE_WORDS + k] = 0;
    this.seqs[e] = -1;
    this.rows[e] = row;
    this.next[e] = mark - 1;
    words[row + R.marks] = e + 1;
    return e;
  }

  private grow(): void {
    const u32 = (from: Uint32Array): Uint32Array<ArrayBuffer> => {
      const to = new Uint32Array(from.length * 2);
      to.set(from);
      return to;
    };
    this.keys = u32(this.keys);
    this.values = u32(this.values);
    const seqs = new Float64Array(this.seqs.length * 2);
    seqs.set(this.seqs);
    this.seqs = seqs;
    const next = new Int32Array(seqs.length);
    next.set(this.next);
    this.next = next;
    const rows = new Int32Array(seqs.length);
    rows.set(this.rows);
    this.rows = rows;
    this.old = new Uint32Array(seqs.length * VALUE_WORDS);
    this.kept = new Uint32Array(seqs.length);
  }
}

/**
 * Collects the changes of everything ≤ `closeSeq` and the rows they stand in; the table stays as it is. The result
 * borrows from `pass` until the next block.
 */
export function collectChanges(
  table: SlotTable,
  closeSeq: number,
  state: CommittedState,
  pass: ChangesPass,
): { changes: ChangedSlots; rows: Int32Array } {
  pass.count = 0;
  const { liveVersions, liveGenerations, rows } = table;
  const { u32 } = table.versions;
  for (let i = 0; i < liveVersions.length; i++) {
    const seq = liveVersions.seqs[i]!;
    if (seq > closeSeq) continue;
    const node = liveVersions.nodes[i]!;
    const e = pass.effectOf(table, u32[node + V.row]!, u32, node + V.key);
    if (pass.seqs[e]! >= seq) continue;
    pass.seqs[e] = seq;
    copyWords(pass.values, e * VALUE_WORDS, u32, node + V.value, VALUE_WORDS);
  }
  const generations = table.generations.u32;
  const contributions = table.contributions.u32;
  for (let i = 0; i < liveGenerations.length; i++) {
    const genSeq = liveGenerations.seqs[i]!;
    if (genSeq > closeSeq) continue;
    const gen = liveGenerations.nodes[i]!;
    const row = generations[gen + G.row]!;
    for (let n = generations[gen + G.head]! | 0; n >= 0; n = contributions[n + C.next]! | 0) {
      const e = pass.effectOf(table, row, contributions, n + C.key);
      if (genSeq > pass.seqs[e]!) addWord(pass.values, e * VALUE_WORDS, contributions, n + C.amount);
    }
  }
  const { count } = pass;
  const touched = new Int32Array(count);
  let distinct = 0;
  for (let e = 0; e < count; e++) {
    const row = pass.rows[e]!;
    if (rows.words[row + R.marks] === 0) continue;
    rows.words[row + R.marks] = 0;
    touched[distinct++] = row;
  }
  return { changes: withoutUnchanged(pass, state), rows: touched.subarray(0, distinct) };
}

/** Adds committed values where a sum has no version below it, and leaves out what ends as it was. */
function withoutUnchanged(pass: ChangesPass, state: CommittedState): ChangedSlots {
  const { keys, values, seqs, count, old, kept: indices } = pass;
  const keyBytes = new Uint8Array(keys.buffer, 0, count * KEY_WORDS * 4);
  const oldBytes = new Uint8Array(old.buffer, 0, count * VALUE_WORDS * 4);
  if (state.readForBlock) state.readForBlock(keyBytes, count, oldBytes);
  else if (count > 0) state.getBatch(keyBytes, count, oldBytes);
  let kept = 0;
  for (let e = 0; e < count; e++) {
    const at = e * VALUE_WORDS;
    if (seqs[e] === -1) addWord(values, at, old, at);
    let differs = false;
    for (let k = 0; k < VALUE_WORDS; k++) if (values[at + k] !== old[at + k]) differs = true;
    if (!differs) continue;
    if (kept !== e) {
      copyWords(keys, kept * KEY_WORDS, keys, e * KEY_WORDS, KEY_WORDS);
      copyWords(values, kept * VALUE_WORDS, values, at, VALUE_WORDS);
    }
    indices[kept++] = e;
  }
  return {
    keys: keyBytes.subarray(0, kept * KEY_WORDS * 4),
    values: new Uint8Array(values.buffer, 0, kept * VALUE_WORDS * 4),
    count: kept,
    kept: state.readForBlock ? indices.subarray(0, kept) : undefined,
  };
}
