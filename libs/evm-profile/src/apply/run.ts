/**
 * Applies profiles to one transaction: the profile of the function that it calls, and of the functions that that one
 * calls, each at the code found at the target. Guards are taken to hold. Where a condition is not known both ways are
 * taken. Continuations instead of returns: a fork in a callee goes on twice in its callers.
 */
import type { BlockContext, ExecutableTransaction, StateView } from "@velarium/engine";
import { precompilesOf } from "@velarium/precompiles";
import { AccessKind, blockHashKey } from "@velarium/slots";
import { addressWord } from "../evaluate/bytes.ts";
import type { AccessVisitor } from "../evaluate/evaluate.ts";
import { Surroundings } from "../evaluate/surroundings.ts";
import { UnknownAccess } from "../evaluate/unknown.ts";
import { type Bytes, NO_CALLDATA, type SegmentId, type Step } from "../profile/format.ts";
import { bytesOf, type LazyBytes, NO_BYTES, PartBytes, RawBytes } from "./lazy-bytes.ts";
import { type CallOutcome, NOTHING_RETURNED, ProfileFrame } from "./profile-frame.ts";
import type { ProfileSource } from "./profile-source.ts";
import { type Thunk, Touched, type TouchedAccount } from "./touched.ts";

/** Calls nested in each other. */
const MAX_DEPTH = 32;
/** Times that both ways are taken. */
const MAX_FORKS = 24;
/** Steps in all. */
const MAX_STEPS = 4096;
const HIGHEST_PRECOMPILE = 0x1ffn;

type Done = (outcome: CallOutcome) => void;
const ZERO: Thunk = { value: () => 0n };

export class ProfileRun {
  readonly touched: Touched;
  private readonly source: ProfileSource;
  private readonly surroundings: Surroundings;
  private readonly transaction: ExecutableTransaction;
  private readonly context: BlockContext;
  private forks = 0;
  private steps = 0;

  constructor(
    context: BlockContext,
    transaction: ExecutableTransaction,
    state: StateView,
    source: ProfileSource,
    readsState: boolean,
  ) {
    this.context = context;
    this.transaction = transaction;
    this.source = source;
    this.touched = new Touched(state, context.rules, readsState);
    this.surroundings = new Surroundings(context, transaction, () => []);
  }

  /** @throws UnknownAccess, StateMiss */
  run(): void {
    const { touched, transaction } = this;
    const { to, value } = transaction;
    if (to === undefined || (transaction.authorizations?.length ?? 0) > 0) throw new UnknownAccess("profile");
    const sender = touched.account(this.surroundings.origin, transaction.sender);
    // Declared, not looked at: nothing follows from it.
    touched.field(sender, "code", AccessKind.R);
    touched.field(sender, "balance", AccessKind.W);
    touched.field(sender, "nonce", AccessKind.W);
    const account = touched.account(addressWord(to), to);
    const amount: Thunk = value === 0n ? ZERO : { value: () => value };
    if (value > 0n) this.credit(account);
    this.enter(account, account, sender.address, amount, new RawBytes(transaction.data), undefined, () => {});
    const beneficiary = touched.met(this.surroundings.coinbase);
    // Whoever looks at the balance that the fee goes to adds the fee to it himself.
    if (beneficiary !== undefined && beneficiary.balance !== 0 && beneficiary.balance !== AccessKind.D)
      touched.field(beneficiary, "balance", AccessKind.W);
  }

  /** What the transaction itself sends. An account without code cannot look at what it receives: the credit commutes. */
  private credit(account: TouchedAccount): void {
    const { touched, context } = this;
    touched.meetCode(account);
    const blind =
      context.rules.eip158 && account.codePrefix === undefined && this.precompileAt(account.address) < 0;
    touched.field(account, "balance", blind ? AccessKind.D : AccessKind.W);
  }

  forEachAccess(visit: AccessVisitor): void {
    this.touched.forEachAccess(visit);
  }

