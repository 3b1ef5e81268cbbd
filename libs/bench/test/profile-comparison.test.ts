import { describe, expect, it } from "@jest/globals";
import { AccessKind, blockHashKey, Domain, fieldKey, SLOT_KEY_BYTES } from "@velarium/slots";
import { compareAccesses, declarable } from "../src/profile-quality/comparison.ts";
import { Tally } from "../src/profile-quality/tally.ts";

const { R, W, D, H } = AccessKind;
const kinds = (entries: Record<string, AccessKind>) => new Map(Object.entries(entries));
const BENEFICIARY = new Uint8Array(20).fill(7);

function columns(entries: readonly (readonly [Uint8Array, AccessKind])[]) {
  const keys = new Uint8Array(entries.length * SLOT_KEY_BYTES);
  for (const [i, [key]] of entries.entries()) keys.set(key, i * SLOT_KEY_BYTES);
  return { count: entries.length, keys, kinds: Uint8Array.from(entries, ([, kind]) => kind) };
}

describe("predicted against actual accesses", () => {
  it("cover by slot and kind", () => {
    const actual = kinds({ "\0a": R, "\0b": W });
    expect(compareAccesses(kinds({ "\0a": R, "\0b": W }), actual)).toMatchObject({
      exact: true,
      overPrediction: 0,
    });
    expect(compareAccesses(kinds({ "\0a": W, "\0b": W }), actual)).toMatchObject({
      covered: true,
      exactSlots: true,
      exact: false,
    });
    expect(compareAccesses(kinds({ "\0a": R, "\0b": R }), actual)).toMatchObject({
      covered: false,
      weak: 1,
      missing: 0,
      firstUncovered: "balance W",
    });
    expect(compareAccesses(kinds({ "\0b": W }), actual)).toMatchObject({ covered: false, missing: 1 });
  });

  it("count what was predicted in vain, per slot accessed", () => {
    const predicted = kinds({ "\0a": R, "\0b": R, "\0c": R });
    expect(compareAccesses(predicted, kinds({ "\0a": R, "\0b": R })).overPrediction).toBe(0.5);
  });

  it("leave out the fee and give block hashes their kind", () => {
    const other = fieldKey(Domain.balance, new Uint8Array(20).fill(8));
    const declared = declarable(
      columns([
        [fieldKey(Domain.balance, BENEFICIARY), D],
        [other, D],
        [blockHashKey(5), R],
      ]),
      BENEFICIARY,
    );
    expect([...declared.values()]).toEqual([D, H]);
  });
});

describe("a tally", () => {
  it("counts shares, quantiles and reasons", () => {
    const tally = new Tally();
    const exact = compareAccesses(kinds({ a: R }), kinds({ a: R }));
    tally.add(exact, 1, "");
    tally.add({ ...exact, exact: false, overPrediction: 0.5 }, 3, "");
    tally.add(undefined, 2, "steps");
    expect([tally.calls, tally.covered, tally.exact, tally.share(tally.covered)]).toEqual([3, 2, 1, 2 / 3]);
    expect([tally.overPrediction(0), tally.overPrediction(0.9), tally.milliseconds(0.5)]).toEqual([
      0, 0.5, 2,
    ]);
    expect([...tally.uncovered]).toEqual([["steps", 1]]);
  });
});
