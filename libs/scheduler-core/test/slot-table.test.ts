/** Rows of a table as the kernel finds them, against the search in TypeScript and a plain set of ids. */
import { describe, expect, it } from "@jest/globals";
import { AccessKind } from "@velarium/slots";
import fc from "fast-check";
import { ID_HI, ID_LO, META, SlotTable, TOUCHED, VERSION } from "../src/slot-table.ts";

const { R, W, D, P, X, H } = AccessKind;
const GROUPS = 2;
const ROWS = 1 << 16;
const PLACES = ROWS / GROUPS;

/** Ids that crowd: four tags, two groups, and places about the end of a group, so that runs are long and wrap. */
const id = fc.record({
  hi: fc
    .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 7 }))
    .map(([group, tag]) => (group << 24) | tag),
  lo: fc
    .tuple(fc.integer({ min: -20, max: 40 }), fc.integer({ min: 0, max: 3 }))
    .map(([place, high]) => ((place & (PLACES - 1)) | (high << 28)) >>> 0),
});
const access = fc.record({ id, kind: fc.constantFrom<number>(R, W, D, P, X, H) });
const batches = fc.array(
  fc.record({
    accesses: fc.array(access, { minLength: 1, maxLength: 60 }),
    /** Makes the table sweep: everything in it may go. */
    sweep: fc.boolean(),
  }),
  { minLength: 1, maxLength: 12 },
);
/** Rows of accesses `from` to `to`, as one frame. */
function rowsOf(
  table: SlotTable,
  accessHi: Uint32Array,
  accessLo: Uint32Array,
  accessKinds: Uint8Array,
  from: number,
  to: number,
): Int32Array {
  const frame = {
    accessHi,
    accessLo,
    accessKinds,
    accessEnds: Uint32Array.of(to),
    shapes: new Uint8Array(1),
  };
  table.lay(frame, 0, 1, from, to);
  table.ensureAll(from, to);
  return table.memory.frame.rows.slice(from, to);
}
const nameOf = (hi: number, lo: number): string => `${hi}/${lo}`;
const needsRow = (kind: number): boolean => kind === W || kind === D || kind === X;

describe("the slot table", () => {
  it("finds the rows of ids that crowd, whatever comes and goes", () => {
    fc.assert(
      fc.property(batches, fc.boolean(), (run, isLarge) => {
        const table = new SlotTable({ rows: ROWS, groups: GROUPS });
        // Twice as large: fewer of them are in each other's way.
        if (isLarge) table.reserve(new Uint32Array(0), 0, 0, PLACES * 0.7, 0, 0);
        const present = new Set<string>();
        for (const { accesses, sweep } of run) {
          const n = accesses.length;
          const hi = Uint32Array.from(accesses, (a) => a.id.hi);
          const lo = Uint32Array.from(accesses, (a) => a.id.lo);
          const kinds = Uint8Array.from(accesses, (a) => a.kind);
          // Asking for all that a group may have takes out whatever may go; a second time what was touched lately.
          if (sweep) {
            const evicted = table.evictions;
            for (let k = 0; k < 2; k++)
              table.reserve(hi, 0, 0, PLACES * 0.8, Number.MAX_VALUE, Number.MAX_VALUE);
            if (table.evictions > evicted) {
              for (const name of [...present]) {
                const [h, l] = name.split("/").map(Number);
                if (table.find(h!, l!) < 0) present.delete(name);
              }
            }
          } else table.reserve(hi, 0, n, 0, 0, 0);
          expect(table.rows).toBe(present.size);
          const expected = accesses.map((a) => {
            const name = nameOf(a.id.hi, a.id.lo);
            if (needsRow(a.kind)) present.add(name);
            return present.has(name);
          });
          const rows = rowsOf(table, hi, lo, kinds, 0, n);
          for (let a = 0; a < n; a++) {
            expect(rows[a]! >= 0).toBe(expected[a]);
            if (!expected[a]) continue;
            expect(rows[a]).toBe(table.find(hi[a]!, lo[a]!));
            const w = rows[a]! << 1;
            expect([table.u32[w + ID_HI], table.u32[w + ID_LO]]).toEqual([hi[a], lo[a]]);
            expect(table.u32[w + META]! & TOUCHED).toBe(TOUCHED);
          }
          expect(table.rows).toBe(present.size);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("keeps what rows say while it grows with the columns of a frame beside them", () => {
    const table = new SlotTable({ rows: 1 << 18, groups: 8 });
    const n = 100_000;
    const mix = (x: number): number => {
      let z = Math.imul(x + 0x7f4a7c15, 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return (z ^ (z >>> 16)) >>> 0;
    };
    const hi = Uint32Array.from({ length: n }, (_, i) => mix(i));
    const lo = Uint32Array.from({ length: n }, (_, i) => mix(i ^ 0x5bd1e995));
    const kinds = new Uint8Array(n).fill(W);
    for (let from = 0; from < n; from += 1000) {
      table.reserve(hi, from, from + 1000, 0, 0, 0);
      const some = rowsOf(table, hi, lo, kinds, from, from + 1000);
      for (let a = 0; a < 1000; a++) table.f64[some[a]! + VERSION] = from + a;
    }
    // More than there was room for.
    const rows = rowsOf(table, hi, lo, kinds.fill(R), 0, n);
    expect(Array.from(rows, (row) => table.f64[row + VERSION])).toEqual(
      Array.from({ length: n }, (_, a) => a),
    );
    expect(table.rows).toBe(n);
    expect(table.growths).toBe(0);
  });
});