  private enter(
    account: TouchedAccount,
    codeAccount: TouchedAccount,
    caller: bigint,
    value: Thunk,
    data: LazyBytes,
    parent: ProfileFrame | undefined,
    done: Done,
  ): void {
    const { touched } = this;
    if (parent !== undefined && parent.depth >= MAX_DEPTH) throw new UnknownAccess("depth");
    touched.meet(codeAccount);
    const precompile = this.precompileAt(codeAccount.address);
    if (precompile >= 0) return done(this.precompiled(precompile, data));
    const code = this.runnableCode(codeAccount);
    if (code.length === 0) return done(NOTHING_RETURNED);
    const selector = data.size === 0 ? NO_CALLDATA : data.size < 4 ? undefined : Number(data.word(0) >> 224n);
    const known = selector === undefined ? undefined : this.source.profileOf(code, selector);
    if (known === undefined) throw new UnknownAccess("profile");
    const { profile, immediates } = known;
    const { surroundings } = this;
    const frame = new ProfileFrame({
      profile,
      account,
      caller,
      value,
      data,
      code,
      immediates,
      surroundings,
      parent,
    });
    this.segment(frame, profile.root, done);
  }

  /** The code that runs at an account; EIP-7702 accounts run that of another. */
  private runnableCode(account: TouchedAccount): Uint8Array {
    const code = this.touched.codeOf(account);
    if (!this.context.rules.eip7702 || code.length !== 23 || code[0] !== 0xef || code[1] !== 1) return code;
    return this.touched.codeOf(this.touched.account(addressWord(code, 3)));
  }

  private precompileAt(address: bigint): number {
    if (address > HIGHEST_PRECOMPILE) return -1;
    const id = Number(address);
    return precompilesOf(this.context.rules).has(id) ? id : -1;
  }

  private precompiled(id: number, data: LazyBytes): CallOutcome {
    const { ok, output } = precompilesOf(this.context.rules).run(id, bytesOf(data), 30_000_000);
    return { success: ok, data: new RawBytes(output) };
  }

  private segment(frame: ProfileFrame, id: SegmentId, done: Done): void {
    this.steppedFrom(frame, id, 0, done);
  }

  /** Runs the steps of a segment from number `at` on, then its end. */
  private steppedFrom(frame: ProfileFrame, id: SegmentId, from: number, done: Done): void {
    const segment = frame.profile.segments[id]!;
    for (let at = from; at < segment.steps.length; at++) {
      if (++this.steps > MAX_STEPS) throw new UnknownAccess("steps");
      const step = segment.steps[at]!;
      if (step.kind === "call") {
        this.call(frame, step, (outcome) => {
          frame.calls[step.step] = outcome;
          this.steppedFrom(frame, id, at + 1, done);
        });
        return;
      }
      this.step(frame, step);
    }
    const { end } = segment;
    switch (end.kind) {
      case "return":
        return done({ success: true, data: this.bytes(frame, end.data) });
      case "revert":
        // Nothing goes on from here but what the caller does about it.
        return done({ success: false, data: NO_BYTES });
      case "branch":
        return this.branch(frame, end.condition, end.nonzero, end.zero, done);
      case "selfdestruct":
      case "unknown":
        throw new UnknownAccess("profile");
    }
  }

  private branch(
    frame: ProfileFrame,
    condition: number,
    nonzero: SegmentId,
    zero: SegmentId,
    done: Done,
  ): void {
    let known: bigint;
    try {
      known = frame.value(condition);
    } catch (thrown) {
      const open =
        thrown instanceof UnknownAccess && (thrown.reason === "state-read" || thrown.reason === "opaque");
      if (!open) throw thrown;
      if (++this.forks > MAX_FORKS) throw new UnknownAccess("forks");
      const saved = saveFrames(frame);
      const mark = this.touched.mark();
      this.segment(frame, nonzero, done);
      this.touched.revert(mark);
      restoreFrames(saved);
      return this.segment(frame, zero, done);
    }
    this.segment(frame, known !== 0n ? nonzero : zero, done);
  }

  private bytes(frame: ProfileFrame, bytes: Bytes): LazyBytes {
    if (bytes.kind === "parts")
      return bytes.parts.length === 0 ? NO_BYTES : new PartBytes(frame, bytes.parts);
    return bytes.kind === "calldata" ? frame.data : frame.outcomeOf(bytes.step).data;
  }

