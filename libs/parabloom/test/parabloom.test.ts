import { describe, expect, it } from "@jest/globals";
import { AccessKind } from "@velarium/slots";
import fc from "fast-check";
import { fafoGrid } from "../bench/fafo-grid.ts";
import { ExactPacker, type FramePacker, type Geometry, ParaBloom, ParaBloomError } from "../src/index.ts";

interface Access {
  readonly slot: number;
  readonly kind: number;
}
type Step = { readonly accesses: readonly Access[] } | { readonly eject: number };

const mix = (x: number): number => {
  let z = Math.imul(x + 0x7f4a7c15, 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
};

function columns(accesses: readonly Access[]) {
  return {
    hi: Uint32Array.from(accesses, (a) => mix(a.slot ^ 0x5bd1e995)),
    lo: Uint32Array.from(accesses, (a) => mix(a.slot)),
    kinds: Uint8Array.from(accesses, (a) => a.kind),
  };
}

const place = (packer: FramePacker, accesses: readonly Access[]): number => {
  const { hi, lo, kinds } = columns(accesses);
  return packer.tryPlace(hi, lo, kinds, 0, accesses.length);
};

const kindsConflict = (a: number, b: number): boolean => {
  if (a === AccessKind.W || b === AccessKind.W) return true;
  return (a === AccessKind.D) !== (b === AccessKind.D);
};
const conflict = (a: readonly Access[], b: readonly Access[]): boolean =>
  a.some((x) => b.some((y) => x.slot === y.slot && kindsConflict(x.kind, y.kind)));

/** The definition, written out: frames are lists of transactions. */
class NaivePacker {
  readonly frames: (readonly Access[])[][];
  private readonly cap: number;
  constructor(frames: number, cap: number) {
    this.frames = Array.from({ length: frames }, () => []);
    this.cap = cap;
  }
  place(tx: readonly Access[]): number {
    const f = this.frames.findIndex(
      (txs) => txs.length < this.cap && !txs.some((other) => conflict(tx, other)),
    );
    if (f >= 0) this.frames[f]!.push(tx);
    return f;
  }
}

/** Bloom filters written out: per frame and filter a set of bit positions. */
class NaiveBloom {
  private readonly filters: Set<number>[][];
  private readonly sizes: number[];
  private readonly g: Geometry;
  constructor(g: Geometry) {
    this.g = g;
    this.filters = Array.from({ length: g.frames }, () => [new Set(), new Set(), new Set()]);
    this.sizes = new Array(g.frames).fill(0);
  }
  private bits(slot: number): number[] {
    const lo = BigInt(mix(slot));
    const hi = BigInt(mix(slot ^ 0x5bd1e995));
    return Array.from({ length: this.g.hashes }, (_, i) =>
      Number((lo + BigInt(i) * hi) % BigInt(this.g.filterBits)),
    );
  }
  place(tx: readonly Access[]): number {
    const R = 0,
      W = 1,
      D = 2;
    for (let f = 0; f < this.g.frames; f++) {
      const has = (filter: number, a: Access): boolean =>
        this.bits(a.slot).every((b) => this.filters[f]![filter]!.has(b));
      const against = (a: Access): number[] =>
        a.kind === AccessKind.W ? [R, W, D] : a.kind === AccessKind.D ? [R, W] : [W, D];
      if (
        this.sizes[f]! >= this.g.maxTransactions ||
        tx.some((a) => against(a).some((filter) => has(filter, a)))
      )
        continue;
      for (const a of tx) {
        const own = a.kind === AccessKind.W ? W : a.kind === AccessKind.D ? D : R;
        for (const b of this.bits(a.slot)) this.filters[f]![own]!.add(b);
      }
      this.sizes[f]!++;
      return f;
    }
    return -1;
  }
  eject(f: number): void {
    this.filters[f] = [new Set(), new Set(), new Set()];
    this.sizes[f] = 0;
  }
}

const access = fc.record({
  slot: fc.integer({ min: 0, max: 40 }),
  kind: fc.constantFrom(AccessKind.R, AccessKind.W, AccessKind.D, AccessKind.P),
});
const tx = fc.uniqueArray(access, { minLength: 1, maxLength: 5, selector: (a) => a.slot });
const steps = (frames: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      { weight: 9, arbitrary: tx.map((accesses) => ({ accesses })) },
      { weight: 1, arbitrary: fc.nat(frames - 1).map((eject) => ({ eject })) },
    ),
    { maxLength: 120 },
  );
const frameCounts = [1, 5, 31, 32, 33, 63, 64];

