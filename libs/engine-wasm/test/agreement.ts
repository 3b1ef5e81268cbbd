/**
 * When results of two engines agree. The kernel counts an access only once its gas is paid (EIP-7928); the reference
 * interpreter reads ahead, so where gas ran out it may have looked at more.
 */
import { expect } from "@jest/globals";
import type { ExecutableTransaction, ExecutionResult, MemoryState } from "@velarium/engine";
import { type AccessKind, covers, SLOT_KEY_BYTES } from "@velarium/slots";
import { copyOf, shown } from "./states.ts";

/** More gas than this left over: no frame ran out of it. */
const AMPLE_GAS = 50_000;

function kindsOf({ accesses }: ExecutionResult): Map<string, AccessKind> {
  const out = new Map<string, AccessKind>();
  for (let i = 0; i < accesses.count; i++)
    out.set(
      Buffer.from(accesses.keys.subarray(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES)).toString("hex"),
      accesses.kinds[i] as AccessKind,
    );
  return out;
}

const wordsAfter = (state: MemoryState, result: ExecutionResult): Map<string, Uint8Array> => {
  const after = copyOf(state);
  after.apply(result);
  return after.words;
};

/**
 * Expects the same fields; where gas was short, or if told to be loose, the same effects and no access beyond the
 * reference's.
 */
export function expectAgreement(
  actual: ExecutionResult,
  expected: ExecutionResult,
  tx: ExecutableTransaction,
  state: MemoryState,
  isLoose = false,
): void {
  const isAmple = !isLoose && tx.gasLimit - expected.gasUsed - expected.refund > AMPLE_GAS;
  if (isAmple || expected.outcome !== "included") {
    expect({ tx, ...shown(actual) }).toEqual({ tx, ...shown(expected) });
    return;
  }
  const without = (result: ExecutionResult) => ({
    ...shown(result),
    accesses: undefined,
    writes: undefined,
    deltas: undefined,
  });
  expect({ tx, ...without(actual) }).toEqual({ tx, ...without(expected) });
  expect(wordsAfter(state, actual)).toEqual(wordsAfter(state, expected));
  const seen = kindsOf(expected);
  for (const [key, kind] of kindsOf(actual)) {
    const other = seen.get(key);
    expect({ tx, key, kind, isCovered: other !== undefined && covers(other, kind) }).toMatchObject({
      isCovered: true,
    });
  }
}
