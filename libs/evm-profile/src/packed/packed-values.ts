/**
 * Values of a profile's expressions, worked out when something asks for them, each once, at the place in the arena that
 * is named by its frame and number. What is not at hand is guessed, and `lacks` says so.
 */

import { keccak256Into } from "@velarium/hash-kernel";
import { SLOT_KEY_BYTES } from "@velarium/slots";
import { loadWord, storeWord } from "../evaluate/bytes.ts";
import { HashMemo } from "./hash-memo.ts";
import type { PackedBytes, PackedFrame } from "./packed-frame.ts";
import { Op, type PackedParts, type PackedProfile } from "./packed-profile.ts";
import type { PackedTouched } from "./packed-touched.ts";
import { Place, type WordArena } from "./word-arena.ts";

/** Bytes hashed at once. */
const MAX_PREIMAGE = 4096;
const MAX_OFFSET = 2 ** 31;
/** In pieces of 32 bits. */
const TWO_WORDS = 16;
/**
 * Values that wait for each other. Contracts have some tens; a code made for it has thousands, which would exhaust the stack
 * of the thread: what is nested deeper is not known on this way.
 */
const MAX_NESTING = 512;

/** Who knows the state. */
export interface PackedState {
  /**
   * Puts the word of the 56-byte key at `at` of `keys` to `to` of `out`. False: it is not at hand, and a guess stands
   * there.
   */
  load(keys: Uint8Array, at: number, out: Uint8Array, to: number): boolean;
  /** Code by the first 28 bytes of its hash; undefined: it is not at hand. */
  code(bytes: Uint8Array, at: number): Uint8Array | undefined;
}

const firstFour = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;

export class PackedValues {
  /** Something was guessed. */
  lacks = false;
  /** Something cannot be known on this way. */
  isLost = false;
  state!: PackedState;
  private readonly arena: WordArena;
  private readonly touched: PackedTouched;
  private readonly memo = new HashMemo();
  private readonly preimage = new Uint8Array(MAX_PREIMAGE + 32);
  /** Of two hashes of two words, one behind the other, or of one. */
  private readonly preimagePieces = new Uint32Array(this.preimage.buffer);
  private readonly hash = new Uint8Array(32);
  private nesting = 0;

  constructor(arena: WordArena, touched: PackedTouched) {
    this.arena = arena;
    this.touched = touched;
  }

  /** Before a run: one that was broken off by an error may have left values waiting. */
  reset(): void {
    this.lacks = this.isLost = false;
    this.nesting = 0;
  }

  /** Place of the value of an expression. */
  of(frame: PackedFrame, id: number): number {
    const { profile } = frame;
    const a = profile.a[id]!;
    switch (profile.ops[id]) {
      case Op.constant:
      case Op.block:
        return a;
      case Op.immediate:
        return a < frame.code.immediateCount ? frame.code.immediates + a : Place.zero;
      case Op.caller:
        return frame.caller;
      case Op.address:
        return Place.accounts + frame.account;
      case Op.callvalue:
        return frame.value;
      case Op.origin:
        return Place.accounts;
      case Op.success:
        return this.outcome(frame, a) === undefined ? Place.zero : Place.one;
    }
    const place = frame.base + id;
    const { stamps, stamp } = this.arena;
    if (stamps[place] === stamp) return place;
    if (this.nesting === MAX_NESTING) {
      this.isLost = true;
      return Place.zero;
    }
    this.nesting++;
    this.compute(frame, profile, id, place);
    this.nesting--;
    stamps[place] = stamp;
    return place;
  }

