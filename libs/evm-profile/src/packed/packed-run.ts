/**
 * Applies profiles to one transaction without objects per slot or value: the twin of `ProfileRun` (apply/run.ts) for what
 * is called often. It reads transaction and state in packed form, takes one way only, and sends what needs more (open
 * conditions, precompiles, transient storage, failing callees) elsewhere.
 */
import type { BlockContext } from "@velarium/engine";
import { AccessKind, Domain } from "@velarium/slots";
import { storeWord } from "../evaluate/bytes.ts";
import { type PackedCode, type PackedCodes, type PackedFunction, selectorOfCall } from "./packed-codes.ts";
import { NO_PACKED_BYTES, PackedBytes, PackedFrame } from "./packed-frame.ts";
import {
  BytesKind,
  CallKind,
  EndKind,
  type PackedParts,
  type PackedSegment,
  type PackedStep,
  StepKind,
} from "./packed-profile.ts";
import { type AccessSink, PackedTouched } from "./packed-touched.ts";
import { type PackedState, PackedValues } from "./packed-values.ts";
import { Place, type WordArena } from "./word-arena.ts";

/** Frames of one run; more are sent elsewhere. */
const MAX_FRAMES = 64;
const MAX_DEPTH = 32;
const MAX_STEPS = 4096;
/** Precompiles lie below 2^16: 18 bytes of zero. */
const PRECOMPILE_ZEROS = 18;

/** `lacking`: run it again when what was asked of the state is at hand; `elsewhere`: this way knows nothing of it. */
export const PackedOutcome = { known: 0, lacking: 1, elsewhere: 2 } as const;
export type PackedOutcome = (typeof PackedOutcome)[keyof typeof PackedOutcome];

/** Where a transaction's parts are; offsets into `raw`. */
export interface PackedCall {
  readonly toOffset: number;
  readonly valueOffset: number;
  readonly valueSize: number;
  readonly dataOffset: number;
  readonly dataSize: number;
}

export class PackedRun {
  readonly touched: PackedTouched;
  private readonly arena: WordArena;
  private readonly codes: PackedCodes;
  private readonly values: PackedValues;
  private readonly frames: PackedFrame[] = [];
  private frameCount = 0;
  private steps = 0;
  private context: BlockContext | undefined;
  private isSupported = false;
  /** Some function has not been called often enough to be profiled: says nothing against the profiles there are. */
  private isEarly = false;
  /** The function that the transaction itself calls. */
  private entry: PackedFunction | undefined;
  private readonly fetchCode = (bytes: Uint8Array, at: number): Uint8Array | undefined =>
    this.values.state.code(bytes, at);

  constructor(codes: PackedCodes, arena: WordArena) {
    this.codes = codes;
    this.arena = arena;
    this.touched = new PackedTouched(arena);
    this.values = new PackedValues(arena, this.touched);
  }

  /** Block and state of the runs that follow; what was read of another state holds no more. */
  open(context: BlockContext, state: PackedState): void {
    this.values.state = state;
    this.arena.clear(Place.lastCodeWord);
    if (context === this.context) return;
    this.context = context;
    const { rules, beneficiary, timestamp, number, prevRandao, difficulty, gasLimit, baseFee, blobBaseFee } =
      context;
    // Before EIP-158 whatever names an account finds out first whether it exists.
    this.isSupported = rules.eip158;
    const { arena } = this;
    arena.clear(Place.coinbase);
    arena.bytes.set(beneficiary, Place.coinbase * 32 + 12);
    arena.putNumber(Place.timestamp, timestamp);
    arena.putNumber(Place.number, number);
    if (rules.header.prevRandao) arena.bytes.set(prevRandao, Place.prevRandao * 32);
    else storeWord(arena.bytes, Place.prevRandao * 32, difficulty);
    arena.putNumber(Place.gasLimit, gasLimit);
    arena.putNumber(Place.chainId, rules.chainId);
    storeWord(arena.bytes, Place.baseFee * 32, baseFee);
    storeWord(arena.bytes, Place.blobBaseFee * 32, blobBaseFee);
  }

