/** What is to be sent to one executor, and values that have still to be read from the committed state. */
import { BytesVector, encode, U8Vector, U32Vector } from "@velarium/columns";
import { type CodeFilter, copyWords, KEY_WORDS, VALUE_WORDS } from "@velarium/slots";
import { CodeValues, SlotValues } from "@velarium/wire";

/** The committed state: `count` keys of 56 bytes in, as many values of 32 bytes out (absent is zero). */
export interface CommittedState {
  getBatch(keys: Uint8Array, count: number, out: Uint8Array): void;
  /** `getBatch` for slots the next block may change, each once; the block's `kept` refers to them. */
  readForBlock?(keys: Uint8Array, count: number, out: Uint8Array): void;
  /** All code slots that were ever written to the committed state; executors ask for every code slot when left out. */
  codeFilter?(): CodeFilter;
  /** Durable code by the first 28 bytes of its hash. */
  codeByPrefix(prefix: Uint8Array): Uint8Array | undefined;
}

export class PeerAnswers {
  readonly tokens = new U32Vector(256);
  values = new Uint32Array(256 * VALUE_WORDS);
  readonly codeTokens = new U32Vector(8);
  readonly codeFound = new U8Vector(8);
  readonly codes = new BytesVector();

  /** Adds an answer; returns where its value goes in `values`. */
  add(token: number): number {
    const at = this.tokens.length * VALUE_WORDS;
    if (at + VALUE_WORDS > this.values.length) {
      const grown = new Uint32Array(this.values.length * 2);
      grown.set(this.values);
      this.values = grown;
    }
    this.tokens.push(token);
    return at;
  }

  packValues(epoch: number): Uint8Array | undefined {
    const count = this.tokens.length;
    if (count === 0) return undefined;
    const bytes = encode(SlotValues, {
      epoch,
      tokens: this.tokens.view(),
      values: new Uint8Array(this.values.buffer, 0, count * VALUE_WORDS * 4),
    });
    this.tokens.clear();
    return bytes;
  }

  packCodes(epoch: number): Uint8Array | undefined {
    if (this.codeTokens.length === 0) return undefined;
    const bytes = encode(CodeValues, {
      epoch,
      tokens: this.codeTokens.view(),
      found: this.codeFound.view(),
      codes: this.codes.view(),
    });
    this.codeTokens.clear();
    this.codeFound.clear();
    this.codes.clear();
    return bytes;
  }
}

/** Collects keys whose committed value is wanted, so that one batched read serves a whole message. */
export class CommittedReads {
  private keys = new Uint32Array(256 * KEY_WORDS);
  private values = new Uint32Array(256 * VALUE_WORDS);
  private peers: PeerAnswers[] = [];
  private readonly places = new U32Vector(256);
  private readonly state: CommittedState;
  /** Reads made so far. */
  total = 0;

  constructor(state: CommittedState) {
    this.state = state;
  }

  add(key: Uint32Array, at: number, peer: PeerAnswers, place: number): void {
    const i = this.peers.length;
    if ((i + 1) * KEY_WORDS > this.keys.length) {
      const grown = new Uint32Array(this.keys.length * 2);
      grown.set(this.keys);
      this.keys = grown;
      this.values = new Uint32Array((grown.length / KEY_WORDS) * VALUE_WORDS);
    }
    copyWords(this.keys, i * KEY_WORDS, key, at, KEY_WORDS);
    this.peers.push(peer);
    this.places.push(place);
  }

  /** Must run before answers are packed. */
  run(): void {
    const count = this.peers.length;
    if (count === 0) return;
    this.total += count;
    this.state.getBatch(
      new Uint8Array(this.keys.buffer, 0, count * KEY_WORDS * 4),
      count,
      new Uint8Array(this.values.buffer, 0, count * VALUE_WORDS * 4),
    );
    for (let i = 0; i < count; i++)
      copyWords(this.peers[i]!.values, this.places.at(i), this.values, i * VALUE_WORDS, VALUE_WORDS);
    this.peers = [];
    this.places.clear();
  }

  private readonly one = new Uint32Array(VALUE_WORDS);
  private readonly oneKey = new Uint32Array(KEY_WORDS);
  private readonly oneBytes = new Uint8Array(this.one.buffer);
  private readonly oneKeyBytes = new Uint8Array(this.oneKey.buffer);
  /** One value at once; valid until the next call. */
  get(key: Uint32Array, at: number): Uint32Array {
    this.total++;
    copyWords(this.oneKey, 0, key, at, KEY_WORDS);
    this.state.getBatch(this.oneKeyBytes, 1, this.oneBytes);
    return this.one;
  }
}
