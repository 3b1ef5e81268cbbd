/** Kinds of access to a slot (see ARCHITECTURE.md, vocabulary). The numbers are wire format. */
export const AccessKind = {
  /** Reads the value. */
  R: 1,
  /** Reads and writes the value. */
  W: 2,
  /** Adds to the value without needing the old one; commutes with other deltas. */
  D: 3,
  /** Reads a predicate of the value. Reserved: scheduled like R. */
  P: 4,
  /** Wipes the account; conflicts with every slot of the address. Reserved: such a transaction goes to the marked tail. */
  X: 5,
  /** Reads the hash of an earlier block (`blockHashKey`): not state, not in the slot table; the executor waits for that header. */
  H: 6,
} as const;
export type AccessKind = (typeof AccessKind)[keyof typeof AccessKind];

/** Least kind that covers both: what one transaction declares when it does both to a slot. */
export function joinKinds(a: AccessKind, b: AccessKind): AccessKind {
  if (a === b) return a;
  if (a === AccessKind.H || b === AccessKind.H) throw new RangeError("a block hash is only read");
  if (a === AccessKind.X || b === AccessKind.X) return AccessKind.X;
  if ((a === AccessKind.R || a === AccessKind.P) && (b === AccessKind.R || b === AccessKind.P))
    return AccessKind.R;
  return AccessKind.W;
}

/** True when a declared access permits an actual one: W permits R, P and W (and D); R permits R and P; D permits D. */
export function covers(declared: AccessKind, actual: AccessKind): boolean {
  if (declared === AccessKind.X || declared === actual) return true;
  if (declared === AccessKind.W) return actual !== AccessKind.X;
  return declared === AccessKind.R && actual === AccessKind.P;
}
