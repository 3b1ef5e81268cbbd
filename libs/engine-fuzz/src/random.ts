/** Pseudo-random choices that a seed and a case number repeat (SplitMix64, Steele et al. 2014). */
const MASK = (1n << 64n) - 1n;

export class Random {
  private state: bigint;

  constructor(seed: number, stream = 0) {
    this.state = (BigInt(seed) * 0x9e3779b97f4a7c15n + BigInt(stream) * 0xd1342543de82ef95n) & MASK;
    this.next();
  }

  private next(): bigint {
    this.state = (this.state + 0x9e3779b97f4a7c15n) & MASK;
    let z = this.state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
    return z ^ (z >> 31n);
  }

  /** An integer from 0 to `bound` - 1; bound at most 2^32. */
  below(bound: number): number {
    return Number(this.next() >> 32n) % bound;
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  bytes(size: number): Uint8Array {
    const out = new Uint8Array(size);
    for (let i = 0; i < size; i++) out[i] = this.below(256);
    return out;
  }

  /** A 256-bit number of the kinds that break arithmetic: small, a power of two or beside one, negative, anything. */
  word(): bigint {
    const top = (1n << 256n) - 1n;
    switch (this.below(8)) {
      case 0:
        return BigInt(this.below(4));
      case 1:
        return BigInt(this.below(300));
      case 2:
        return (1n << BigInt(this.below(256))) & top;
      case 3:
        return ((1n << BigInt(this.below(257))) - 1n) & top;
      case 4:
        return top - BigInt(this.below(300));
      case 5:
        return ((1n << 255n) + BigInt(this.between(-2, 2))) & top;
      case 6:
        return BigInt(`0x${Buffer.from(this.bytes(this.between(1, 20))).toString("hex")}`);
      default:
        return BigInt(`0x${Buffer.from(this.bytes(32)).toString("hex")}`);
    }
  }
}
