/**
 * Access columns of a message with other transactions than transfers. Keys come from the access sets, go by a small
 * buffer into the hashes of their ids, and into the column of those that are carried (all but the sender's).
 */
import { copyWords, KEY_WORDS, type SlotIds, sameKey } from "@velarium/slots";
import { SENDER_ACCESSES, Shape, TRANSFER_ACCESSES } from "@velarium/wire";
import type { BatchDraft } from "./batch-draft.ts";
import type { AccessArena } from "./found-accesses.ts";
import { type AccessColumns, TRANSFER_KINDS } from "./transfer-accesses.ts";

/** Keys whose ids are worked out at once: with all that is hashed, 60 kB, which stay near the processor. */
const IDS_AT_ONCE = 512;
const FIRST_ACCESSES = 8192;
const FIRST_ROWS = 1024;

export class CallAccesses {
  private slotIds!: SlotIds;
  // Columns, used again for each message.
  private hi = new Uint32Array(FIRST_ACCESSES);
  private lo = new Uint32Array(FIRST_ACCESSES);
  private kinds = new Uint8Array(FIRST_ACCESSES);
  private keys = new Uint32Array(FIRST_ACCESSES * KEY_WORDS);
  private accessEnds = new Uint32Array(FIRST_ROWS);
  private indexes = new Uint32Array(FIRST_ROWS);
  private end = 0;
  private carriedWords = 0;
  /** Keys whose ids are to be worked out next, and the accesses that have them. */
  private readonly waitingKeys = new Uint32Array(IDS_AT_ONCE * KEY_WORDS);
  private readonly waitingBytes = new Uint8Array(this.waitingKeys.buffer);
  private readonly waitingFor = new Uint32Array(IDS_AT_ONCE);
  private readonly idsHi = new Uint32Array(IDS_AT_ONCE);
  private readonly idsLo = new Uint32Array(IDS_AT_ONCE);
  private waiting = 0;
  /** By access, if it has the key of an earlier one: number of that one, plus one. */
  private sameAs = new Uint32Array(FIRST_ACCESSES);
  private repeats = 0;
  /** The call before: first access in the arena, how many, first access here. */
  private before = 0;
  private beforeCount = 0;
  private beforeAt = 0;

  /**
   * `arena`: the sets of `calls`, rows of shape `call`, ascending; each begins with the sender's balance, nonce and code. The
   * columns hold until the next message.
   */
  join(draft: BatchDraft, calls: readonly number[], arena: AccessArena, slotIds: SlotIds): AccessColumns {
    const { rows, shapes, candidates, candidateCount } = draft;
    this.slotIds = slotIds;
    this.begin(rows, arena.end + candidateCount * TRANSFER_ACCESSES);
    let candidate = 0;
    let call = 0;
    for (let row = 0; row < rows; row++) {
      this.indexes[row] = row;
      const isCandidate = candidate < candidateCount && candidates[candidate] === row;
      if (calls[call] === row) {
        call++;
        this.addCall(arena, row);
      } else if (isCandidate && shapes[row] === Shape.transfer) this.addTransfer(draft, candidate);
      if (isCandidate) candidate++;
      this.accessEnds[row] = this.end;
    }
    this.identify();
    if (this.repeats > 0) this.fillRepeats();
    const { end } = this;
    return {
      indexes: this.indexes.subarray(0, rows),
      accessEnds: this.accessEnds.subarray(0, rows),
      accessHi: this.hi.subarray(0, end),
      accessLo: this.lo.subarray(0, end),
      accessKinds: this.kinds.subarray(0, end),
      keys: new Uint8Array(this.keys.buffer, 0, this.carriedWords * 4),
    };
  }

  private begin(rows: number, most: number): void {
    if (rows > this.indexes.length) {
      this.indexes = new Uint32Array(rows);
      this.accessEnds = new Uint32Array(rows);
    }
    if (most > this.kinds.length) {
      this.hi = new Uint32Array(most);
      this.lo = new Uint32Array(most);
      this.kinds = new Uint8Array(most);
      this.keys = new Uint32Array(most * KEY_WORDS);
      this.sameAs = new Uint32Array(most);
    }
    this.sameAs.fill(0, 0, most);
    this.end = this.carriedWords = this.waiting = this.repeats = this.beforeCount = 0;
  }

  private addTransfer(draft: BatchDraft, candidate: number): void {
    const { hi, lo, kinds } = this;
    let to = this.end;
    for (let i = 0, from = candidate * TRANSFER_ACCESSES; i < TRANSFER_ACCESSES; i++, from++, to++) {
      hi[to] = draft.hi[from]!;
      lo[to] = draft.lo[from]!;
      kinds[to] = TRANSFER_KINDS[i]!;
    }
    this.end = to;
  }

  private addCall(arena: AccessArena, row: number): void {
    const { keyWords, kinds } = arena;
    const { before, beforeCount, beforeAt } = this;
    const first = arena.startOf(row);
    const count = arena.countOf(row);
    const at = this.end;
    for (let i = 0; i < count; i++) {
      const key = (first + i) * KEY_WORDS;
      this.kinds[at + i] = kinds[first + i]!;
      // Calls one after the other often enter the same contract.
      if (i < beforeCount && sameKey(keyWords, key, keyWords, (before + i) * KEY_WORDS)) {
        this.sameAs[at + i] = beforeAt + i + 1;
        this.repeats++;
      } else this.want(keyWords, key, at + i);
    }
    const carried = (count - SENDER_ACCESSES) * KEY_WORDS;
    copyWords(this.keys, this.carriedWords, keyWords, (first + SENDER_ACCESSES) * KEY_WORDS, carried);
    this.carriedWords += carried;
    this.before = first;
    this.beforeCount = count;
    this.beforeAt = at;
    this.end = at + count;
  }

  private want(keyWords: Uint32Array, key: number, access: number): void {
    copyWords(this.waitingKeys, this.waiting * KEY_WORDS, keyWords, key, KEY_WORDS);
    this.waitingFor[this.waiting++] = access;
    if (this.waiting === IDS_AT_ONCE) this.identify();
  }

  private identify(): void {
    const { waiting, waitingFor, idsHi, idsLo, hi, lo } = this;
    this.slotIds.idsOf(this.waitingBytes, waiting, idsHi, idsLo);
    for (let i = 0; i < waiting; i++) {
      hi[waitingFor[i]!] = idsHi[i]!;
      lo[waitingFor[i]!] = idsLo[i]!;
    }
    this.waiting = 0;
  }

  /** In ascending order the one named, which may be a repeat too, has its id. */
  private fillRepeats(): void {
    const { sameAs, hi, lo, end } = this;
    for (let i = 0; i < end; i++) {
      const same = sameAs[i]!;
      if (same === 0) continue;
      hi[i] = hi[same - 1]!;
      lo[i] = lo[same - 1]!;
    }
  }
}
