/** `unreachable`: Redis did not answer at start; `exitCode` 69. */
export class SharedCacheError extends Error {
  readonly code = "unreachable";
  readonly exitCode = 69;
  constructor(message: string) {
    super(message);
    this.name = "SharedCacheError";
  }
}

/**
 * What replicas share and may lose (profiles, history, admission counters). Every call may miss and none
 * rejects: losing the cache costs work, never correctness.
 */
export interface SharedCache {
  get(key: string): Promise<Uint8Array | undefined>;
  /** One entry per key, in order. */
  mget(keys: readonly string[]): Promise<(Uint8Array | undefined)[]>;
  /** `ttlMs`: forgotten after so long; kept until evicted if left out. */
  set(key: string, value: Uint8Array, ttlMs?: number): Promise<void>;
  close(): Promise<void>;
}
