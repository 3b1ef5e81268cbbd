/** Reads and seals that wait for versions or contributions, linked per row in order of arrival. */

import { copyWords, KEY_WORDS } from "@velarium/slots";
import { NodeArena } from "./node-arena.ts";
import { R, type SlotRows } from "./slot-rows.ts";

/** Words of a node: version, genSeq, genLast (f64), the next node of the row, row, peer, token, mode, genCount, key. */
export const P = {
  version: 0,
  genSeq: 2,
  genLast: 4,
  next: 6,
  row: 7,
  peer: 8,
  token: 9,
  mode: 10,
  genCount: 11,
  key: 12,
  words: 32,
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
    this.arena = new NodeArena("parked reads", P.words, limit);
  }

  park(row: number, read: ReadRequest): void {
    const { arena, rows } = this;
    const node = arena.take();
    const { u32, f64 } = arena;
    f64[(node + P.version) >> 1] = read.version;
    f64[(node + P.genSeq) >> 1] = read.genSeq;
    f64[(node + P.genLast) >> 1] = read.genLast;
    u32[node + P.next] = 0xffffffff;
    u32[node + P.row] = row;
    u32[node + P.peer] = read.peer;
    u32[node + P.token] = read.token;
    u32[node + P.mode] = read.mode;
    u32[node + P.genCount] = read.genCount;
    copyWords(u32, node + P.key, read.key, read.keyAt, KEY_WORDS);
    if (rows.words[row + R.parked]! < 0) rows.words[row + R.parked] = node;
    else u32[rows.words[row + R.parkedTail]! + P.next] = node;
    rows.words[row + R.parkedTail] = node;
  }

  /** Loads a node into `read`; the key is copied, because the arena may move. */
  load(node: number, read: ReadRequest): void {
    const { u32, f64 } = this.arena;
    read.version = f64[(node + P.version) >> 1]!;
    read.genSeq = f64[(node + P.genSeq) >> 1]!;
    read.genLast = f64[(node + P.genLast) >> 1]!;
    read.peer = u32[node + P.peer]!;
    read.token = u32[node + P.token]!;
    read.mode = u32[node + P.mode]!;
    read.genCount = u32[node + P.genCount]!;
    copyWords(read.key, 0, u32, node + P.key, KEY_WORDS);
    read.keyAt = 0;
  }

  /** The node after one in its row; −1: none. */
  after(node: number): number {
    return this.arena.u32[node + P.next]! | 0;
  }

  /** Takes `node`, which follows `before` (-1: it is the first), out of the row; returns the one after. */
  unlink(row: number, before: number, node: number): number {
    const { arena, rows } = this;
    const next = this.after(node);
    if (before < 0) rows.words[row + R.parked] = next;
    else arena.u32[before + P.next] = next;
    if (rows.words[row + R.parkedTail] === node) rows.words[row + R.parkedTail] = before;
    arena.release(node);
    return next;
  }
}
