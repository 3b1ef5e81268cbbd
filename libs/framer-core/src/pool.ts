/**
 * The pending pool. Per sender a list by nonce; a sender whose next transaction is executable stands in the ready
 * queue exactly once. Life of a row: pending → open (in an open frame) → framed → resolved, or back to pending when
 * it is returned. Every removal other than by inclusion is recorded with its reason.
 */
import type { Message } from "@velarium/columns";
import { AccessKind } from "@velarium/slots";
import { type Analyzed, Reason, Shape } from "@velarium/wire";
import {
  AccountFlag,
  AccountTable,
  CAUTION,
  CAUTION_PER_DIVERGENCE,
  COUNT,
  FLAGS,
  HEAD,
  IN_FLIGHT,
  LAST_BLOCK,
  MOST_CAUTION,
  NEXT,
  OPEN,
  SETTLED,
  TAIL,
} from "./account-table.ts";
import { HashIndex } from "./hash-index.ts";
import type { FramerOptions } from "./options.ts";
import { ArrivalOrder, type OrderPolicy, TipOrder } from "./order-policy.ts";
import { Rejections } from "./rejections.ts";
import { RowState, TransactionSlab } from "./transaction-slab.ts";

const { known, asked, ready, hold, parked, tail, gapped, doubted } = AccountFlag;
/** Rows looked at to find one that may give way in a full pool. */
const EVICTION_SEARCH = 64;

export class Pool {
  readonly slab = new TransactionSlab();
  readonly accounts: AccountTable;
  readonly hashes = new HashIndex(() => this.slab.hash);
  readonly rejections = new Rejections();
  readonly order: OrderPolicy;
  /** Senders whose next transaction goes to the marked tail, in order. */
  readonly tailQueue: OrderPolicy = new ArrivalOrder();
  /** Senders whose next nonce has to be read. */
  readonly unknown: number[] = [];
  pending = 0;
  inFlight = 0;
  /** Senders with pending transactions behind one that is in an open frame: its ejection frees them. */
  blockedSenders = 0;
  /** Pending ones of senders with a gap or a fee that is too low. */
  waiting = 0;
  /** Base fee of the last completed block, wei (saturated like the fee caps). */
  baseFee = 0;
  announced = 0;
  nowMs = 0;
  private readonly options: FramerOptions;
  private oldest = -1;
  private youngest = -1;
  private parkedAccounts: number[] = [];
  private gappedAccounts = new Set<number>();
  private reviewMs = 0;

  constructor(options: FramerOptions) {
    this.options = options;
    this.accounts = new AccountTable(options.accounts);
    this.order = options.order === "tip" ? new TipOrder() : new ArrivalOrder();
  }

  /** Takes row `i` of an analysed message. `source` is the slab's index of that message. */
  admit(message: Message<typeof Analyzed>, i: number, arrival: number, source: number): void {
    const { slab, accounts, options } = this;
    const refuse = (reason: number): void =>
      this.rejections.add(arrival, message.hashes, i * 32, message.senders, i * 20, reason);
    if (message.verdicts[i] !== 0) {
      refuse(message.verdicts[i]!);
      return;
    }
    if (message.gasLimits[i]! > options.blockGasLimit) {
      refuse(Reason.gasLimitOverBlock);
      return;
    }
    if (this.hashes.find(message.hashes, i * 32) >= 0) {
      refuse(Reason.duplicate);
      return;
    }
    const account = accounts.findOrAdd(message.senders, i * 20, this.announced);
    if (account < 0) {
      refuse(Reason.poolFull);
      return;
    }
    const nonce = message.nonces[i]!;
    const flags = accounts.i32[(account << 4) + FLAGS]!;
    let gap = 0;
    if ((flags & known) !== 0) {
      if (nonce < accounts.f64[(account << 3) + NEXT]!) {
        refuse(Reason.nonceTooLow);
        return;
      }
      const open = accounts.i32[(account << 4) + OPEN]!;
      if (open >= 0 && nonce === slab.nonce[open]) {
        refuse(Reason.underpriced);
        return;
      }
      gap =
        nonce -
        accounts.f64[(account << 3) + NEXT]! -
        accounts.i32[(account << 4) + COUNT]! -
        (open >= 0 ? 1 : 0);
      if (gap > options.maxNonceGap) {
        refuse(Reason.nonceTooFar);
        return;
      }
    }
    const replaced = this.pendingWithNonce(account, nonce);
    if (replaced >= 0) {
      if (!this.outbids(message.feeCaps[i]!, message.tipCaps[i]!, replaced)) {
        refuse(Reason.underpriced);
        return;
      }
      this.reject(replaced, Reason.replaced);
    } else {
      if (accounts.i32[(account << 4) + COUNT]! >= options.senderTransactions) {
        refuse(Reason.senderLimit);
        return;
      }
      if (this.pending >= options.poolTransactions && !(gap <= 0 && this.evictOne())) {
        refuse(Reason.poolFull);
        return;
      }
    }
    const row = slab.allocate();
    slab.account[row] = account;
    slab.arrival[row] = arrival;
    slab.nonce[row] = nonce;
    slab.gasLimit[row] = message.gasLimits[i]!;
    slab.feeCap[row] = message.feeCaps[i]!;
    slab.tipCap[row] = message.tipCaps[i]!;
    slab.addedMs[row] = this.nowMs;
    slab.shape[row] = message.shapes[i]!;
    slab.verified[row] = message.verified[i]!;
    const hash = slab.hash;
    for (let k = 0, to = row * 32, from = i * 32; k < 32; k++) hash[to + k] = message.hashes[from + k]!;
    slab.attach(row, source);
    slab.rawFrom[row] = i === 0 ? 0 : message.raw.ends[i - 1]!;
    slab.rawTo[row] = message.raw.ends[i]!;
    slab.accessFrom[row] = i === 0 ? 0 : message.accessEnds[i - 1]!;
    slab.accessTo[row] = message.accessEnds[i]!;
    slab.keyFrom[row] = this.keyCursor;
    this.hashes.add(row);
    this.insert(account, row);
    this.refresh(account);
    if (gap > 0 && (accounts.i32[(account << 4) + FLAGS]! & gapped) !== 0) slab.detach(row);
  }

