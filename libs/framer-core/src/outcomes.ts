/** What execution reports of a block's transactions: into its state, and to the pool, which takes back what was returned. */
import type { Message } from "@velarium/columns";
import { scanTransaction, TxScan } from "@velarium/tx-codec";
import { Outcome, Reason, type Receipts } from "@velarium/wire";
import type { BlockState } from "./block-state.ts";
import type { FramerStats } from "./framer-types.ts";
import { joinLearned } from "./learned-accesses.ts";
import type { FramerOptions } from "./options.ts";
import type { Pool } from "./pool.ts";

/** Row of a seq whose transaction went back to the pool. */
const GONE = -3;

export class Outcomes {
  private readonly pool: Pool;
  private readonly stats: FramerStats;
  private readonly options: FramerOptions;
  private readonly scan = new TxScan();

  constructor(pool: Pool, stats: FramerStats, options: FramerOptions) {
    this.pool = pool;
    this.stats = stats;
    this.options = options;
  }

  /** Takes receipts of one block; entries that are known already say nothing new. */
  take(block: BlockState, message: Message<typeof Receipts>): void {
    const source = block.addReceipts(message);
    const { pool, stats } = this;
    const n = message.seqs.length;
    if (n > 0) {
      // Its seqs ascend, but there may be gaps: a few senders too many do no harm.
      const first = Math.max(0, message.seqs[0]! - block.firstSeq);
      pool.warmSenders(
        block.rows,
        first,
        Math.min(block.length, first + 2 * n, message.seqs[n - 1]! - block.firstSeq + 1),
      );
    }
    for (let i = 0; i < n; i++) {
      const at = message.seqs[i]! - block.firstSeq;
      if (at < 0 || at >= block.length || !block.resolve(at, message, i, source)) continue;
      const row = block.rows[at]!;
      if (row < 0) continue;
      const reason = message.reasons[i]!;
      stats.reasons[reason]!++;
      if (message.outcomes[i] === Outcome.included) {
        stats.included++;
        pool.included(row);
      } else if (message.outcomes[i] === Outcome.rejected) {
        stats.rejected++;
        pool.refused(row, reason);
      } else {
        stats.returned++;
        block.rows[at] = GONE;
        this.returned(row, reason, message, i);
      }
    }
  }

  private returned(row: number, reason: number, message: Message<typeof Receipts>, entry: number): void {
    const { pool, options } = this;
    const blame = reason === Reason.diverged;
    if (blame && message.learnedEnds.length > 0 && !pool.slab.superseded[row]) {
      const joined = joinLearned(
        pool.slab,
        pool.accounts,
        row,
        message,
        entry,
        options.learnedAccesses,
        (raw, from, size) => this.recipientOf(raw, from, size),
      );
      if (!joined) pool.slab.attempts[row] = options.tailAttempts;
    }
    pool.returned(row, reason, blame);
  }

  private recipientOf(raw: Uint8Array, from: number, size: number): Uint8Array {
    scanTransaction(raw, from, size, this.scan);
    return raw.subarray(this.scan.toOffset, this.scan.toOffset + 20);
  }
}