  private compute(frame: PackedFrame, profile: PackedProfile, id: number, to: number): void {
    const { arena } = this;
    const a = profile.a[id]!;
    switch (profile.ops[id]) {
      case Op.calldata:
        return this.word(frame.data, a, to);
      case Op.calldataAt: {
        const offset = arena.numberOf(this.of(frame, a), MAX_OFFSET);
        return this.word(frame.data, offset, to);
      }
      case Op.calldatasize:
        return arena.putNumber(to, frame.data.size);
      case Op.codesize:
        return arena.putNumber(to, frame.code.bytes.length);
      case Op.found:
        return this.found(frame, a, to);
      case Op.returned: {
        const outcome = this.outcome(frame, a);
        return outcome === undefined ? arena.clear(to) : this.word(outcome, profile.b[id]!, to);
      }
      case Op.returnsize:
        return arena.putNumber(to, this.outcome(frame, a)?.size ?? 0);
      case Op.bytes:
        return this.joined(frame, profile.parts[id]!, to);
      case Op.keccak:
        return this.keccak(frame, id, profile.parts[id]!, to);
      case Op.opaque:
        this.isLost = true;
        return arena.clear(to);
      default:
        return this.operate(frame, profile, id, to);
    }
  }

  private operate(frame: PackedFrame, profile: PackedProfile, id: number, to: number): void {
    const { arena } = this;
    const { pieces, bytes } = arena;
    const op = profile.ops[id]!;
    const first = this.of(frame, profile.a[id]!);
    const second = this.of(frame, profile.b[id]!);
    const out = to * 8;
    const x = first * 8;
    const y = second * 8;
    switch (op) {
      case Op.and:
        for (let i = 0; i < 8; i++) pieces[out + i] = pieces[x + i]! & pieces[y + i]!;
        return;
      case Op.or:
        for (let i = 0; i < 8; i++) pieces[out + i] = pieces[x + i]! | pieces[y + i]!;
        return;
      case Op.xor:
        for (let i = 0; i < 8; i++) pieces[out + i] = pieces[x + i]! ^ pieces[y + i]!;
        return;
      case Op.not:
        for (let i = 0; i < 8; i++) pieces[out + i] = ~pieces[x + i]!;
        return;
      case Op.eq:
        return arena.copy(arena.areEqual(first, second) ? Place.one : Place.zero, to);
      case Op.iszero:
        return arena.copy(arena.isZero(first) ? Place.one : Place.zero, to);
      default: {
        const third = this.of(frame, profile.c[id]!);
        const value = profile.pure[id]!(
          loadWord(bytes, first * 32),
          loadWord(bytes, second * 32),
          loadWord(bytes, third * 32),
        );
        storeWord(bytes, to * 32, value);
      }
    }
  }

  private found(frame: PackedFrame, step: number, to: number): void {
    const { arena, touched } = this;
    if (!frame.hasFound(step)) {
      this.isLost = true;
      return arena.clear(to);
    }
    const at = frame.foundAt[step]!;
    const writer = frame.foundFrame[step];
    if (writer !== undefined) return arena.copy(this.of(writer, at), to);
    if (at < 0) return arena.copy(~at, to);
    if (!this.state.load(touched.keys, at * SLOT_KEY_BYTES, arena.bytes, to * 32)) this.lacks = true;
  }

  private outcome(frame: PackedFrame, step: number): PackedBytes | undefined {
    const outcome = frame.calls[step];
    if (outcome === undefined) this.isLost = true;
    return outcome;
  }

  /** 32 bytes from `offset`, zeros beyond the end. */
  word(data: PackedBytes, offset: number, to: number): void {
    const { raw, parts } = data;
    const { bytes } = this.arena;
    if (raw === undefined) {
      if (parts === undefined) this.arena.clear(to);
      else this.partsWord(data.frame!, parts, offset, to);
      return;
    }
    const left = data.size - offset;
    const from = data.at + offset;
    const out = to * 32;
    if (left >= 32) for (let i = 0; i < 32; i++) bytes[out + i] = raw[from + i]!;
    else for (let i = 0; i < 32; i++) bytes[out + i] = i < left ? raw[from + i]! : 0;
  }

  private partsWord(frame: PackedFrame, parts: PackedParts, offset: number, to: number): void {
    const { arena } = this;
    const { values, froms, sizes } = parts;
    let at = 0;
    let filled = 0;
    for (let p = 0; p < values.length && filled < 32; p++) {
      const size = sizes[p]!;
      if (at + size > offset) {
        const from = this.of(frame, values[p]!);
        // Most words stand where they were put as a whole.
        if (at === offset && size === 32) return arena.copy(from, to);
        if (filled === 0) arena.clear(to);
        const skipped = Math.max(0, offset - at);
        const taken = Math.min(size - skipped, 32 - filled);
        const source = from * 32 + froms[p]! + skipped;
        for (let i = 0; i < taken; i++) arena.bytes[to * 32 + filled + i] = arena.bytes[source + i]!;
        filled += taken;
      }
      at += size;
    }
    if (filled === 0) arena.clear(to);
  }