  /** Finds the accesses of one transaction, for `emit`. */
  run(raw: Uint8Array, call: PackedCall, senders: Uint8Array, senderAt: number): PackedOutcome {
    if (!this.isSupported || call.toOffset < 0) return PackedOutcome.elsewhere;
    const { arena, touched, values } = this;
    this.codes.makeRoom();
    arena.beginRun();
    touched.reset();
    values.reset();
    this.frameCount = this.steps = 0;
    this.isEarly = false;
    this.entry = undefined;
    const sender = touched.accountOf(senders, senderAt);
    touched.touchCode(sender, AccessKind.R);
    touched.touchBalance(sender, AccessKind.W);
    touched.touchNonce(sender, AccessKind.W);
    const account = touched.accountOf(raw, call.toOffset);
    this.takeValue(raw, call);
    const data = new PackedBytes();
    data.raw = raw;
    data.at = call.dataOffset;
    data.size = call.dataSize;
    const value = call.valueSize === 0 ? Place.zero : Place.value;
    if (value !== Place.zero) this.credit(account);
    const outcome = this.enter(account, account, Place.accounts + sender, value, data, 0);
    // On a guess it may have gone astray.
    if (values.lacks) return PackedOutcome.lacking;
    if (values.isLost || outcome === undefined) return this.settled(PackedOutcome.elsewhere);
    this.addFee();
    return this.settled(PackedOutcome.known);
  }

  private settled(outcome: PackedOutcome): PackedOutcome {
    if (this.entry?.profile !== undefined && !this.isEarly)
      this.entry.settle(outcome === PackedOutcome.known);
    return outcome;
  }

  /** What the transaction itself sends. An account without code cannot look at what it receives: the credit commutes. */
  private credit(account: number): void {
    const isBlind = this.codeOf(account) === null && !this.isPrecompile(account);
    this.touched.touchBalance(account, isBlind ? AccessKind.D : AccessKind.W);
  }

  private takeValue(raw: Uint8Array, { valueOffset, valueSize }: PackedCall): void {
    const { arena } = this;
    arena.clear(Place.value);
    for (let i = 0, to = Place.value * 32 + 32 - valueSize; i < valueSize; i++)
      arena.bytes[to + i] = raw[valueOffset + i]!;
  }

  /** Whoever looks at the balance that the fee goes to adds the fee to it himself. */
  private addFee(): void {
    const { touched, arena } = this;
    for (let i = 0; i < touched.accounts; i++)
      if (touched.balance[i] === AccessKind.R && arena.areEqual(Place.accounts + i, Place.coinbase))
        touched.touchBalance(i, AccessKind.W);
  }

  emit(sink: AccessSink): void {
    this.touched.emit(sink);
  }

  private lost(): undefined {
    this.values.isLost = true;
    return undefined;
  }

  /** Reads and declares the code word; false when it is not at hand. */
  private meetCode(account: number): boolean {
    const { touched, values, arena } = this;
    if (touched.isKnown[account] === 1) return true;
    touched.touchCode(account, AccessKind.R);
    const place = Place.codeWords + account;
    // Most runs enter the contract that the one before has entered.
    if (
      !arena.isZero(Place.lastCodeWord) &&
      arena.areEqual(Place.accounts + account, Place.lastCodeAccount)
    ) {
      arena.copy(Place.lastCodeWord, place);
      touched.isKnown[account] = 1;
      return true;
    }
    if (!values.state.load(touched.keyOf(Domain.code, account), 0, arena.bytes, place * 32)) {
      values.lacks = true;
      return false;
    }
    arena.copy(Place.accounts + account, Place.lastCodeAccount);
    arena.copy(place, Place.lastCodeWord);
    touched.isKnown[account] = 1;
    return true;
  }

  /** The code of an account: null without code, undefined when it is not at hand. */
  private codeOf(account: number): PackedCode | null | undefined {
    const { touched, arena, values } = this;
    const known = touched.codes[account];
    if (known !== undefined) return known;
    if (!this.meetCode(account)) return undefined;
    const place = Place.codeWords + account;
    if (namesNothing(arena.pieces, place * 8 + 1)) return null;
    const code = this.codes.codeAt(place, this.fetchCode);
    if (code === undefined) values.lacks = true;
    touched.codes[account] = code;
    return code;
  }

