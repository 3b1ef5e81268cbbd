/**
 * The pending rows of the pool: a list per sender, by nonce, and one of all by age. Counts those that wait for a nonce or a
 * fee, and the senders that an open frame holds up.
 */
import { AccountFlag, type AccountTable, COUNT, FLAGS, HEAD, OPEN, TAIL } from "./account-table.ts";
import { RowState, type TransactionSlab } from "./transaction-slab.ts";

const { gapped, parked } = AccountFlag;
/** Rows looked at to find one that may give way in a full pool. */
const EVICTION_SEARCH = 64;

export class PendingRows {
  size = 0;
  /** Of senders with a gap or a fee that is too low. */
  waiting = 0;
  /** Senders with pending rows behind one that is in an open frame: its ejection frees them. */
  blockedSenders = 0;
  oldest = -1;
  private youngest = -1;
  private readonly slab: TransactionSlab;
  private readonly accounts: AccountTable;

  constructor(slab: TransactionSlab, accounts: AccountTable) {
    this.slab = slab;
    this.accounts = accounts;
  }

  /** Pending row of a sender with this nonce, -1 when there is none. */
  withNonce(account: number, nonce: number): number {
    const { slab, accounts } = this;
    const last = accounts.i32[(account << 4) + TAIL]!;
    if (last < 0 || nonce > slab.nonce[last]!) return -1;
    for (
      let row = accounts.i32[(account << 4) + HEAD]!;
      row >= 0 && slab.nonce[row]! <= nonce;
      row = slab.next[row]!
    )
      if (slab.nonce[row] === nonce) return row;
    return -1;
  }

  /** Puts a row into its sender's list; no other pending row has its nonce. */
  insert(account: number, row: number): void {
    const { slab, accounts } = this;
    const nonce = slab.nonce[row]!;
    const last = accounts.i32[(account << 4) + TAIL]!;
    if (last < 0 || slab.nonce[last]! < nonce) {
      slab.next[row] = -1;
      if (last < 0) accounts.i32[(account << 4) + HEAD] = row;
      else slab.next[last] = row;
      accounts.i32[(account << 4) + TAIL] = row;
    } else {
      let before = -1;
      let at = accounts.i32[(account << 4) + HEAD]!;
      while (at >= 0 && slab.nonce[at]! < nonce) {
        before = at;
        at = slab.next[at]!;
      }
      slab.next[row] = at;
      if (before < 0) accounts.i32[(account << 4) + HEAD] = row;
      else slab.next[before] = row;
    }
    if (++accounts.i32[(account << 4) + COUNT]! === 1 && accounts.i32[(account << 4) + OPEN]! >= 0)
      this.blockedSenders++;
    this.size++;
    if ((accounts.i32[(account << 4) + FLAGS]! & (gapped | parked)) !== 0) this.waiting++;
    slab.state[row] = RowState.pending;
    slab.older[row] = this.youngest;
    slab.younger[row] = -1;
    if (this.youngest < 0) this.oldest = row;
    else slab.younger[this.youngest] = row;
    this.youngest = row;
  }

  /** Takes a pending row out of its sender's list and the list by age. */
  unlink(row: number): void {
    const { slab, accounts } = this;
    const account = slab.account[row]!;
    let before = -1;
    for (let at = accounts.i32[(account << 4) + HEAD]!; at !== row; at = slab.next[at]!) before = at;
    if (before < 0) accounts.i32[(account << 4) + HEAD] = slab.next[row]!;
    else slab.next[before] = slab.next[row]!;
    if (accounts.i32[(account << 4) + TAIL] === row) accounts.i32[(account << 4) + TAIL] = before;
    if (--accounts.i32[(account << 4) + COUNT]! === 0 && accounts.i32[(account << 4) + OPEN]! >= 0)
      this.blockedSenders--;
    this.size--;
    if ((accounts.i32[(account << 4) + FLAGS]! & (gapped | parked)) !== 0) this.waiting--;
    const older = slab.older[row]!;
    const younger = slab.younger[row]!;
    if (older < 0) this.oldest = younger;
    else slab.younger[older] = younger;
    if (younger < 0) this.youngest = older;
    else slab.older[younger] = older;
    slab.next[row] = -1;
  }

  /** Row that may give way: of the oldest, the last one of a sender that waits for a nonce or a fee; -1 when there is none. */
  evictable(): number {
    const { slab, accounts } = this;
    let row = this.oldest;
    for (let tries = 0; tries < EVICTION_SEARCH && row >= 0; tries++, row = slab.younger[row]!) {
      const account = slab.account[row]!;
      if ((accounts.i32[(account << 4) + FLAGS]! & (gapped | parked)) !== 0)
        return accounts.i32[(account << 4) + TAIL]!;
    }
    return -1;
  }
}
