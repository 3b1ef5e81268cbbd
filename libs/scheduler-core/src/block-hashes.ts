/** Hashes of the last blocks: what BLOCKHASH may ask for, told to executors when they start. */
import { HASH_WINDOW } from "./options.ts";

export class BlockHashes {
  private readonly known: { number: number; hash: Uint8Array }[] = [];

  /** Copies the hash. Repeats are passed over. */
  add(number: number, hash: Uint8Array): void {
    const { known } = this;
    const last = known[known.length - 1];
    if (last && number <= last.number) return;
    known.push({ number, hash: hash.slice() });
    if (known.length > HASH_WINDOW) known.shift();
  }

  /** As EpochStart has them. */
  columns(): { numbers: Float64Array; hashes: Uint8Array } {
    const numbers = new Float64Array(this.known.length);
    const hashes = new Uint8Array(this.known.length * 32);
    this.known.forEach(({ number, hash }, i) => {
      numbers[i] = number;
      hashes.set(hash, i * 32);
    });
    return { numbers, hashes };
  }
}
