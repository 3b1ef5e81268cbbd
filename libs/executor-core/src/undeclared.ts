/** Accesses that a declaration does not cover: what a diverged transaction taught, what the marked tail did besides. */
import type { AccessColumns } from "@velarium/engine";
import { AccessKind, covers, Domain, keysEqual, SLOT_KEY_BYTES, type SlotIds } from "@velarium/slots";
import type { KeyIndex } from "./key-index.ts";
import type { IdentifiedAccesses } from "./outcome-messages.ts";

/**
 * Picks accesses and gives them their ids. Without `declared`: all of them. The fee to the beneficiary is nobody's to
 * list, so a delta on `feeKey` is left out; a block hash is a kind of its own on the wire.
 */
export function identify(
  actual: AccessColumns,
  feeKey: Uint8Array | undefined,
  ids: SlotIds,
  declared?: { readonly index: KeyIndex; kindOf(index: number): AccessKind },
): IdentifiedAccesses {
  const keys = new Uint8Array(actual.count * SLOT_KEY_BYTES);
  const kinds = new Uint8Array(actual.count);
  let count = 0;
  for (let i = 0; i < actual.count; i++) {
    const at = i * SLOT_KEY_BYTES;
    const isHash = actual.keys[at] === Domain.blockHash;
    const kind = isHash ? AccessKind.H : (actual.kinds[i] as AccessKind);
    if (kind === AccessKind.D && feeKey !== undefined && keysEqual(actual.keys, at, feeKey, 0)) continue;
    if (declared !== undefined) {
      const index = declared.index.find(actual.keys, at);
      if (index >= 0 && covers(declared.kindOf(index), kind)) continue;
    }
    keys.set(actual.keys.subarray(at, at + SLOT_KEY_BYTES), count * SLOT_KEY_BYTES);
    kinds[count++] = kind;
  }
  const hi = new Uint32Array(count);
  const lo = new Uint32Array(count);
  ids.idsOf(keys, count, hi, lo);
  return { count, hi, lo, kinds, keys };
}
