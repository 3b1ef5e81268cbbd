/**
 * Codes and their packed profiles by code word, for application without objects. A function is profiled once it has been
 * called a number of times: analysis of a large one takes a tenth of a second, and most are met once.
 */
import { bytesToMapKey } from "@velarium/engine";
import { ProfileMiss, type ProfileSource } from "../apply/profile-source.ts";
import { storeWord } from "../evaluate/bytes.ts";
import { NO_CALLDATA } from "../profile/format.ts";
import { type PackedProfile, packProfile } from "./packed-profile.ts";
import type { WordArena } from "./word-arena.ts";

/** Calls after which a function is profiled. */
const DEFAULT_CALLS_BEFORE = 16;
/** Calls that a profile may leave to others before it must have covered as many. */
const PATIENCE = 32;
/** Codes kept; all are dropped when there are more. */
const MAX_CODES = 4096;
/** Functions of one code. The largest contracts have some 150. */
const MAX_FUNCTIONS = 256;
const ROWS = 1024;

/** One function of a code, and how its profile fares. */
export class PackedFunction {
  calls = 0;
  profile: PackedProfile | undefined;
  /** Nobody can say, or it says too rarely. */
  isHopeless = false;
  covered = 0;
  uncovered = 0;

  /** Told of every call for which its profile was asked first. */
  settle(isCovered: boolean): void {
    if (isCovered) this.covered++;
    else if (++this.uncovered > PATIENCE + this.covered) this.isHopeless = true;
  }
}

export class PackedCode {
  readonly bytes: Uint8Array;
  /** EIP-7702: the account whose code runs, 20 bytes. */
  readonly delegate: Uint8Array | undefined;
  /** By selector as a signed number. */
  readonly functions = new Map<number, PackedFunction>();
  readonly withoutCalldata = new PackedFunction();
  /** Places of the constants in which codes of its template differ: known with its first profile. */
  immediates = 0;
  immediateCount = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    const isDelegation = bytes.length === 23 && bytes[0] === 0xef && bytes[1] === 1 && bytes[2] === 0;
    this.delegate = isDelegation ? bytes.subarray(3) : undefined;
  }

  functionOf(selector: number): PackedFunction {
    const key = selector | 0;
    let known = this.functions.get(key);
    if (known === undefined) {
      if (this.functions.size >= MAX_FUNCTIONS) this.forgetRare();
      known = new PackedFunction();
      if (this.functions.size < MAX_FUNCTIONS) this.functions.set(key, known);
    }
    return known;
  }

  /** Anybody can make up selectors: those that were not called often enough give way. */
  private forgetRare(): void {
    for (const [key, { profile }] of this.functions) if (profile === undefined) this.functions.delete(key);
  }
}

export class PackedCodes {
  /** Profiles that must be loaded before they can be used. */
  readonly wanted: ProfileMiss[] = [];
  private readonly source: ProfileSource;
  private readonly arena: WordArena;
  private readonly callsBefore: number;
  private readonly codes = new Map<string, PackedCode>();
  /** By the last bytes of the code word. */
  private readonly recent: (PackedCode | undefined)[] = new Array(ROWS).fill(undefined);
  private readonly recentWords = new Uint32Array(ROWS * 7);
  private isFull = false;

  constructor(source: ProfileSource, arena: WordArena, callsBefore = DEFAULT_CALLS_BEFORE) {
    this.source = source;
    this.arena = arena;
    this.callsBefore = callsBefore;
  }

  /** The code that the word at `place` names; `fetch` is asked for what was not seen before. */
  codeAt(
    place: number,
    fetch: (bytes: Uint8Array, at: number) => Uint8Array | undefined,
  ): PackedCode | undefined {
    const { pieces, bytes } = this.arena;
    const word = place * 8 + 1;
    const row = pieces[word + 6]! % ROWS;
    const known = this.recent[row];
    if (known !== undefined && this.isRecent(row, word)) return known;
    const name = bytesToMapKey(bytes, place * 32 + 4, place * 32 + 32);
    let code = this.codes.get(name);
    if (code === undefined) {
      const found = fetch(bytes, place * 32 + 4);
      if (found === undefined) return undefined;
      if (this.codes.size >= MAX_CODES) this.isFull = true;
      code = new PackedCode(found);
      this.codes.set(name, code);
    }
    this.recent[row] = code;
    for (let i = 0; i < 7; i++) this.recentWords[row * 7 + i] = pieces[word + i]!;
    return code;
  }

  private isRecent(row: number, word: number): boolean {
    const { pieces } = this.arena;
    for (let i = 0; i < 7; i++) if (this.recentWords[row * 7 + i] !== pieces[word + i]) return false;
    return true;
  }

  /**
   * The profile of a function that was called once more; undefined: it has none, or none yet. `wanted` grows when it has
   * to be loaded first.
   */
  profileOf(code: PackedCode, fn: PackedFunction, selector: number): PackedProfile | undefined {
    if (fn.isHopeless) return undefined;
    if (fn.profile !== undefined) return fn.profile;
    if (++fn.calls < this.callsBefore) return undefined;
    return this.pack(code, fn, selector);
  }

  private pack(code: PackedCode, fn: PackedFunction, selector: number): PackedProfile | undefined {
    try {
      const known = this.source.profileOf(code.bytes, selector);
      fn.isHopeless = known === undefined;
      if (known === undefined) return undefined;
      const { profile, immediates } = known;
      if (!this.placeImmediates(code, immediates)) return this.noRoom();
      const packed = packProfile(profile, this.arena);
      if (packed === undefined) return this.noRoom();
      fn.profile = packed;
      return packed;
    } catch (thrown) {
      if (!(thrown instanceof ProfileMiss)) throw thrown;
      this.wanted.push(thrown);
      return undefined;
    }
  }

  private placeImmediates(code: PackedCode, immediates: readonly bigint[]): boolean {
    if (code.immediateCount > 0 || immediates.length === 0) return true;
    const place = this.arena.takeConstants(immediates.length);
    if (place < 0) return false;
    for (const [i, value] of immediates.entries()) storeWord(this.arena.bytes, (place + i) * 32, value);
    code.immediates = place;
    code.immediateCount = immediates.length;
    return true;
  }

  private noRoom(): undefined {
    this.isFull = true;
    return undefined;
  }

  /** Between runs: when something has found no room, everything packed is forgotten, which makes room for what is called now. */
  makeRoom(): void {
    if (!this.isFull) return;
    this.isFull = false;
    this.codes.clear();
    this.recent.fill(undefined);
    this.arena.dropConstants();
  }
}

/** Selector of calldata of `size` bytes whose first four are `first`; undefined: no function has so little. */
export const selectorOfCall = (size: number, first: number): number | undefined =>
  size === 0 ? NO_CALLDATA : size < 4 ? undefined : first;
