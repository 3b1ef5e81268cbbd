/**
 * Code slots that need no read: shards tell which were ever written up to a committed seq. A grant of a version up to
 * there, of a slot that is none of these, is the zero word. Filters say "never" for full keys, without error, so no
 * value is matched by a slot id here.
 */
import type { Message } from "@velarium/columns";
import { CodeFilter } from "@velarium/slots";
import type { CodeFilter as CodeFilterMessage } from "@velarium/wire";

interface ShardFilter {
  readonly epoch: number;
  readonly filter: CodeFilter;
  throughSeq: number;
}

export class UnwrittenCodes {
  private readonly shards: (ShardFilter | undefined)[] = [];

  /** A filter may come before the epoch it belongs to has begun here. */
  take(shard: number, message: Message<typeof CodeFilterMessage>): void {
    const { epoch, sinceSeq, throughSeq, words, added } = message;
    const known = this.shards[shard];
    if (known !== undefined && epoch < known.epoch) return;
    if (sinceSeq < 0) {
      const filter = new CodeFilter();
      filter.addWords(words);
      for (let i = 0; i < added.length; i++) filter.addHash(added[i]!);
      this.shards[shard] = { epoch, filter, throughSeq };
      return;
    }
    // An addition to something else than what is here: later ones do not fit either, and every slot above is asked for.
    if (known === undefined || known.epoch !== epoch || sinceSeq > known.throughSeq) return;
    for (let i = 0; i < added.length; i++) known.filter.addHash(added[i]!);
    if (throughSeq > known.throughSeq) known.throughSeq = throughSeq;
  }

  /** True when the key at `keys[at]` is that of a code slot of which every version up to `version` is zero. */
  isZero(shard: number, epoch: number, version: number, keys: Uint32Array, at: number): boolean {
    const known = this.shards[shard];
    if (known === undefined || known.epoch !== epoch || version > known.throughSeq) return false;
    return known.filter.isAbsent(keys, at);
  }
}
