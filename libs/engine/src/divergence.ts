/** Divergence: an actual access set that the declared one does not cover. A pure function, so every replica agrees. */
import { type AccessKind, covers, keysEqual, SLOT_KEY_BYTES } from "@velarium/slots";
import type { AccessColumns } from "./types.ts";
import { bytesToMapKey } from "./words.ts";

/** Below this many declared slots a scan is cheaper than an index. */
const SCAN_LIMIT = 12;

/** Looks up declared kinds by key. */
export class DeclaredAccesses {
  private readonly columns: AccessColumns;
  private readonly index: Map<string, number> | undefined;

  constructor(columns: AccessColumns) {
    this.columns = columns;
    if (columns.count <= SCAN_LIMIT) return;
    this.index = new Map();
    for (let i = 0; i < columns.count; i++)
      this.index.set(bytesToMapKey(columns.keys, i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES), i);
  }

  /** Kind declared for the key at `offset` of `keys`; 0 when it is not declared. */
  kindOf(keys: Uint8Array, offset = 0): AccessKind | 0 {
    const { columns, index } = this;
    if (index !== undefined) {
      const at = index.get(bytesToMapKey(keys, offset, offset + SLOT_KEY_BYTES));
      return at === undefined ? 0 : (columns.kinds[at] as AccessKind);
    }
    for (let i = 0; i < columns.count; i++)
      if (keysEqual(columns.keys, i * SLOT_KEY_BYTES, keys, offset)) return columns.kinds[i] as AccessKind;
    return 0;
  }
}

/** True when some actual access is not covered by a declared one. */
export function diverges(declared: AccessColumns | DeclaredAccesses, actual: AccessColumns): boolean {
  const lookup = declared instanceof DeclaredAccesses ? declared : new DeclaredAccesses(declared);
  for (let i = 0; i < actual.count; i++) {
    const kind = lookup.kindOf(actual.keys, i * SLOT_KEY_BYTES);
    if (kind === 0 || !covers(kind, actual.kinds[i] as AccessKind)) return true;
  }
  return false;
}
