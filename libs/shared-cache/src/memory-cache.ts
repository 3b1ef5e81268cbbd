import type { SharedCache } from "./shared-cache.ts";

export interface MemoryCacheOptions {
  /** Bound on keys and values together, bytes; 64 MiB if left out. The least recently used go first. */
  readonly maxBytes?: number;
  /** Clock in ms, for tests. */
  readonly now?: () => number;
}

/** Map, object and string headers of an entry, roughly. */
const ENTRY_OVERHEAD_BYTES = 128;

interface Entry {
  readonly value: Uint8Array;
  readonly bytes: number;
  readonly expiresAt: number;
}

/** The embedded cluster's cache: least recently used, in the memory of one process. */
export class MemoryCache implements SharedCache {
  // A Map iterates in insertion order: a hit is re-inserted, so the first entry is the oldest.
  readonly #entries = new Map<string, Entry>();
  readonly #maxBytes: number;
  readonly #now: () => number;
  #bytes = 0;

  constructor(options: MemoryCacheOptions = {}) {
    this.#maxBytes = options.maxBytes ?? 64 * 1024 * 1024;
    this.#now = options.now ?? Date.now;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#get(key);
  }

  async mget(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return keys.map((key) => this.#get(key));
  }

  async set(key: string, value: Uint8Array, ttlMs?: number): Promise<void> {
    this.#delete(key);
    const bytes = key.length * 2 + value.length + ENTRY_OVERHEAD_BYTES;
    if (bytes > this.#maxBytes) return;
    const expiresAt = ttlMs === undefined ? Number.POSITIVE_INFINITY : this.#now() + ttlMs;
    this.#entries.set(key, { value: value.slice(), bytes, expiresAt });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#delete(oldest);
    }
  }

  async close(): Promise<void> {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #get(key: string): Uint8Array | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    if (entry.expiresAt <= this.#now()) {
      this.#delete(key);
      return undefined;
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  #delete(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}