  private step(frame: ProfileFrame, step: Exclude<Step, { kind: "call" }>): void {
    const { touched } = this;
    switch (step.kind) {
      case "guard":
        return;
      case "read": {
        const slot = touched.slot(frame.account, frame.value(step.slot), AccessKind.R);
        const { written, key } = slot;
        frame.found[step.step] = written ?? { value: () => touched.stateWord(key) };
        return;
      }
      case "write": {
        const slot = touched.slot(frame.account, frame.value(step.slot), AccessKind.W);
        touched.write(slot, { value: () => frame.value(step.value) });
        return;
      }
      case "transientread":
        frame.found[step.step] = frame.account.transient?.get(frame.value(step.slot)) ?? ZERO;
        return;
      case "transientwrite":
        touched.writeTransient(frame.account, frame.value(step.slot), {
          value: () => frame.value(step.value),
        });
        return;
      case "account": {
        const account = touched.account(frame.value(step.address));
        touched.meet(account);
        frame.found[step.step] = this.lookAt(account, step.what);
        return;
      }
      case "blockhash": {
        const number = frame.value(step.number);
        if (!this.surroundings.isRecent(number)) frame.found[step.step] = ZERO;
        else {
          const key = blockHashKey(Number(number));
          touched.blockHash(key);
          frame.found[step.step] = { value: () => touched.stateWord(key) };
        }
        return;
      }
    }
  }

  private lookAt(account: TouchedAccount, what: "balance" | "codesize" | "codehash"): Thunk {
    const { touched } = this;
    if (what === "balance") {
      touched.field(account, "balance", AccessKind.R);
      // Ether that has moved in this transaction is not added up here.
      return { value: () => (account.balance === AccessKind.R ? touched.balanceOf(account) : opaque()) };
    }
    touched.meetCode(account);
    if (what === "codesize") return { value: () => BigInt(touched.codeOf(account).length) };
    touched.meetEmptiness(account);
    return { value: opaque };
  }

  private call(frame: ProfileFrame, step: Extract<Step, { kind: "call" }>, done: Done): void {
    const { touched } = this;
    const target = touched.account(frame.value(step.target));
    const keepsOwner = step.op === "delegatecall" || step.op === "callcode";
    const data = this.bytes(frame, step.data);
    const constant = frame.profile.expressions[step.value]!;
    const isZero = constant.op === "constant" && constant.value === 0n;
    const amount = isZero || step.op === "delegatecall" ? 0n : frame.value(step.value);
    if (amount > 0n) {
      touched.field(frame.account, "balance", step.op === "call" ? AccessKind.W : AccessKind.R);
      if (this.context.rules.eip158) touched.meetEmptiness(target);
      if (step.op === "call") touched.field(target, "balance", AccessKind.W);
    }
    if (this.context.rules.eip7702) touched.meetCode(target);
    this.enter(
      keepsOwner ? frame.account : target,
      target,
      step.op === "delegatecall" ? frame.caller : frame.account.address,
      step.op === "delegatecall" ? frame.value_ : amount === 0n ? ZERO : { value: () => amount },
      data,
      frame,
      (outcome) => {
        if (outcome.success && !isAsAssumed(step, outcome.data.size)) throw new UnknownAccess("profile");
        // What a failed call has written is taken back, which is not followed here.
        if (!outcome.success) throw new UnknownAccess("profile");
        done(outcome);
      },
    );
  }
}

/** Whether what a callee returned is of the size on which the profile of its caller counts. */
function isAsAssumed({ assumedSize, isExact }: Extract<Step, { kind: "call" }>, size: number): boolean {
  if (assumedSize === undefined) return true;
  return isExact ? size === assumedSize : size >= assumedSize;
}

function opaque(): never {
  throw new UnknownAccess("opaque");
}

interface SavedFrame {
  readonly frame: ProfileFrame;
  readonly values: ProfileFrame["values"];
  readonly found: ProfileFrame["found"];
  readonly calls: ProfileFrame["calls"];
}

function saveFrames(last: ProfileFrame): SavedFrame[] {
  const saved: SavedFrame[] = [];
  for (let frame: ProfileFrame | undefined = last; frame !== undefined; frame = frame.parent)
    saved.push({
      frame,
      values: frame.values.slice(),
      found: frame.found.slice(),
      calls: frame.calls.slice(),
    });
  return saved;
}

function restoreFrames(saved: readonly SavedFrame[]): void {
  for (const { frame, values, found, calls } of saved) {
    frame.values = values;
    frame.found = found;
    frame.calls = calls;
  }
}