  /** Brings the senders of slab rows into the cache (see `AccountTable.warm`); negative ones are passed over. */
  warmSenders(rows: Int32Array, from: number, to: number): void {
    const { accounts } = this;
    const { i32 } = accounts;
    const { account } = this.slab;
    let touched = 0;
    for (let i = from; i < to; i++) touched ^= i32[account[Math.max(rows[i]!, 0)]! << 4]!;
    accounts.touched = touched;
  }

  /** Index of the first key of the row that `admit` is about to take; kept by the caller, who walks the message. */
  keyCursor = 0;

  private outbids(feeCap: number, tipCap: number, row: number): boolean {
    const percent = this.options.replacementPercent;
    return (
      feeCap * 100 >= this.slab.feeCap[row]! * percent && tipCap * 100 >= this.slab.tipCap[row]! * percent
    );
  }

  private pendingWithNonce(account: number, nonce: number): number {
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
  private insert(account: number, row: number): void {
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
    this.pending++;
    if ((accounts.i32[(account << 4) + FLAGS]! & (gapped | parked)) !== 0) this.waiting++;
    slab.state[row] = RowState.pending;
    slab.older[row] = this.youngest;
    slab.younger[row] = -1;
    if (this.youngest < 0) this.oldest = row;
    else slab.younger[this.youngest] = row;
    this.youngest = row;
  }

  /** Takes a pending row out of its sender's list and the list by age. */
  private unlink(row: number): void {
    const { slab, accounts } = this;
    const account = slab.account[row]!;
    let before = -1;
    for (let at = accounts.i32[(account << 4) + HEAD]!; at !== row; at = slab.next[at]!) before = at;
    if (before < 0) accounts.i32[(account << 4) + HEAD] = slab.next[row]!;
    else slab.next[before] = slab.next[row]!;
    if (accounts.i32[(account << 4) + TAIL] === row) accounts.i32[(account << 4) + TAIL] = before;
    if (--accounts.i32[(account << 4) + COUNT]! === 0 && accounts.i32[(account << 4) + OPEN]! >= 0)
      this.blockedSenders--;
    this.pending--;
    if ((accounts.i32[(account << 4) + FLAGS]! & (gapped | parked)) !== 0) this.waiting--;
    const older = slab.older[row]!;
    const younger = slab.younger[row]!;
    if (older < 0) this.oldest = younger;
    else slab.younger[older] = younger;
    if (younger < 0) this.youngest = older;
    else slab.older[younger] = older;
    slab.next[row] = -1;
  }

  /** Ends a pending row with a recorded reason. The caller refreshes the sender. */
  private reject(row: number, reason: number): void {
    this.unlink(row);
    this.record(row, reason);
  }

  private record(row: number, reason: number): void {
    const { slab } = this;
    this.rejections.add(
      slab.arrival[row]!,
      slab.hash,
      row * 32,
      this.accounts.addresses,
      this.accounts.addressAt(slab.account[row]!),
      reason,
    );
    this.hashes.remove(row);
    slab.free(row);
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
      this.waiting += is ? accounts.i32[(account << 4) + COUNT]! : -accounts.i32[(account << 4) + COUNT]!;
    if (flag === gapped) {
      if (on) this.gappedAccounts.add(account);
      else this.gappedAccounts.delete(account);
    }
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
      if ((flags & parked) === 0) {
        this.setWaiting(account, parked, true);
        this.parkedAccounts.push(account);
      }
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

  /** Row goes into an open frame (or straight into one of its own). */
  take(row: number): void {
    this.unlink(row);
    const { accounts, slab } = this;
    const account = slab.account[row]!;
    slab.state[row] = RowState.open;
    accounts.i32[(account << 4) + OPEN] = row;
    if (accounts.i32[(account << 4) + COUNT]! > 0) this.blockedSenders++;
  }

  /** Row has got its seq in a frame of `block`. */
  framed(row: number, block: number): void {
    const { accounts, slab } = this;
    const account = slab.account[row]!;
    // A row of an earlier life was never open here.
    if (accounts.i32[(account << 4) + OPEN] === row && accounts.i32[(account << 4) + COUNT]! > 0)
      this.blockedSenders--;
    accounts.i32[(account << 4) + OPEN] = -1;
    accounts.f64[(account << 3) + NEXT] = slab.nonce[row]! + 1;
    accounts.i32[(account << 4) + IN_FLIGHT]!++;
    accounts.i32[(account << 4) + LAST_BLOCK] = block;
    slab.state[row] = RowState.framed;
    this.inFlight++;
    this.refresh(account);
  }

  /** A tail transaction that can never fit. */
  rejectTail(row: number): void {
    const account = this.slab.account[row]!;
    this.reject(row, Reason.tailLimit);
    this.refresh(account);
  }

  included(row: number): void {
    const { accounts, slab } = this;
    const account = slab.account[row]!;
    this.landed(account);
    const after = slab.nonce[row]! + 1;
    if (accounts.f64[(account << 3) + SETTLED]! < after) accounts.f64[(account << 3) + SETTLED] = after;
    if (accounts.f64[(account << 3) + NEXT]! < after) this.raiseNext(account, after);
    this.hashes.remove(row);
    if (accounts.i32[(account << 4) + FLAGS]! >= CAUTION) accounts.i32[(account << 4) + FLAGS]! -= CAUTION;
    this.refresh(account);
  }

  /** Refused by execution; the row stays for the record of its block. */
  refused(row: number, reason: number): void {
    const { accounts, slab } = this;
    const account = slab.account[row]!;
    this.landed(account);
    this.hashes.remove(row);
    const nonce = slab.nonce[row]!;
    if (reason === Reason.nonceTooLow) {
      // The state is ahead of what is known here: an EIP-7702 authorization moves a nonce, for example.
      if (accounts.f64[(account << 3) + SETTLED]! <= nonce)
        accounts.f64[(account << 3) + SETTLED] = nonce + 1;
      if (accounts.f64[(account << 3) + NEXT]! <= nonce) this.raiseNext(account, nonce + 1);
    } else this.lowerNext(account, nonce);
    this.refresh(account);
  }

  /** Back from execution without effect. `attempt`: whether it is to blame. */
  returned(row: number, reason: number, attempt: boolean): void {
    const { accounts, slab } = this;
    const account = slab.account[row]!;
    this.landed(account);
    if (slab.superseded[row]) {
      slab.free(row);
      this.refresh(account);
      return;
    }
    if (attempt) {
      if (slab.attempts[row]! < 255) slab.attempts[row]!++;
      this.beCautious(account);
    }
    const nonce = slab.nonce[row]!;
    const rival = this.pendingWithNonce(account, nonce);
    if (rival >= 0) {
      if (this.outbids(slab.feeCap[rival]!, slab.tipCap[rival]!, row)) {
        this.record(row, Reason.replaced);
        this.lowerNext(account, nonce);
        this.refresh(account);
        return;
      }
      this.reject(rival, Reason.underpriced);
    }
    slab.detach(row);
    this.insert(account, row);
    this.lowerNext(account, nonce);
    if (reason === Reason.nonceTooHigh && nonce === accounts.f64[(account << 3) + NEXT])
      accounts.i32[(account << 4) + FLAGS]! |= doubted;
    if (reason === Reason.feeCapBelowBaseFee || reason === Reason.blobFeeCap) {
      if ((accounts.i32[(account << 4) + FLAGS]! & parked) === 0) {
        this.setWaiting(account, parked, true);
        this.parkedAccounts.push(account);
      }
    }
    this.refresh(account);
  }

  /** A transaction of this sender diverged: the next ones go one at a time. */
  private beCautious(account: number): void {
    const { i32 } = this.accounts;
    const flags = i32[(account << 4) + FLAGS]!;
    const caution = Math.min(Math.floor(flags / CAUTION) + CAUTION_PER_DIVERGENCE, MOST_CAUTION);
    i32[(account << 4) + FLAGS] = (flags % CAUTION) + caution * CAUTION;
  }

  private landed(account: number): void {
    this.accounts.i32[(account << 4) + IN_FLIGHT]!--;
    this.inFlight--;
  }

  private lowerNext(account: number, nonce: number): void {
    const { accounts } = this;
    if (nonce < accounts.f64[(account << 3) + NEXT]!) {
      accounts.f64[(account << 3) + NEXT] = nonce;
      // What comes before explains what was ahead of the state.
      accounts.i32[(account << 4) + FLAGS]! &= ~doubted;
    }
    if (accounts.i32[(account << 4) + IN_FLIGHT]! > 0) accounts.i32[(account << 4) + FLAGS]! |= hold;
  }

  /** Moves the next nonce up and ends what is now too low. */
  private raiseNext(account: number, nonce: number): void {
    const { accounts, slab } = this;
    accounts.i32[(account << 4) + FLAGS]! &= ~doubted;
    accounts.f64[(account << 3) + NEXT] = nonce;
    for (
      let head = accounts.i32[(account << 4) + HEAD]!;
      head >= 0 && slab.nonce[head]! < nonce;
      head = accounts.i32[(account << 4) + HEAD]!
    )
      this.reject(head, Reason.nonceTooLow);
  }

  /** Answer of the state: the committed nonce of a sender. */
  setNonce(account: number, nonce: number): void {
    const { accounts, slab, options } = this;
    accounts.i32[(account << 4) + FLAGS]! &= ~asked;
    if (!accounts.isUsed(account)) return;
    if ((accounts.i32[(account << 4) + FLAGS]! & known) !== 0) {
      // A review: the state may only be ahead while nothing of this sender is on its way.
      if (
        accounts.i32[(account << 4) + IN_FLIGHT] === 0 &&
        accounts.i32[(account << 4) + OPEN]! < 0 &&
        nonce > accounts.f64[(account << 3) + NEXT]!
      ) {
        if (accounts.f64[(account << 3) + SETTLED]! < nonce) accounts.f64[(account << 3) + SETTLED] = nonce;
        this.raiseNext(account, nonce);
      }
    } else {
      accounts.i32[(account << 4) + FLAGS]! |= known;
      accounts.f64[(account << 3) + SETTLED] = nonce;
      this.raiseNext(account, nonce);
      let position = 0;
      for (let row = accounts.i32[(account << 4) + HEAD]!; row >= 0; ) {
        const after = slab.next[row]!;
        if (slab.nonce[row]! - nonce - position > options.maxNonceGap) this.reject(row, Reason.nonceTooFar);
        else position++;
        row = after;
      }
    }
    this.refresh(account);
  }

  /** The question got no answer: it will be asked again. */
  forgetQuestion(account: number): void {
    this.accounts.i32[(account << 4) + FLAGS]! &= ~asked;
    this.refresh(account);
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

  /** Ends what is too old, and asks again for the nonces of senders with a gap. */
  tick(nowMs: number): void {
    this.nowMs = nowMs;
    const { slab, options, accounts } = this;
    const limit = nowMs - options.expiryMs;
    // Returned rows stand behind younger ones; they are found a little late.
    while (this.oldest >= 0 && slab.addedMs[this.oldest]! <= limit) {
      const row = this.oldest;
      const account = slab.account[row]!;
      this.reject(row, Reason.expired);
      this.refresh(account);
    }
    if (nowMs - this.reviewMs < options.nonceReviewMs) return;
    this.reviewMs = nowMs;
    let asking = 0;
    for (const account of this.gappedAccounts) {
      if (
        (accounts.i32[(account << 4) + FLAGS]! & asked) !== 0 ||
        accounts.i32[(account << 4) + IN_FLIGHT]! > 0
      )
        continue;
      if (accounts.i32[(account << 4) + LAST_BLOCK]! > this.announced) continue;
      accounts.i32[(account << 4) + FLAGS]! |= asked;
      this.unknown.push(account);
      if (++asking === 256) break;
    }
  }

  /** Makes room: of the oldest rows, one that waits for a nonce or a fee ends as `evicted`. */
  private evictOne(): boolean {
    const { slab, accounts } = this;
    let row = this.oldest;
    for (let tries = 0; tries < EVICTION_SEARCH && row >= 0; tries++, row = slab.younger[row]!) {
      const account = slab.account[row]!;
      if ((accounts.i32[(account << 4) + FLAGS]! & (gapped | parked)) === 0) continue;
      this.reject(accounts.i32[(account << 4) + TAIL]!, Reason.evicted);
      this.refresh(account);
      return true;
    }
    return false;
  }

  get executable(): number {
    return this.pending - this.waiting;
  }
}
