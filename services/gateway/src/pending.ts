/** Transactions admitted here and not yet in a block: for `pending` nonces, lookups by hash, and duplicates. */
import { type Hex, toHex } from "@velarium/blocks";

export interface PendingTransaction {
  readonly raw: Uint8Array;
  readonly sender: Uint8Array;
  readonly nonce: number;
  readonly sinceMs: number;
}

export class PendingTransactions {
  /** Insertion order is age, so the oldest go first when it is full. */
  private readonly byHash = new Map<Hex, PendingTransaction>();
  private readonly nonces = new Map<Hex, Set<number>>();
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  get size(): number {
    return this.byHash.size;
  }

  has(hash: Hex): boolean {
    return this.byHash.has(hash);
  }

  get(hash: Hex): PendingTransaction | undefined {
    return this.byHash.get(hash);
  }

  add(hash: Hex, transaction: PendingTransaction): void {
    this.byHash.set(hash, transaction);
    const sender = toHex(transaction.sender);
    const nonces = this.nonces.get(sender);
    if (nonces) nonces.add(transaction.nonce);
    else this.nonces.set(sender, new Set([transaction.nonce]));
    if (this.byHash.size > this.limit) this.remove(this.byHash.keys().next().value!);
  }

  remove(hash: Hex): void {
    const transaction = this.byHash.get(hash);
    if (!transaction) return;
    this.byHash.delete(hash);
    const sender = toHex(transaction.sender);
    const nonces = this.nonces.get(sender);
    nonces?.delete(transaction.nonce);
    if (nonces?.size === 0) this.nonces.delete(sender);
  }

  /** The nonce after the run of pending ones that begins at `next`. */
  pendingNonce(sender: Uint8Array, next: number): number {
    const nonces = this.nonces.get(toHex(sender));
    let nonce = next;
    while (nonces?.has(nonce)) nonce++;
    return nonce;
  }
}
