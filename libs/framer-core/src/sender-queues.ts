/**
 * What each sender with pending rows waits for: its turn in the queue of the ready or of the tail, its nonce to be read, a
 * nonce that is missing, a lower fee, or what it has in flight.
 */
import { AccessKind } from "@velarium/slots";
import { Shape } from "@velarium/wire";
import {
  AccountFlag,
  type AccountTable,
  CAUTION,
  COUNT,
  FLAGS,
  HEAD,
  IN_FLIGHT,
  LAST_BLOCK,
  NEXT,
  OPEN,
  SETTLED,
} from "./account-table.ts";
import type { FramerOptions } from "./options.ts";
import { ArrivalOrder, type OrderPolicy, TipOrder } from "./order-policy.ts";
import type { PendingRows } from "./pending-rows.ts";
import type { TransactionSlab } from "./transaction-slab.ts";

const { known, asked, ready, hold, parked, tail, gapped, doubted } = AccountFlag;
/** Senders with a gap that are asked for in one review. */
const REVIEWED = 256;

export class SenderQueues {
  /** Senders whose next transaction is executable. */
  readonly order: OrderPolicy;
  /** Senders whose next transaction goes to the marked tail, in order. */
  readonly tailQueue: OrderPolicy = new ArrivalOrder();
  /** Senders whose next nonce has to be read. */
  readonly unknown: number[] = [];
  /** Base fee of the last completed block, wei (saturated like the fee caps). */
  baseFee = 0;
  private readonly slab: TransactionSlab;
  private readonly accounts: AccountTable;
  private readonly rows: PendingRows;
  private readonly options: FramerOptions;
  private parkedAccounts: number[] = [];
  private readonly gappedAccounts = new Set<number>();
  private reviewMs = 0;

  constructor(slab: TransactionSlab, accounts: AccountTable, rows: PendingRows, options: FramerOptions) {
    this.slab = slab;
    this.accounts = accounts;
    this.rows = rows;
    this.options = options;
    this.order = options.order === "tip" ? new TipOrder() : new ArrivalOrder();
  }

  /** Decides what a sender waits for, after anything about it has changed. */
  refresh(account: number): void {
    const { accounts, slab } = this;
    let flags = accounts.i32[(account << 4) + FLAGS]!;
    if ((flags & (ready | tail)) !== 0 || accounts.i32[(account << 4) + OPEN]! >= 0) return;
    if ((flags & doubted) !== 0 && accounts.i32[(account << 4) + IN_FLIGHT] === 0) {
      // Nothing before it was on its way, so what is known of this sender is wrong: ask the state again.
      flags &= ~(doubted | known);
      accounts.i32[(account << 4) + FLAGS] = flags;
      accounts.f64[(account << 3) + SETTLED] = 0;
    }
    const head = accounts.i32[(account << 4) + HEAD]!;
    if (head < 0) {
      if ((flags & (gapped | parked)) !== 0) {
        this.setWaiting(account, gapped, false);
        this.setWaiting(account, parked, false);
      }
      return;
    }
    if ((flags & known) === 0) {
      if ((flags & asked) === 0) {
        accounts.i32[(account << 4) + FLAGS] = flags | asked;
        this.unknown.push(account);
      }
      return;
    }
    if (flags >= CAUTION && accounts.i32[(account << 4) + IN_FLIGHT]! > 0) return;
    if ((flags & hold) !== 0) {
      if (accounts.i32[(account << 4) + IN_FLIGHT]! > 0) return;
      accounts.i32[(account << 4) + FLAGS] = flags & ~hold;
    }
    const isNext = slab.nonce[head] === accounts.f64[(account << 3) + NEXT];
    if (!isNext !== ((flags & gapped) !== 0)) this.setWaiting(account, gapped, !isNext);
    if (!isNext) return;
    if (slab.feeCap[head]! < this.baseFee) {
      this.park(account);
      return;
    }
    if ((flags & parked) !== 0) return;
    if (slab.attempts[head]! >= this.options.tailAttempts || this.wipes(head)) {
      accounts.i32[(account << 4) + FLAGS] = accounts.i32[(account << 4) + FLAGS]! | tail;
      this.tailQueue.push(account, 0);
    } else {
      accounts.i32[(account << 4) + FLAGS] = accounts.i32[(account << 4) + FLAGS]! | ready;
      this.order.push(account, Math.min(slab.tipCap[head]!, slab.feeCap[head]! - this.baseFee));
    }
  }

