/**
 * The pool: admission, and the life of a row from there on: pending → open (in an open frame) → framed → resolved, or back
 * to pending when it is returned. Every removal other than by inclusion is recorded with its reason. A sender whose next
 * transaction is executable stands in the ready queue exactly once (sender-queues.ts).
 */
import type { Message } from "@velarium/columns";
import { type Analyzed, Reason } from "@velarium/wire";
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
} from "./account-table.ts";
import { HashIndex } from "./hash-index.ts";
import type { FramerOptions } from "./options.ts";
import { PendingRows } from "./pending-rows.ts";
import { Rejections } from "./rejections.ts";
import { SenderQueues } from "./sender-queues.ts";
import { RowState, TransactionSlab } from "./transaction-slab.ts";

const { known, asked, hold, gapped, doubted } = AccountFlag;

export class Pool {
  readonly slab = new TransactionSlab();
  readonly accounts: AccountTable;
  readonly hashes = new HashIndex(() => this.slab.hash);
  readonly rejections = new Rejections();
  readonly rows: PendingRows;
  readonly senders: SenderQueues;
  inFlight = 0;
  announced = 0;
  nowMs = 0;
  private readonly options: FramerOptions;

  constructor(options: FramerOptions) {
    this.options = options;
    this.accounts = new AccountTable(options.accounts);
    this.rows = new PendingRows(this.slab, this.accounts);
    this.senders = new SenderQueues(this.slab, this.accounts, this.rows, options);
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
    const replaced = this.rows.withNonce(account, nonce);
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
      if (this.rows.size >= options.poolTransactions && !(gap <= 0 && this.evictOne())) {
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
    this.rows.insert(account, row);
    this.senders.refresh(account);
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

  /** Ends a pending row with a recorded reason. The caller refreshes the sender. */
  private reject(row: number, reason: number): void {
    this.rows.unlink(row);
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

  /** Row goes into an open frame (or straight into one of its own). */
  take(row: number): void {
    this.rows.unlink(row);
    const { accounts, slab } = this;
    const account = slab.account[row]!;
    slab.state[row] = RowState.open;
    accounts.i32[(account << 4) + OPEN] = row;
    if (accounts.i32[(account << 4) + COUNT]! > 0) this.rows.blockedSenders++;
  }

  /** Row has got its seq in a frame of `block`. */
  framed(row: number, block: number): void {
    const { accounts, slab } = this;
    const account = slab.account[row]!;
    // A row of an earlier life was never open here.
    if (accounts.i32[(account << 4) + OPEN] === row && accounts.i32[(account << 4) + COUNT]! > 0)
      this.rows.blockedSenders--;
    accounts.i32[(account << 4) + OPEN] = -1;
    accounts.f64[(account << 3) + NEXT] = slab.nonce[row]! + 1;
    accounts.i32[(account << 4) + IN_FLIGHT]!++;
    accounts.i32[(account << 4) + LAST_BLOCK] = block;
    slab.state[row] = RowState.framed;
    this.inFlight++;
    this.senders.refresh(account);
  }

  /** A tail transaction that can never fit. */
  rejectTail(row: number): void {
    const account = this.slab.account[row]!;
    this.reject(row, Reason.tailLimit);
    this.senders.refresh(account);
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
    this.senders.refresh(account);
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
    this.senders.refresh(account);
  }

  /** Back from execution without effect. `attempt`: whether it is to blame. */
  returned(row: number, reason: number, attempt: boolean): void {
    const { accounts, slab } = this;
    const account = slab.account[row]!;
    this.landed(account);
    if (slab.superseded[row]) {
      slab.free(row);
      this.senders.refresh(account);
      return;
    }
    if (attempt) {
      if (slab.attempts[row]! < 255) slab.attempts[row]!++;
      this.beCautious(account);
    }
    const nonce = slab.nonce[row]!;
    const rival = this.rows.withNonce(account, nonce);
    if (rival >= 0) {
      if (this.outbids(slab.feeCap[rival]!, slab.tipCap[rival]!, row)) {
        this.record(row, Reason.replaced);
        this.lowerNext(account, nonce);
        this.senders.refresh(account);
        return;
      }
      this.reject(rival, Reason.underpriced);
    }
    slab.detach(row);
    this.rows.insert(account, row);
    this.lowerNext(account, nonce);
    if (reason === Reason.nonceTooHigh && nonce === accounts.f64[(account << 3) + NEXT])
      accounts.i32[(account << 4) + FLAGS]! |= doubted;
    if (reason === Reason.feeCapBelowBaseFee || reason === Reason.blobFeeCap) this.senders.park(account);
    this.senders.refresh(account);
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
    this.senders.refresh(account);
  }

  /** The question got no answer: it will be asked again. */
  forgetQuestion(account: number): void {
    this.accounts.i32[(account << 4) + FLAGS]! &= ~asked;
    this.senders.refresh(account);
  }

  /** Ends what is too old, and lets senders with a gap be asked for again. */
  tick(nowMs: number): void {
    this.nowMs = nowMs;
    const { slab, rows } = this;
    const limit = nowMs - this.options.expiryMs;
    // Returned rows stand behind younger ones; they are found a little late.
    while (rows.oldest >= 0 && slab.addedMs[rows.oldest]! <= limit) {
      const row = rows.oldest;
      const account = slab.account[row]!;
      this.reject(row, Reason.expired);
      this.senders.refresh(account);
    }
    this.senders.review(nowMs, this.announced);
  }

  /** Makes room in a full pool. */
  private evictOne(): boolean {
    const row = this.rows.evictable();
    if (row < 0) return false;
    const account = this.slab.account[row]!;
    this.reject(row, Reason.evicted);
    this.senders.refresh(account);
    return true;
  }

  get executable(): number {
    return this.rows.size - this.rows.waiting;
  }
}
