/** Keys of all accesses of the calls of a message, with those of their senders, which messages leave out. */
import type { Message } from "@velarium/columns";
import { Domain, fieldKey, SLOT_KEY_BYTES } from "@velarium/slots";
import { type Analyzed, carriedKeys, SENDER_ACCESSES, Shape } from "@velarium/wire";

/** By row: keys in the order of its accesses; none for transfers. @throws when keys are missing or left over */
export function allKeys(analyzed: Message<typeof Analyzed>): Uint8Array[][] {
  let at = 0;
  const rows = Array.from(analyzed.accessEnds, (end, row) => {
    const accesses = end - (row === 0 ? 0 : analyzed.accessEnds[row - 1]!);
    const shape = analyzed.shapes[row]!;
    const keys: Uint8Array[] = [];
    if (shape === Shape.call && accesses >= SENDER_ACCESSES) {
      const sender = analyzed.senders.subarray(row * 20, row * 20 + 20);
      for (const domain of [Domain.balance, Domain.nonce, Domain.code]) keys.push(fieldKey(domain, sender));
    }
    for (let i = carriedKeys(shape, accesses); i > 0; i--, at += SLOT_KEY_BYTES)
      keys.push(analyzed.keys.subarray(at, at + SLOT_KEY_BYTES));
    return keys;
  });
  if (at !== analyzed.keys.length) throw new Error(`${at} bytes of keys, not ${analyzed.keys.length}`);
  return rows;
}