  private setWaiting(account: number, flag: number, on: boolean): void {
    const { accounts } = this;
    const old = accounts.i32[(account << 4) + FLAGS]!;
    const now = on ? old | flag : old & ~flag;
    if (now === old) return;
    accounts.i32[(account << 4) + FLAGS] = now;
    const was = (old & (gapped | parked)) !== 0;
    const is = (now & (gapped | parked)) !== 0;
    if (was !== is)
      this.rows.waiting += is
        ? accounts.i32[(account << 4) + COUNT]!
        : -accounts.i32[(account << 4) + COUNT]!;
    if (flag === gapped) {
      if (on) this.gappedAccounts.add(account);
      else this.gappedAccounts.delete(account);
    }
  }

  /** The sender waits for a lower fee from now on. */
  park(account: number): void {
    if ((this.accounts.i32[(account << 4) + FLAGS]! & parked) !== 0) return;
    this.setWaiting(account, parked, true);
    this.parkedAccounts.push(account);
  }

  private wipes(row: number): boolean {
    const { slab } = this;
    if (slab.shape[row] === Shape.transfer) return false;
    const kinds = slab.sourceOf(row).accessKinds;
    for (let i = slab.accessFrom[row]!; i < slab.accessTo[row]!; i++)
      if (kinds[i] === AccessKind.X) return true;
    return false;
  }

  /** Row that a queued sender would put forward; -1 (and the sender is looked at again) when that has changed. */
  nextOf(account: number, flag: number): number {
    const { accounts, slab } = this;
    const head = accounts.i32[(account << 4) + HEAD]!;
    const flags = accounts.i32[(account << 4) + FLAGS]!;
    const waits = (flags & hold) !== 0 || flags >= CAUTION;
    const fits =
      head >= 0 &&
      slab.nonce[head] === accounts.f64[(account << 3) + NEXT] &&
      !(waits && accounts.i32[(account << 4) + IN_FLIGHT]! > 0);
    const isTail = fits && (slab.attempts[head]! >= this.options.tailAttempts || this.wipes(head));
    return fits && isTail === (flag === tail) ? head : -1;
  }

  /** Takes a sender out of the queue it stands first in. */
  popReady(): void {
    const account = this.order.peek();
    this.order.pop();
    this.accounts.i32[(account << 4) + FLAGS]! &= ~ready;
  }

  popTail(): void {
    const account = this.tailQueue.peek();
    this.tailQueue.pop();
    this.accounts.i32[(account << 4) + FLAGS]! &= ~tail;
  }

  /** A block is complete: senders that waited for a lower fee are looked at again. */
  setBaseFee(baseFee: number): void {
    this.baseFee = baseFee;
    const waiting = this.parkedAccounts;
    this.parkedAccounts = [];
    for (const account of waiting) {
      this.setWaiting(account, parked, false);
      this.refresh(account);
    }
  }

  /** Asks again for the nonces of senders with a gap, now and then; `announced`: newest announced block. */
  review(nowMs: number, announced: number): void {
    if (nowMs - this.reviewMs < this.options.nonceReviewMs) return;
    this.reviewMs = nowMs;
    const { i32 } = this.accounts;
    let asking = 0;
    for (const account of this.gappedAccounts) {
      const at = account << 4;
      if ((i32[at + FLAGS]! & asked) !== 0 || i32[at + IN_FLIGHT]! > 0) continue;
      if (i32[at + LAST_BLOCK]! > announced) continue;
      i32[at + FLAGS]! |= asked;
      this.unknown.push(account);
      if (++asking === REVIEWED) break;
    }
  }
}
