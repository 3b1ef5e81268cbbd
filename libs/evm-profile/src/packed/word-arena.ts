/**
 * All words of packed application in one buffer, as bytes (32 a word, big-endian) and as 32-bit pieces: what is fixed,
 * the constants of profiles, and the values of the frames of one run. A word is named by its place.
 */

const WORDS = 1 << 16;
/** Constants of all profiles: half of the arena, 1 MiB; a profile has some ten to a hundred. */
const CONSTANTS_END = 1 << 15;
/** Accounts that one run may look at. */
export const MAX_ACCOUNTS = 64;

/** Fixed places. */
export const Place = {
  zero: 0,
  one: 1,
  /** What the transaction sends. */
  value: 2,
  /** Block values; see PackedRun.open. */
  coinbase: 3,
  timestamp: 4,
  number: 5,
  prevRandao: 6,
  gasLimit: 7,
  chainId: 8,
  baseFee: 9,
  blobBaseFee: 10,
  /** For whoever needs a place for a moment. */
  scratch: 11,
  /** Account whose code word was read last, and that word; zero: none. */
  lastCodeAccount: 12,
  lastCodeWord: 13,
  /** Addresses of the accounts of a run, then their code words. */
  accounts: 16,
  codeWords: 16 + MAX_ACCOUNTS,
  constants: 16 + 2 * MAX_ACCOUNTS,
} as const;

export class WordArena {
  readonly bytes = new Uint8Array(WORDS * 32);
  /** The same: eight to a word. */
  readonly pieces = new Uint32Array(this.bytes.buffer);
  /** The run that worked out the value at a place of a frame. */
  readonly stamps = new Uint32Array(WORDS);
  stamp = 1;
  private constantsEnd: number = Place.constants;
  private framesEnd = CONSTANTS_END;

  constructor() {
    this.bytes[Place.one * 32 + 31] = 1;
  }

  /** Room for `count` constants; −1 when there is none. */
  takeConstants(count: number): number {
    const at = this.constantsEnd;
    if (at + count > CONSTANTS_END) return -1;
    this.constantsEnd += count;
    return at;
  }

  /** Whoever has constants here must forget where they are. */
  dropConstants(): void {
    this.constantsEnd = Place.constants;
  }

  /** Drops the frames of the run before. */
  beginRun(): void {
    this.framesEnd = CONSTANTS_END;
    if (++this.stamp < 2 ** 32) return;
    this.stamps.fill(0);
    this.stamp = 1;
  }

  /** Room for the values of a frame; −1 when there is none. */
  takeFrame(count: number): number {
    const at = this.framesEnd;
    if (at + count > WORDS) return -1;
    this.framesEnd += count;
    return at;
  }

  copy(from: number, to: number): void {
    const { pieces } = this;
    for (let i = 0, a = from * 8, b = to * 8; i < 8; i++) pieces[b + i] = pieces[a + i]!;
  }

  clear(at: number): void {
    for (let i = at * 8; i < at * 8 + 8; i++) this.pieces[i] = 0;
  }

  isZero(at: number): boolean {
    const { pieces } = this;
    const p = at * 8;
    const low = pieces[p]! | pieces[p + 1]! | pieces[p + 2]! | pieces[p + 3]!;
    return (low | pieces[p + 4]! | pieces[p + 5]! | pieces[p + 6]! | pieces[p + 7]!) === 0;
  }

  areEqual(a: number, b: number): boolean {
    const { pieces } = this;
    for (let i = 0; i < 8; i++) if (pieces[a * 8 + i] !== pieces[b * 8 + i]) return false;
    return true;
  }

  /** A number below 2^53. */
  putNumber(at: number, value: number): void {
    this.clear(at);
    for (let i = at * 32 + 31, rest = value; rest > 0; i--, rest = Math.floor(rest / 256))
      this.bytes[i] = rest % 256;
  }

  /** The word as a number, at most `most`. */
  numberOf(at: number, most: number): number {
    const { bytes } = this;
    const from = at * 32;
    for (let i = from; i < from + 26; i++) if (bytes[i] !== 0) return most;
    let value = 0;
    for (let i = from + 26; i < from + 32; i++) value = value * 256 + bytes[i]!;
    return Math.min(value, most);
  }
}
