/** Reads and seals that wait for versions or contributions, linked per row in order of arrival. */

import { copyWords, KEY_WORDS } from "@velarium/slots";
import { NodeArena } from "./node-arena.ts";
import { R, type SlotRows } from "./slot-rows.ts";

/** Node: f64 version, genSeq, genLast; words row, peer, token, mode, genCount, key. */
export const P = {
  doubles: 3,
  version: 0,
  genSeq: 1,
  genLast: 2,
  row: 0,
  peer: 1,
  token: 2,
  mode: 3,
  genCount: 4,
  key: 5,
  words: 19,
} as const;

/** Peer of a seal: nobody is told. */
export const NO_PEER = 0xffffffff;

export interface ReadRequest {
  peer: number;
  token: number;
  mode: number;
  version: number;
  genSeq: number;
  genCount: number;
  genLast: number;
  key: Uint32Array;
  keyAt: number;
}

export class ParkedReads {
  readonly arena: NodeArena;
  private readonly rows: SlotRows;

  constructor(rows: SlotRows, limit: number) {
    this.rows = rows;
    this.arena = new NodeArena("parked reads", P.doubles, P.words, limit);
  }

  park(row: number, read: ReadRequest): void {
    const { arena, rows } = this;
    const node = arena.take();
    const d = node * P.doubles;
    arena.f64[d + P.version] = read.version;
    arena.f64[d + P.genSeq] = read.genSeq;
    arena.f64[d + P.genLast] = read.genLast;
    const w = node * P.words;
    arena.u32[w + P.row] = row;
    arena.u32[w + P.peer] = read.peer;
    arena.u32[w + P.token] = read.token;
    arena.u32[w + P.mode] = read.mode;
    arena.u32[w + P.genCount] = read.genCount;
    copyWords(arena.u32, w + P.key, read.key, read.keyAt, KEY_WORDS);
    arena.next[node] = -1;
    if (rows.words[row + R.parked]! < 0) rows.words[row + R.parked] = node;
    else arena.next[rows.words[row + R.parkedTail]!] = node;
    rows.words[row + R.parkedTail] = node;
  }

  /** Loads a node into `read`; the key is copied, because the arena may move. */
  load(node: number, read: ReadRequest): void {
    const { arena } = this;
    const d = node * P.doubles;
    read.version = arena.f64[d + P.version]!;
    read.genSeq = arena.f64[d + P.genSeq]!;
    read.genLast = arena.f64[d + P.genLast]!;
    const w = node * P.words;
    read.peer = arena.u32[w + P.peer]!;
    read.token = arena.u32[w + P.token]!;
    read.mode = arena.u32[w + P.mode]!;
    read.genCount = arena.u32[w + P.genCount]!;
    copyWords(read.key, 0, arena.u32, w + P.key, KEY_WORDS);
    read.keyAt = 0;
  }

  /** Takes `node`, which follows `before` (-1: it is the first), out of the row; returns the one after. */
  unlink(row: number, before: number, node: number): number {
    const { arena, rows } = this;
    const next = arena.next[node]!;
    if (before < 0) rows.words[row + R.parked] = next;
    else arena.next[before] = next;
    if (rows.words[row + R.parkedTail] === node) rows.words[row + R.parkedTail] = before;
    arena.release(node);
    return next;
  }
}
