import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { EntryLocations } from "../src/entry-locations.ts";
import { ENTRY_BYTES } from "../src/format.ts";

interface Run {
  readonly first: number;
  readonly position: number;
}

/** By its runs, oldest first: the same without a table. */
class Reference {
  runs: Run[] = [];
  add(first: number, position: number): void {
    this.runs.push({ first, position });
  }
  cut(number: number): void {
    this.runs = this.runs.filter(({ first }) => first < number);
  }
  dropBefore(number: number): void {
    while (this.runs.length > 1 && this.runs[1]!.first <= number) this.runs.shift();
  }
  positionOf(number: number): number {
    const run = this.runs.findLast(({ first }) => first <= number);
    return run === undefined ? -1 : run.position + (number - run.first) * ENTRY_BYTES;
  }
}

test("entries are found whatever runs were added, cut off and dropped", () => {
  const step = fc.record({
    kind: fc.constantFrom("add", "add", "add", "cut", "drop"),
    size: fc.integer({ min: 1, max: 4000 }),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
    isBehind: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.array(step, { maxLength: 60 }), (start, steps) => {
      const locations = new EntryLocations();
      const reference = new Reference();
      let end = start;
      let low = start;
      let position = 0;
      for (const { kind, size, part, isBehind } of steps) {
        const at = low + Math.floor((end - low) * part);
        if (kind === "add") {
          // Some runs go on where the one before has ended.
          if (!isBehind) position += ENTRY_BYTES;
          locations.add(end, position);
          reference.add(end, position);
          end += size;
          position += size * ENTRY_BYTES;
        } else if (kind === "cut") {
          locations.cut(at);
          reference.cut(at);
          const last = reference.runs.at(-1);
          end = last === undefined ? low : Math.max(last.first + 1, Math.min(end, at));
          position += 100 * ENTRY_BYTES;
        } else {
          locations.dropBefore(at);
          reference.dropBefore(at);
          low = reference.runs[0]?.first ?? low;
        }
        for (let i = 0; i <= 20; i++) {
          const number = low - 3 + Math.floor(((end - low + 6) * i) / 20);
          expect(locations.positionOf(number)).toBe(reference.positionOf(number));
        }
      }
    }),
  );
});
