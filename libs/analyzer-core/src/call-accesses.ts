/**
 * Access columns of a message with other transactions than transfers. Keys come from the access sets, go by a small
 * buffer into the hashes of their ids, and into the column of those that are carried (all but the sender's).
 */
import { SLOT_KEY_BYTES, type SlotIds } from "@velarium/slots";
import { Reason, SENDER_ACCESSES, Shape, TRANSFER_ACCESSES } from "@velarium/wire";
import type { BatchDraft } from "./batch-draft.ts";
import type { FoundAccesses } from "./found-accesses.ts";
import { type AccessColumns, TRANSFER_KINDS } from "./transfer-accesses.ts";

/** Keys whose ids are worked out at once: with all that is hashed, 60 kB, which stay near the processor. */
const IDS_AT_ONCE = 512;
const SENDER_BYTES = SENDER_ACCESSES * SLOT_KEY_BYTES;

/** Ids of the calls of a message, one behind the other, and their keys but for the sender's. */
interface Calls {
  readonly hi: Uint32Array;
  readonly lo: Uint32Array;
  readonly keys: Uint8Array;
}

export class CallAccesses {
  private readonly keys = new Uint8Array(IDS_AT_ONCE * SLOT_KEY_BYTES);

  /** `sets`: of the rows of shape `call`, in their order; each begins with the sender's balance, nonce and code. */
  join(draft: BatchDraft, sets: readonly FoundAccesses[], slotIds: SlotIds): AccessColumns {
    const { rows, shapes, verdicts } = draft;
    let count = 0;
    for (const set of sets) count += set.count;
    const calls = this.callsOf(sets, count, slotIds);
    if (draft.candidateCount === 0) return onlyCalls(draft, sets, calls);
    const most = count + draft.candidateCount * TRANSFER_ACCESSES;
    const hi = new Uint32Array(most);
    const lo = new Uint32Array(most);
    const kinds = new Uint8Array(most);
    const accessEnds = new Uint32Array(rows);
    const indexes = new Uint32Array(rows);
    let end = 0;
    let candidate = 0;
    let nextSet = 0;
    let fromCalls = 0;
    for (let row = 0; row < rows; row++) {
      indexes[row] = row;
      const isCandidate = candidate < draft.candidateCount && draft.candidates[candidate] === row;
      if (isCandidate && shapes[row] === Shape.transfer) {
        const from = candidate * TRANSFER_ACCESSES;
        for (let i = 0; i < TRANSFER_ACCESSES; i++, end++) {
          hi[end] = draft.hi[from + i]!;
          lo[end] = draft.lo[from + i]!;
          kinds[end] = TRANSFER_KINDS[i]!;
        }
      } else if (verdicts[row] === Reason.none) {
        const set = sets[nextSet++]!;
        for (let i = 0; i < set.count; i++, end++, fromCalls++) {
          hi[end] = calls.hi[fromCalls]!;
          lo[end] = calls.lo[fromCalls]!;
          kinds[end] = set.kinds[i]!;
        }
      }
      if (isCandidate) candidate++;
      accessEnds[row] = end;
    }
    return {
      indexes,
      accessEnds,
      accessHi: hi.subarray(0, end),
      accessLo: lo.subarray(0, end),
      accessKinds: kinds.subarray(0, end),
      keys: calls.keys,
    };
  }

  private callsOf(sets: readonly FoundAccesses[], count: number, slotIds: SlotIds): Calls {
    const hi = new Uint32Array(count);
    const lo = new Uint32Array(count);
    const carried = new Uint8Array((count - sets.length * SENDER_ACCESSES) * SLOT_KEY_BYTES);
    let carriedAt = 0;
    let done = 0;
    let filled = 0;
    for (const set of sets) {
      carried.set(set.keys.subarray(SENDER_BYTES), carriedAt);
      carriedAt += set.keys.length - SENDER_BYTES;
      for (let from = 0; from < set.count; ) {
        const taken = Math.min(set.count - from, IDS_AT_ONCE - filled);
        const part = set.keys.subarray(from * SLOT_KEY_BYTES, (from + taken) * SLOT_KEY_BYTES);
        this.keys.set(part, filled * SLOT_KEY_BYTES);
        from += taken;
        filled += taken;
        if (filled < IDS_AT_ONCE) continue;
        slotIds.idsOf(this.keys, filled, hi, lo, done);
        done += filled;
        filled = 0;
      }
    }
    slotIds.idsOf(this.keys, filled, hi, lo, done);
    return { hi, lo, keys: carried };
  }
}

/** Columns of a message without transfers: ids stand where they are wanted already. */
function onlyCalls(
  draft: BatchDraft,
  sets: readonly FoundAccesses[],
  { hi, lo, keys }: Calls,
): AccessColumns {
  const { rows, verdicts } = draft;
  const kinds = new Uint8Array(hi.length);
  const accessEnds = new Uint32Array(rows);
  const indexes = new Uint32Array(rows);
  let end = 0;
  for (let row = 0, next = 0; row < rows; row++) {
    indexes[row] = row;
    if (verdicts[row] === Reason.none) {
      const { count, kinds: own } = sets[next++]!;
      for (let i = 0; i < count; i++) kinds[end++] = own[i]!;
    }
    accessEnds[row] = end;
  }
  return { indexes, accessEnds, accessHi: hi, accessLo: lo, accessKinds: kinds, keys };
}
