/** Hashes of the last blocks, and who waits for one that is not known yet. */

/** BLOCKHASH reaches 256 blocks back; some more may be on their way. */
const KEPT = 512;

export class BlockHashes {
  private readonly hashes = new Map<number, Uint8Array>();
  private readonly waiting = new Map<number, ((hash: Uint8Array) => void)[]>();
  private newest = -1;

  get(number: number): Uint8Array | undefined {
    return this.hashes.get(number);
  }

  /** Whether the hash of `number` may still come. */
  mayCome(number: number): boolean {
    return number > this.newest;
  }

  set(number: number, hash: Uint8Array): void {
    this.hashes.set(number, hash);
    if (number > this.newest) this.newest = number;
    this.hashes.delete(number - KEPT);
    const waiters = this.waiting.get(number);
    if (waiters === undefined) return;
    this.waiting.delete(number);
    for (const waiter of waiters) waiter(hash);
  }

  wait(number: number, waiter: (hash: Uint8Array) => void): void {
    const waiters = this.waiting.get(number);
    if (waiters === undefined) this.waiting.set(number, [waiter]);
    else waiters.push(waiter);
  }
}

/** Block number in a block-hash key: its last eight bytes. */
export function blockNumberOf(keys: Uint8Array, keyAt: number): number {
  let number = 0;
  for (let i = 48; i < 56; i++) number = number * 256 + keys[keyAt + i]!;
  return number;
}