  /** The first four bytes as a number. */
  selector(data: PackedBytes): number {
    if (data.raw !== undefined) return firstFour(data.raw, data.at);
    this.word(data, 0, Place.scratch);
    return firstFour(this.arena.bytes, Place.scratch * 32);
  }

  private joined(frame: PackedFrame, { values, froms, sizes }: PackedParts, to: number): void {
    const { bytes } = this.arena;
    let filled = 0;
    // Values first: each may ask for others.
    for (let p = 0; p < values.length; p++) this.of(frame, values[p]!);
    for (let p = 0; p < values.length; p++) {
      const from = this.of(frame, values[p]!) * 32 + froms[p]!;
      for (let i = 0; i < sizes[p]! && filled < 32; i++) bytes[to * 32 + filled++] = bytes[from + i]!;
    }
    // A word of fewer bytes stands at its low end.
    if (filled < 32) this.shiftDown(to, 32 - filled);
  }

  private shiftDown(place: number, count: number): void {
    const { bytes } = this.arena;
    const at = place * 32;
    for (let i = 31; i >= count; i--) bytes[at + i] = bytes[at + i - count]!;
    for (let i = 0; i < count; i++) bytes[at + i] = 0;
  }

  private keccak(frame: PackedFrame, id: number, parts: PackedParts, to: number): void {
    const { arena, preimage } = this;
    const { values, froms, sizes, size } = parts;
    if (size > MAX_PREIMAGE) {
      this.isLost = true;
      return arena.clear(to);
    }
    for (let p = 0; p < values.length; p++) this.of(frame, values[p]!);
    if (parts.isWhole && size === 64) return this.mapping(frame, id, parts, to);
    if (parts.isWhole) this.takeWords(frame, parts, 0);
    else {
      for (let p = 0, at = 0; p < values.length; p++) {
        const from = this.of(frame, values[p]!) * 32 + froms[p]!;
        for (let i = 0; i < sizes[p]!; i++) preimage[at++] = arena.bytes[from + i]!;
      }
    }
    keccak256Into(preimage, 0, size, this.hash, 0);
    for (let i = 0; i < 32; i++) arena.bytes[to * 32 + i] = this.hash[i]!;
  }

  /**
   * The hash of two words, whose values are there, and together with it the one that came next the last time: two at once
   * take less. That it is worked out early changes nothing, as it is made of what is known from the start (`isEarly`).
   */
  private mapping(frame: PackedFrame, id: number, parts: PackedParts, to: number): void {
    const { arena, memo, preimagePieces } = this;
    const { stamps, stamp } = arena;
    const { isEarly, hashAfter, parts: partsOf } = frame.profile;
    if (frame.lastHash >= 0 && isEarly[id] === 1) hashAfter[frame.lastHash] = id;
    frame.lastHash = id;
    this.takeWords(frame, parts, 0);
    const next = hashAfter[id]!;
    const place = frame.base + next;
    // Calldata that another frame has made up may be anything.
    if (next < 0 || stamps[place] === stamp || frame.data.raw === undefined) {
      memo.hash(preimagePieces, 0, arena.pieces, to * 8);
      return;
    }
    this.takeWords(frame, partsOf[next]!, TWO_WORDS);
    memo.hashBoth(preimagePieces, 0, TWO_WORDS, arena.pieces, to * 8, place * 8);
    stamps[place] = stamp;
    frame.lastHash = next;
  }

  /** Puts parts that are whole words into the preimage, from piece `at` on. */
  private takeWords(frame: PackedFrame, { values }: PackedParts, at: number): void {
    const { arena, preimagePieces } = this;
    for (let p = 0, to = at; p < values.length; p++) {
      const from = this.of(frame, values[p]!) * 8;
      for (let i = 0; i < 8; i++) preimagePieces[to++] = arena.pieces[from + i]!;
    }
  }
}
