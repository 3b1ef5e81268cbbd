/**
 * Committed state as simulations see it: a bounded cache of words and code over a `SlotSource`. Misses of one turn of
 * the event loop travel together, so simulations that run side by side share requests.
 */
import { HISTORY_STORAGE_ADDRESS } from "@velarium/chain-rules";
import type { StateView } from "@velarium/engine";
import { bytesToMapKey } from "@velarium/engine";
import {
  CODE_HASH_PREFIX_BYTES,
  Domain,
  domainOf,
  SLOT_KEY_BYTES,
  storageKey,
  WORD_BYTES,
} from "@velarium/slots";
import { AnalyzerError, type SlotSource } from "./slot-source.ts";

/** EIP-2935: the history contract keeps the last hashes of blocks at slot number mod 8191. */
const HISTORY_WINDOW = 8191;

export interface CommittedViewOptions {
  readonly source: SlotSource;
  /** Height to read at; −1 (default): always the newest. */
  readonly height?: number;
  /** Age at which a word is asked for again, ms; 1000: a few blocks. Infinite at a fixed height. */
  readonly maxAgeMs?: number;
  /** Words kept at most; 65 536 take some 20 MB. */
  readonly maxWords?: number;
  /** Bytes of code kept at most. */
  readonly maxCodeBytes?: number;
  readonly now?: () => number;
  /** Takes code that an earlier view has loaded: code never changes under its hash. */
  readonly codes?: CodeCache;
}

/** Code by hash prefix, oldest out first. */
export class CodeCache {
  private readonly codes = new Map<string, Uint8Array>();
  private readonly maxBytes: number;
  private bytes = 0;
  constructor(maxBytes = 64 * 1024 * 1024) {
    this.maxBytes = maxBytes;
  }
  get(name: string): Uint8Array | undefined {
    return this.codes.get(name);
  }
  add(name: string, code: Uint8Array): void {
    if (this.codes.has(name)) return;
    this.codes.set(name, code);
    this.bytes += code.length;
    for (const [old, dropped] of this.codes) {
      if (this.bytes <= this.maxBytes || old === name) break;
      this.codes.delete(old);
      this.bytes -= dropped.length;
    }
  }
}

interface Entry {
  readonly word: Uint8Array;
  readonly readMs: number;
}
interface Waiting {
  readonly key: Uint8Array;
  readonly promise: Promise<Uint8Array>;
  readonly resolve: (word: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

export class CommittedView implements StateView {
  /** How often the state did not answer, and why the last time: what ran meanwhile is void. */
  failures = 0;
  lastFailure: unknown;
  private readonly source: SlotSource;
  private readonly height: number;
  private readonly maxAgeMs: number;
  private readonly maxWords: number;
  private readonly now: () => number;
  private readonly words = new Map<string, Entry>();
  private readonly codes: CodeCache;
  private readonly waiting = new Map<string, Waiting>();
  private unsent: Waiting[] = [];

  constructor(options: CommittedViewOptions) {
    this.source = options.source;
    this.height = options.height ?? -1;
    this.maxAgeMs = options.maxAgeMs ?? (this.height < 0 ? 1000 : Number.POSITIVE_INFINITY);
    this.maxWords = options.maxWords ?? 65_536;
    this.now = options.now ?? Date.now;
    this.codes = options.codes ?? new CodeCache(options.maxCodeBytes);
  }

  read(key: Uint8Array): Uint8Array | undefined {
    const name = bytesToMapKey(storedKey(key));
    const entry = this.words.get(name);
    if (entry === undefined) return undefined;
    if (this.now() - entry.readMs <= this.maxAgeMs) return entry.word;
    this.words.delete(name);
    return undefined;
  }

  fetch(key: Uint8Array): Promise<Uint8Array> {
    const stored = storedKey(key);
    const name = bytesToMapKey(stored);
    let waiting = this.waiting.get(name);
    if (waiting === undefined) {
      const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
      waiting = { key: stored.slice(), promise, resolve, reject };
      this.waiting.set(name, waiting);
      if (this.unsent.length === 0) setImmediate(() => void this.send());
      this.unsent.push(waiting);
    }
    return waiting.promise;
  }

  /** Reads what is missing of `count` keys in one request per shard. */
  async prefetch(keys: Uint8Array, count: number): Promise<void> {
    const missing: Promise<Uint8Array>[] = [];
    for (let i = 0; i < count; i++) {
      const key = keys.subarray(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES);
      if (this.read(key) === undefined) missing.push(this.fetch(key));
    }
    if (missing.length > 0) await Promise.all(missing);
  }

  codeByPrefix(prefix: Uint8Array): Uint8Array | undefined {
    return this.codes.get(bytesToMapKey(prefix, 0, CODE_HASH_PREFIX_BYTES));
  }

  async fetchCode(prefix: Uint8Array): Promise<Uint8Array> {
    const known = this.codeByPrefix(prefix);
    if (known !== undefined) return known;
    try {
      const code = await this.source.code(prefix);
      if (code === undefined) throw new AnalyzerError("code", "the state names code that no shard has");
      this.codes.add(bytesToMapKey(prefix, 0, CODE_HASH_PREFIX_BYTES), code);
      return code;
    } catch (error) {
      this.failed(error);
      throw error;
    }
  }

  private failed(error: unknown): void {
    this.failures++;
    this.lastFailure = error;
  }

  private async send(): Promise<void> {
    const batch = this.unsent;
    this.unsent = [];
    const keys = new Uint8Array(batch.length * SLOT_KEY_BYTES);
    for (let i = 0; i < batch.length; i++) keys.set(batch[i]!.key, i * SLOT_KEY_BYTES);
    try {
      const words = await this.source.read(keys, batch.length, this.height);
      for (let i = 0; i < batch.length; i++) {
        const word = words.slice(i * WORD_BYTES, (i + 1) * WORD_BYTES);
        this.keep(batch[i]!.key, word);
        batch[i]!.resolve(word);
      }
    } catch (error) {
      this.failed(error);
      for (const waiting of batch) waiting.reject(error);
    }
    for (const waiting of batch) this.waiting.delete(bytesToMapKey(waiting.key));
  }

  private keep(key: Uint8Array, word: Uint8Array): void {
    const name = bytesToMapKey(key);
    this.words.delete(name);
    this.words.set(name, { word, readMs: this.now() });
    if (this.words.size <= this.maxWords) return;
    const oldest = this.words.keys().next();
    if (!oldest.done) this.words.delete(oldest.value);
  }
}

/** Hashes of earlier blocks are no state; the history contract's storage has them. */
function storedKey(key: Uint8Array): Uint8Array {
  if (domainOf(key) !== Domain.blockHash) return key;
  const number = Number(new DataView(key.buffer, key.byteOffset).getBigUint64(SLOT_KEY_BYTES - 8));
  const slot = new Uint8Array(WORD_BYTES);
  new DataView(slot.buffer).setUint32(WORD_BYTES - 4, number % HISTORY_WINDOW);
  return storageKey(HISTORY_STORAGE_ADDRESS, slot);
}