describe("packing rules", () => {
  for (const make of [
    (g: Partial<Geometry>) => new ParaBloom(g),
    (g: Partial<Geometry>) => new ExactPacker(g),
  ]) {
    const packer = () => make({ frames: 4, filterBits: 4096, hashes: 2, maxTransactions: 10 });
    const name = packer().constructor.name;
    it(`${name}: reads share, writes are alone, deltas share with deltas only`, () => {
      const second = (a: number, b: number): number => {
        const p = packer();
        expect(place(p, [{ slot: 1, kind: a }])).toBe(0);
        return place(p, [{ slot: 1, kind: b }]);
      };
      const { R, W, D, P } = AccessKind;
      for (const [a, b, frame] of [
        [R, R, 0],
        [R, P, 0],
        [P, D, 1],
        [R, W, 1],
        [W, R, 1],
        [W, W, 1],
        [R, D, 1],
        [D, R, 1],
        [D, W, 1],
        [W, D, 1],
        [D, D, 0],
      ] as const)
        expect([a, b, second(a, b)]).toEqual([a, b, frame]);
    });
    it(`${name}: a full frame takes no more until it is ejected`, () => {
      const p = make({ frames: 2, maxTransactions: 2 });
      expect([1, 2, 3, 4, 5].map((slot) => place(p, [{ slot, kind: AccessKind.W }]))).toEqual([
        0, 0, 1, 1, -1,
      ]);
      expect(p.eject(0)).toBe(2);
      expect(p.size).toBe(2);
      expect(place(p, [{ slot: 5, kind: AccessKind.W }])).toBe(0);
      expect(p.largest()).toBe(1);
    });
    it(`${name}: refuses wipes and bad geometry with a code`, () => {
      expect(() => place(packer(), [{ slot: 1, kind: AccessKind.X }])).toThrow(
        expect.objectContaining({ code: "kind" }),
      );
      for (const bad of [
        { frames: 65 },
        { frames: 0 },
        { filterBits: 3000 },
        { hashes: 0 },
        { maxTransactions: 0 },
      ])
        expect(() => make(bad)).toThrow(ParaBloomError);
      expect(() => packer().eject(4)).toThrow(expect.objectContaining({ code: "frame" }));
    });
  }
});

