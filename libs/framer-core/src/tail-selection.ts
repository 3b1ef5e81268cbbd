/** What goes into the marked tail of a block: transactions that were returned too often, serial and within its gas. */
import { AccountFlag } from "./account-table.ts";
import type { FramerOptions } from "./options.ts";
import type { Pool } from "./pool.ts";

/**
 * Takes rows out of the tail's queue, as far as the tail's gas and the block's remaining `blockGas` allow. One sender has at
 * most one transaction here, since the next is decided on when this one is framed. What can never fit is rejected.
 */
function takeTail(pool: Pool, options: FramerOptions, blockGas: number): number[] {
  const rows: number[] = [];
  let tailGas = 0;
  for (let left = pool.senders.tailQueue.size; left > 0; left--) {
    const account = pool.senders.tailQueue.peek();
    const row = pool.senders.nextOf(account, AccountFlag.tail);
    if (row < 0) {
      pool.senders.popTail();
      pool.senders.refresh(account);
      continue;
    }
    const gas = pool.slab.gasLimit[row]!;
    if (gas > options.senderTailGas || gas > options.tailGas) {
      pool.senders.popTail();
      pool.rejectTail(row);
      continue;
    }
    if (tailGas + gas > options.tailGas || tailGas + gas > blockGas) break;
    pool.senders.popTail();
    pool.take(row);
    tailGas += gas;
    rows.push(row);
  }
  return rows;
}

/** The rows of the tail by frame: several where one would be too large. */
export function tailFrames(pool: Pool, options: FramerOptions, blockGas: number): Int32Array[] {
  const rows = takeTail(pool, options, blockGas);
  const frames: Int32Array[] = [];
  for (let from = 0; from < rows.length; ) {
    let to = from + 1;
    let bytes = pool.slab.frameBytes(rows[from]!);
    while (to < rows.length) {
      bytes += pool.slab.frameBytes(rows[to]!);
      if (bytes > options.frameBytes) break;
      to++;
    }
    frames.push(Int32Array.from(rows.slice(from, to)));
    from = to;
  }
  return frames;
}