  /** The code that runs at an account; EIP-7702 accounts run that of another. */
  private runnableCode(account: number): PackedCode | null | undefined {
    const code = this.codeOf(account);
    if (code === null || code === undefined || code.delegate === undefined) return code;
    if (this.context!.rules.eip7702 !== true) return code;
    const target = this.touched.accountOf(code.delegate, 0);
    return target < 0 ? this.lost() : this.codeOf(target);
  }

  /** Undefined: the rest is lost, or lacks something without which it cannot go on. */
  private enter(
    account: number,
    codeAccount: number,
    caller: number,
    value: number,
    data: PackedBytes,
    depth: number,
  ): PackedBytes | undefined {
    if (depth >= MAX_DEPTH || this.isPrecompile(codeAccount)) return this.lost();
    const code = this.runnableCode(codeAccount);
    if (code === undefined) return undefined;
    if (code === null) return NO_PACKED_BYTES;
    const selector = selectorOfCall(data.size, data.size < 4 ? 0 : this.values.selector(data));
    if (selector === undefined) return this.lost();
    const fn = data.size === 0 ? code.withoutCalldata : code.functionOf(selector);
    if (depth === 0) this.entry = fn;
    const { wanted } = this.codes;
    const wantedBefore = wanted.length;
    const profile = this.codes.profileOf(code, fn, selector);
    if (profile === undefined) {
      if (wanted.length === wantedBefore) {
        if (!fn.isHopeless) this.isEarly = true;
        return this.lost();
      }
      this.values.lacks = true;
      return undefined;
    }
    const base = this.arena.takeFrame(profile.size);
    if (base < 0 || this.frameCount === MAX_FRAMES) return this.lost();
    const frame = (this.frames[this.frameCount++] ??= new PackedFrame());
    frame.reset(profile);
    frame.code = code;
    frame.base = base;
    frame.account = account;
    frame.caller = caller;
    frame.value = value;
    frame.data = data;
    frame.depth = depth;
    return this.follow(frame);
  }

  private isPrecompile(account: number): boolean {
    const { bytes } = this.arena;
    const at = (Place.accounts + account) * 32 + 12;
    for (let i = 0; i < PRECOMPILE_ZEROS; i++) if (bytes[at + i] !== 0) return false;
    return true;
  }

  private follow(frame: PackedFrame): PackedBytes | undefined {
    const { values, arena } = this;
    const { segments } = frame.profile;
    let segment: PackedSegment = segments[frame.profile.root]!;
    for (;;) {
      for (const step of segment.steps) {
        if (++this.steps > MAX_STEPS) return this.lost();
        if (!this.step(frame, step) || values.isLost) return undefined;
      }
      if (segment.end === EndKind.return) return this.bytesOf(frame, segment.data);
      if (segment.end !== EndKind.branch) return this.lost();
      const condition = values.of(frame, segment.condition);
      if (values.isLost) return undefined;
      segment = segments[arena.isZero(condition) ? segment.zero : segment.nonzero]!;
    }
  }

  /** False: it cannot go on. */
  private step(frame: PackedFrame, step: PackedStep): boolean {
    switch (step.kind) {
      case StepKind.read:
        return this.read(frame, step);
      case StepKind.write:
        return this.write(frame, step);
      case StepKind.call:
        return this.call(frame, step);
      case StepKind.codesize:
        return this.codesize(frame, step);
      case StepKind.balance:
        return this.balance(frame, step);
      default:
        this.lost();
        return false;
    }
  }

  /** Number of a slot of the frame's storage; −1: it cannot go on. */
  private slot(frame: PackedFrame, id: number, kind: AccessKind): number {
    const name = this.values.of(frame, id);
    // Its incarnation is part of the key.
    if (!this.meetCode(frame.account)) return -1;
    const slot = this.touched.slot(frame.account, name, kind);
    if (slot < 0) this.lost();
    return slot;
  }

  private read(frame: PackedFrame, step: PackedStep): boolean {
    const slot = this.slot(frame, step.a, AccessKind.R);
    if (slot < 0) return false;
    const writer = this.touched.writer[slot];
    frame.foundFrame[step.step] = writer;
    frame.foundAt[step.step] = writer === undefined ? slot : this.touched.written[slot]!;
    return true;
  }

  private write(frame: PackedFrame, step: PackedStep): boolean {
    const slot = this.slot(frame, step.a, AccessKind.W);
    if (slot < 0) return false;
    this.touched.writer[slot] = frame;
    this.touched.written[slot] = step.b;
    return true;
  }

