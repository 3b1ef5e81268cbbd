/** A network without time: messages are delivered one at a time, in an order that a seed chooses. */

/** mulberry32 (Tommy Ettinger): small, and good enough to choose schedules. */
export class Random {
  private state: number;
  constructor(seed: number) {
    this.state = seed | 0;
  }
  /** An integer in [0, bound). */
  below(bound: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % bound;
  }
}

interface Link {
  readonly queue: (() => void)[];
  /** Chance of being chosen is proportional to this: slow links hold messages back for long. */
  readonly speed: number;
}

/** Messages of one link arrive in order; those of different links in any order. */
export class Network {
  delivered = 0;
  private readonly random: Random;
  private readonly links = new Map<string, Link>();

  constructor(random: Random) {
    this.random = random;
  }

  /** Sends on a link, which is made when it is first used. The bytes are copied, as a wire would. */
  send(link: string, bytes: Uint8Array, deliver: (bytes: Uint8Array) => void): void {
    const copy = bytes.slice();
    this.post(link, () => deliver(copy));
  }

  /** Whatever else takes its turn behind what was sent on a link: the end of a stream, a write to disk. */
  post(link: string, turn: () => void): void {
    let found = this.links.get(link);
    if (!found) this.links.set(link, (found = { queue: [], speed: 1 + this.random.below(8) ** 2 }));
    found.queue.push(turn);
  }

  /** What is under way is lost from some point on, as when a sender dies; `last` is delivered after the rest. */
  cut(link: string, last?: () => void): void {
    const found = this.links.get(link);
    if (found) found.queue.length = this.random.below(found.queue.length + 1);
    if (last) this.post(link, last);
  }

  /** Messages on a link that are under way. */
  waiting(link: string): number {
    return this.links.get(link)?.queue.length ?? 0;
  }

  /** Delivers one message; false when there is none. */
  step(): boolean {
    let total = 0;
    for (const link of this.links.values()) if (link.queue.length > 0) total += link.speed;
    if (total === 0) return false;
    let chosen = this.random.below(total);
    for (const link of this.links.values()) {
      if (link.queue.length === 0) continue;
      chosen -= link.speed;
      if (chosen >= 0) continue;
      this.delivered++;
      link.queue.shift()!();
      return true;
    }
    return false;
  }
}