describe("against the models", () => {
  it("the exact oracle places as the definition does", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...frameCounts).chain((n) => fc.tuple(fc.constant(n), steps(n))),
        ([frames, script]) => {
          const naive = new NaivePacker(frames, 7);
          const exact = new ExactPacker({ frames, maxTransactions: 7 });
          for (const step of script) {
            if ("eject" in step) {
              expect(exact.eject(step.eject)).toBe(naive.frames[step.eject]!.length);
              naive.frames[step.eject] = [];
            } else expect(place(exact, step.accesses)).toBe(naive.place(step.accesses));
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it("the exact oracle forgets ejected slots when its table grows, and no others", () => {
    const exact = new ExactPacker({ frames: 2, maxTransactions: 1_000_000 });
    for (let slot = 0; slot < 5000; slot++) expect(place(exact, [{ slot, kind: AccessKind.W }])).toBe(0);
    exact.eject(0);
    for (let slot = 5000; slot < 15_000; slot++) expect(place(exact, [{ slot, kind: AccessKind.W }])).toBe(0);
    for (let slot = 5000; slot < 15_000; slot += 37)
      expect(place(exact, [{ slot, kind: AccessKind.R }])).toBe(1);
    expect(place(exact, [{ slot: 17, kind: AccessKind.W }])).toBe(0);
  });

  it("ParaBloom places as filters written out as sets do, ejection included", () => {
    fc.assert(
      fc.property(
        fc
          .constantFrom(...frameCounts)
          .chain((n) =>
            fc.tuple(
              fc.constant(n),
              fc.constantFrom(64, 256, 2048),
              fc.integer({ min: 1, max: 4 }),
              steps(n),
            ),
          ),
        ([frames, filterBits, hashes, script]) => {
          const g = { frames, filterBits, hashes, maxTransactions: 7 };
          const naive = new NaiveBloom(g);
          const bloom = new ParaBloom(g);
          for (const step of script) {
            if ("eject" in step) {
              bloom.eject(step.eject);
              naive.eject(step.eject);
            } else expect(place(bloom, step.accesses)).toBe(naive.place(step.accesses));
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it("ParaBloom places transactions that follow one another in columns as if each came alone", () => {
    fc.assert(
      fc.property(
        fc.array(tx, { minLength: 1, maxLength: 400 }),
        fc.array(fc.nat(400), { maxLength: 5 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 7 }),
        (txs, jumps, hashes, leftOut) => {
          const g = { frames: 3, filterBits: 256, hashes, maxTransactions: 40 };
          const naive = new NaiveBloom(g);
          const bloom = new ParaBloom(g);
          const { hi, lo, kinds } = columns(txs.flat());
          const ends = txs.map((_, i) => txs.slice(0, i + 1).flat().length);
          let jump = 0;
          for (let i = 0; i < txs.length; i++) {
            // Now and then one out of its turn, or left out.
            for (const k of i % 50 === 49 ? [jumps[jump++] ?? i, i] : i % 7 === leftOut ? [] : [i]) {
              const at = k % txs.length;
              const to = ends[at]!;
              const placed = () => bloom.tryPlace(hi, lo, kinds, to - txs[at]!.length, to);
              for (let f = placed(); ; f = placed()) {
                expect(f).toBe(naive.place(txs[at]!));
                if (f >= 0) break;
                const largest = bloom.largest();
                bloom.eject(largest);
                naive.eject(largest);
              }
            }
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it("ParaBloom looks again at a column that has been filled anew, and at a piece of it that begins at 0", () => {
    const bloom = new ParaBloom({ frames: 2 });
    const { hi, lo, kinds } = columns([1, 2, 3].map((slot) => ({ slot, kind: AccessKind.W })));
    expect(bloom.tryPlace(hi, lo, kinds, 0, 1)).toBe(0);
    expect(bloom.tryPlace(hi, lo, kinds, 0, 0)).toBe(0);
    hi[0] = hi[1]!;
    lo[0] = lo[1]!;
    expect(bloom.tryPlace(hi, lo, kinds, 0, 1)).toBe(0);
    expect(bloom.tryPlace(hi, lo, kinds, 1, 2)).toBe(1);
  });

  it("ParaBloom takes transactions of any size, and forgets all of them", () => {
    for (const hashes of [1, 2, 3]) {
      const bloom = new ParaBloom({ frames: 2, filterBits: 1 << 16, hashes });
      const many = Array.from({ length: 9000 }, (_, slot) => ({ slot, kind: 1 + (slot % 4) }));
      expect(place(bloom, many)).toBe(0);
      expect(place(bloom, [many[8999]!])).toBe(0);
      for (const slot of [1, 1023, 1024, 4097, 8997])
        expect([slot, place(bloom, [{ slot, kind: AccessKind.W }])]).toEqual([slot, 1]);
      expect(place(bloom, many)).toBe(-1);
      expect(() => place(bloom, [...many, { slot: 1, kind: AccessKind.X }])).toThrow(ParaBloomError);
      expect(bloom.eject(0)).toBe(2);
      expect(bloom.eject(1)).toBe(5);
      expect(place(bloom, many)).toBe(0);
      expect(bloom.eject(0)).toBe(1);
      for (const { slot } of many.filter((_, i) => i % 97 === 0))
        expect(place(bloom, [{ slot, kind: AccessKind.W }])).toBe(0);
    }
  });

  it("never puts two conflicting transactions into one frame", () => {
    fc.assert(
      fc.property(steps(8), fc.constantFrom(64, 512, 16384), (script, filterBits) => {
        const bloom = new ParaBloom({ frames: 8, filterBits });
        const frames: (readonly Access[])[][] = Array.from({ length: 8 }, () => []);
        for (const step of script) {
          if ("eject" in step) {
            bloom.eject(step.eject);
            frames[step.eject] = [];
            continue;
          }
          const f = place(bloom, step.accesses);
          if (f < 0) continue;
          for (const other of frames[f]!) expect(conflict(step.accesses, other)).toBe(false);
          frames[f]!.push(step.accesses);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("FAFO's grid", () => {
  it("the recommended geometry keeps 90 % of the exact TLP at 1000 hot addresses and contention 0.62, the published one does not", () => {
    const [cell] = fafoGrid({ transactions: 200_000, hot: [1000], contention: [0.62] });
    expect(cell!.ofExact).toBeGreaterThanOrEqual(0.9);
    expect(cell!.publishedTlp / cell!.exactTlp).toBeLessThan(0.6);
    expect(cell!.exactTlp).toBeGreaterThan(cell!.recommendedTlp);
  });

  it("one hot sender at full contention runs one at a time", () => {
    const [cell] = fafoGrid({ transactions: 2000, hot: [1], contention: [1] });
    expect([cell!.publishedTlp, cell!.recommendedTlp, cell!.exactTlp]).toEqual([1, 1, 1]);
  });
});