  private account(frame: PackedFrame, id: number): number {
    const account = this.touched.account(this.values.of(frame, id));
    if (account < 0) this.lost();
    return account;
  }

  private codesize(frame: PackedFrame, step: PackedStep): boolean {
    const account = this.account(frame, step.a);
    if (account < 0) return false;
    const code = this.codeOf(account);
    if (code === undefined) return false;
    return this.foundNumber(frame, step.step, code === null ? 0 : code.bytes.length);
  }

  private foundNumber(frame: PackedFrame, step: number, value: number): boolean {
    const place = this.arena.takeFrame(1);
    if (place < 0) {
      this.lost();
      return false;
    }
    this.arena.putNumber(place, value);
    frame.foundAt[step] = ~place;
    return true;
  }

  private balance(frame: PackedFrame, step: PackedStep): boolean {
    const { touched, values, arena } = this;
    const account = this.account(frame, step.a);
    // Ether that has moved in this transaction is not added up here.
    const place = account < 0 || touched.balance[account] === AccessKind.W ? -1 : arena.takeFrame(1);
    if (place < 0) {
      this.lost();
      return false;
    }
    touched.touchBalance(account, AccessKind.R);
    if (!values.state.load(touched.keyOf(Domain.balance, account), 0, arena.bytes, place * 32))
      values.lacks = true;
    frame.foundAt[step.step] = ~place;
    return true;
  }

  private bytesOf(frame: PackedFrame, parts: PackedParts): PackedBytes | undefined {
    if (parts.kind === BytesKind.calldata) return frame.data;
    if (parts.kind === BytesKind.returned) return frame.calls[parts.step] ?? this.lost();
    if (parts.size === 0) return NO_PACKED_BYTES;
    const bytes = new PackedBytes();
    bytes.frame = frame;
    bytes.parts = parts;
    bytes.size = parts.size;
    return bytes;
  }

  private call(frame: PackedFrame, step: PackedStep): boolean {
    const { values } = this;
    const target = this.account(frame, step.a);
    const data = target < 0 ? undefined : this.bytesOf(frame, step.data);
    if (data === undefined) return false;
    const isDelegate = step.call === CallKind.delegatecall;
    const keepsOwner = isDelegate || step.call === CallKind.callcode;
    const amount = isDelegate ? Place.zero : values.of(frame, step.b);
    const isSent = !this.arena.isZero(amount);
    if (isSent && !this.send(frame.account, target, step.call === CallKind.call)) return false;
    if (this.context!.rules.eip7702 && !this.meetCode(target)) return false;
    const outcome = this.enter(
      keepsOwner ? frame.account : target,
      target,
      isDelegate ? frame.caller : Place.accounts + frame.account,
      isDelegate ? frame.value : isSent ? amount : Place.zero,
      data,
      frame.depth + 1,
    );
    if (outcome === undefined) return false;
    const { assumedSize } = step;
    if (outcome.size < assumedSize || (step.isExact && outcome.size > assumedSize)) {
      this.lost();
      return false;
    }
    frame.calls[step.step] = outcome;
    return true;
  }

  /** Ether that a call sends along. EIP-161: looks at code, nonce and balance of the target, no further than it must. */
  private send(from: number, to: number, moves: boolean): boolean {
    const { touched, values, arena } = this;
    touched.touchBalance(from, moves ? AccessKind.W : AccessKind.R);
    const code = this.codeOf(to);
    if (code === undefined) return false;
    if (code === null) {
      const place = arena.takeFrame(1);
      if (place < 0) {
        this.lost();
        return false;
      }
      touched.touchNonce(to, AccessKind.R);
      if (!values.state.load(touched.keyOf(Domain.nonce, to), 0, arena.bytes, place * 32))
        values.lacks = true;
      if (arena.isZero(place)) touched.touchBalance(to, AccessKind.R);
    }
    if (moves) touched.touchBalance(to, AccessKind.W);
    return true;
  }
}

/** Whether the seven pieces of a code word behind its first hold no hash. */
function namesNothing(pieces: Uint32Array, at: number): boolean {
  for (let i = 0; i < 7; i++) if (pieces[at + i] !== 0) return false;
  return true;
}
