/** In which order senders whose next transaction is executable get into frames. */
export interface OrderPolicy {
  readonly size: number;
  /** `tip`: effective tip in wei of the transaction that is next. */
  push(account: number, tip: number): void;
  /** The account to serve next; undefined behaviour when empty. */
  peek(): number;
  pop(): void;
}

/** First come, first served. */
export class ArrivalOrder implements OrderPolicy {
  size = 0;
  private ring = new Int32Array(1024);
  private first = 0;

  push(account: number): void {
    if (this.size === this.ring.length) {
      const grown = new Int32Array(this.size * 2);
      for (let i = 0; i < this.size; i++) grown[i] = this.ring[(this.first + i) & (this.size - 1)]!;
      this.ring = grown;
      this.first = 0;
    }
    this.ring[(this.first + this.size++) & (this.ring.length - 1)] = account;
  }

  peek(): number {
    return this.ring[this.first]!;
  }

  pop(): void {
    this.first = (this.first + 1) & (this.ring.length - 1);
    this.size--;
  }
}

/** Highest effective tip first; of equals, first come. A binary heap. */
export class TipOrder implements OrderPolicy {
  size = 0;
  private accounts = new Int32Array(1024);
  private tips = new Float64Array(1024);
  private tickets = new Float64Array(1024);
  private ticket = 0;

  private before(a: number, b: number): boolean {
    const difference = this.tips[a]! - this.tips[b]!;
    return difference !== 0 ? difference > 0 : this.tickets[a]! < this.tickets[b]!;
  }

  private swap(a: number, b: number): void {
    const { accounts, tips, tickets } = this;
    const account = accounts[a]!;
    const tip = tips[a]!;
    const ticket = tickets[a]!;
    accounts[a] = accounts[b]!;
    tips[a] = tips[b]!;
    tickets[a] = tickets[b]!;
    accounts[b] = account;
    tips[b] = tip;
    tickets[b] = ticket;
  }

  push(account: number, tip: number): void {
    if (this.size === this.accounts.length) {
      const n = this.size * 2;
      const accounts = new Int32Array(n);
      accounts.set(this.accounts);
      const tips = new Float64Array(n);
      tips.set(this.tips);
      const tickets = new Float64Array(n);
      tickets.set(this.tickets);
      this.accounts = accounts;
      this.tips = tips;
      this.tickets = tickets;
    }
    let i = this.size++;
    this.accounts[i] = account;
    this.tips[i] = tip;
    this.tickets[i] = this.ticket++;
    for (let parent = (i - 1) >> 1; i > 0 && this.before(i, parent); parent = (i - 1) >> 1) {
      this.swap(i, parent);
      i = parent;
    }
  }

  peek(): number {
    return this.accounts[0]!;
  }

  pop(): void {
    this.swap(0, --this.size);
    for (let i = 0; ; ) {
      let best = i;
      const left = 2 * i + 1;
      if (left < this.size && this.before(left, best)) best = left;
      if (left + 1 < this.size && this.before(left + 1, best)) best = left + 1;
      if (best === i) return;
      this.swap(i, best);
      i = best;
    }
  }
}
