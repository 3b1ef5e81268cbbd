/** Predicted against actual accesses of one transaction, by slot and kind. */
import { type AccessColumns, bytesToMapKey } from "@velarium/engine";
import { AccessKind, addressOf, covers, Domain, domainOf, SLOT_KEY_BYTES } from "@velarium/slots";

export interface Comparison {
  /** Every actual access has a predicted one that covers it. */
  readonly covered: boolean;
  /** Covered, and the same slots. */
  readonly exactSlots: boolean;
  /** Covered, the same slots, and the same kinds. */
  readonly exact: boolean;
  /** Slots predicted and not accessed, for each slot accessed. */
  readonly overPrediction: number;
  readonly predicted: number;
  readonly actual: number;
  /** Slots accessed that were not predicted. */
  readonly missing: number;
  /** Slots predicted with a kind that does not cover what happened. */
  readonly weak: number;
  /** What the first access that is not covered is to: `storage W`, `balance R`. */
  readonly firstUncovered: string | undefined;
}

const DOMAINS = Object.fromEntries(Object.entries(Domain).map(([name, value]) => [value, name]));
const KINDS = Object.fromEntries(Object.entries(AccessKind).map(([name, value]) => [value, name]));

/**
 * Accesses as a declaration has them: the fee, which everyone adds to the beneficiary's balance, is not listed; the hash
 * of an earlier block has a kind of its own.
 */
export function declarable(accesses: AccessColumns, beneficiary: Uint8Array): Map<string, AccessKind> {
  const kinds = new Map<string, AccessKind>();
  for (let i = 0; i < accesses.count; i++) {
    const at = i * SLOT_KEY_BYTES;
    const domain = domainOf(accesses.keys, at);
    let kind = accesses.kinds[i] as AccessKind;
    if (domain === Domain.blockHash) kind = AccessKind.H;
    const isFee = domain === Domain.balance && kind === AccessKind.D;
    if (isFee && Buffer.compare(addressOf(accesses.keys, at), beneficiary) === 0) continue;
    kinds.set(bytesToMapKey(accesses.keys, at, at + SLOT_KEY_BYTES), kind);
  }
  return kinds;
}

export function compareAccesses(
  predicted: ReadonlyMap<string, AccessKind>,
  actual: ReadonlyMap<string, AccessKind>,
): Comparison {
  let missing = 0;
  let weak = 0;
  let sameKinds = true;
  let firstUncovered: string | undefined;
  for (const [key, kind] of actual) {
    const declared = predicted.get(key);
    if (declared !== kind) sameKinds = false;
    if (declared !== undefined && covers(declared, kind)) continue;
    if (declared === undefined) missing++;
    else weak++;
    firstUncovered ??= `${DOMAINS[key.charCodeAt(0)]} ${KINDS[kind]}`;
  }
  let superfluous = 0;
  for (const key of predicted.keys()) if (!actual.has(key)) superfluous++;
  const covered = missing + weak === 0;
  const exactSlots = covered && superfluous === 0;
  return {
    covered,
    exactSlots,
    exact: exactSlots && sameKinds,
    overPrediction: actual.size === 0 ? 0 : superfluous / actual.size,
    predicted: predicted.size,
    actual: actual.size,
    missing,
    weak,
    firstUncovered,
  };
}
