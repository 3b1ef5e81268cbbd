/** Joins what a returned transaction declared with what it turned out to access. */
import type { Message } from "@velarium/columns";
import { type AccessKind, Domain, joinKinds, SLOT_KEY_BYTES, writeFieldKey } from "@velarium/slots";
import { type Receipts, Shape } from "@velarium/wire";
import type { AccountTable } from "./account-table.ts";
import type { TransactionSlab } from "./transaction-slab.ts";

/** Where the recipient of a plain transfer is in its raw bytes is the decoder's business. */
export type RecipientOf = (raw: Uint8Array, from: number, size: number) => Uint8Array;

/** Keys of a row's declared accesses, with those that its shape leaves out. */
function declaredKeys(
  slab: TransactionSlab,
  accounts: AccountTable,
  row: number,
  recipientOf: RecipientOf,
): Uint8Array {
  const source = slab.sourceOf(row);
  const count = slab.accessTo[row]! - slab.accessFrom[row]!;
  const at = slab.keyFrom[row]! * SLOT_KEY_BYTES;
  const carried = source.keys.subarray(at, at + slab.keyCount(row) * SLOT_KEY_BYTES);
  if (carried.length === count * SLOT_KEY_BYTES) return carried;
  const keys = new Uint8Array(count * SLOT_KEY_BYTES);
  const sender = accounts.addressAt(slab.account[row]!);
  keys.set(carried, keys.length - carried.length);
  writeFieldKey(keys, 0, Domain.balance, accounts.addresses, sender);
  writeFieldKey(keys, SLOT_KEY_BYTES, Domain.nonce, accounts.addresses, sender);
  writeFieldKey(keys, 2 * SLOT_KEY_BYTES, Domain.code, accounts.addresses, sender);
  if (slab.shape[row] !== Shape.transfer) return keys;
  const recipient = recipientOf(source.raw.blob, slab.rawFrom[row]!, slab.rawBytes(row));
  writeFieldKey(keys, 3 * SLOT_KEY_BYTES, Domain.code, recipient);
  writeFieldKey(keys, 4 * SLOT_KEY_BYTES, Domain.balance, recipient);
  return keys;
}

/**
 * Gives the row the union of both as accesses of its own. Returns false, and changes nothing, when that has more than
 * `limit` entries.
 */
export function joinLearned(
  slab: TransactionSlab,
  accounts: AccountTable,
  row: number,
  message: Message<typeof Receipts>,
  entry: number,
  limit: number,
  recipientOf: RecipientOf,
): boolean {
  const from = entry === 0 ? 0 : message.learnedEnds[entry - 1]!;
  const to = message.learnedEnds[entry]!;
  const first = slab.accessFrom[row]!;
  const declared = slab.accessTo[row]! - first;
  if (declared + to - from > limit) return false;
  const source = slab.sourceOf(row);
  const ownKeys = declaredKeys(slab, accounts, row, recipientOf);
  const room = declared + to - from;
  const hi = new Uint32Array(room);
  const lo = new Uint32Array(room);
  const kinds = new Uint8Array(room);
  const keys = new Uint8Array(room * SLOT_KEY_BYTES);
  const places = new Map<string, number>();
  const add = (h: number, l: number, kind: number, allKeys: Uint8Array, at: number): void => {
    const key = allKeys.subarray(at * SLOT_KEY_BYTES, (at + 1) * SLOT_KEY_BYTES);
    const name = Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
    const known = places.get(name);
    if (known !== undefined) {
      kinds[known] = joinKinds(kinds[known] as AccessKind, kind as AccessKind);
      return;
    }
    const n = places.size;
    places.set(name, n);
    hi[n] = h;
    lo[n] = l;
    kinds[n] = kind;
    keys.set(key, n * SLOT_KEY_BYTES);
  };
  for (let i = 0; i < declared; i++)
    add(source.accessHi[first + i]!, source.accessLo[first + i]!, source.accessKinds[first + i]!, ownKeys, i);
  for (let i = from; i < to; i++)
    add(message.learnedHi[i]!, message.learnedLo[i]!, message.learnedKinds[i]!, message.learnedKeys, i);
  const n = places.size;
  slab.detach(row, {
    accessHi: hi.slice(0, n),
    accessLo: lo.slice(0, n),
    accessKinds: kinds.slice(0, n),
    keys: keys.slice(0, n * SLOT_KEY_BYTES),
  });
  return true;
}
