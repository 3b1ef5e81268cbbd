/**
 * xorshift128 (Marsaglia, "Xorshift RNGs", 2003) on 32-bit words, seeded through SplitMix32's finalizer: the same
 * stream on every machine, a few ns per number, no BigInt. Not for secrets.
 */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(seed: number) {
    let state = seed | 0;
    const word = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let z = state ^ (state >>> 16);
      z = Math.imul(z, 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return z ^ (z >>> 15);
    };
    this.a = word();
    this.b = word();
    this.c = word();
    this.d = word() | 1; // All four words zero would stay zero.
  }

  /** Uniform in [0, 2^32). */
  u32(): number {
    let t = this.d;
    const s = this.a;
    this.d = this.c;
    this.c = this.b;
    this.b = s;
    t ^= t << 11;
    t ^= t >>> 8;
    this.a = t ^ s ^ (s >>> 19);
    return this.a >>> 0;
  }

  /** Uniform in [0, n) for n up to 2^32, with a bias below n / 2^32. */
  below(n: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * n);
  }

  /** True with probability `threshold` / 2^32. */
  chance(threshold: number): boolean {
    return this.u32() < threshold;
  }
}
