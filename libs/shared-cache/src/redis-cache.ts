import { Redis } from "ioredis";
import { type SharedCache, SharedCacheError } from "./shared-cache.ts";

export interface RedisCacheOptions {
  /** `redis://host:port`. */
  readonly url: string;
  /** Goes before every key, for example the chain id. */
  readonly prefix: string;
  /** Time to reach Redis at start, ms; 10 000 if left out. */
  readonly timeoutMs?: number;
  /** Time for one command at run time, ms; 200 if left out. A slow answer counts as a miss. */
  readonly commandTimeoutMs?: number;
  /** Commands in flight before further ones miss at once; 1024 if left out. */
  readonly maxInFlight?: number;
  /** Metric hook: a command failed and counted as a miss (or as not set). */
  readonly onDegraded?: (operation: "get" | "mget" | "set", error: unknown) => void;
}

/**
 * Connects with retries.
 * @throws SharedCacheError `unreachable`
 */
export async function connectRedisCache(options: RedisCacheOptions): Promise<SharedCache> {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const redis = new Redis(options.url, {
    lazyConnect: true,
    connectTimeout: Math.min(2000, timeoutMs),
    commandTimeout: options.commandTimeoutMs ?? 200,
    // Without a connection a command fails at once instead of queueing without bound.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 6), 2000),
  });
  let last: unknown = "no answer";
  redis.on("error", (error) => {
    last = error;
  });
  const ready = new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), timeoutMs);
    redis.once("ready", () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
  redis.connect().catch((error: unknown) => {
    last = error;
  });
  if (await ready) return new RedisCache(redis, options);
  redis.disconnect();
  const why = last instanceof Error ? last.message : String(last);
  throw new SharedCacheError(
    `Redis does not answer at ${withoutPassword(options.url)} within ${timeoutMs} ms (${why}); start redis-server there, or run without it`,
  );
}

/** A connection URL that may be shown. */
function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, "//");
}

class RedisCache implements SharedCache {
  readonly #redis: Redis;
  readonly #options: RedisCacheOptions;
  readonly #maxInFlight: number;
  #inFlight = 0;

  constructor(redis: Redis, options: RedisCacheOptions) {
    this.#redis = redis;
    this.#options = options;
    this.#maxInFlight = options.maxInFlight ?? 1024;
  }

  async #attempt<T>(operation: "get" | "mget" | "set", run: () => Promise<T>, missed: T): Promise<T> {
    if (this.#inFlight >= this.#maxInFlight) {
      this.#options.onDegraded?.(operation, new Error(`${this.#inFlight} commands are in flight`));
      return missed;
    }
    this.#inFlight++;
    try {
      return await run();
    } catch (error) {
      this.#options.onDegraded?.(operation, error);
      return missed;
    } finally {
      this.#inFlight--;
    }
  }

  #key(key: string): string {
    return `${this.#options.prefix}:${key}`;
  }

  get(key: string): Promise<Uint8Array | undefined> {
    const run = async () => (await this.#redis.getBuffer(this.#key(key))) ?? undefined;
    return this.#attempt<Uint8Array | undefined>("get", run, undefined);
  }

  mget(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    if (keys.length === 0) return Promise.resolve([]);
    const run = async () =>
      (await this.#redis.mgetBuffer(keys.map((k) => this.#key(k)))).map((value) => value ?? undefined);
    return this.#attempt<(Uint8Array | undefined)[]>("mget", run, new Array(keys.length).fill(undefined));
  }

  set(key: string, value: Uint8Array, ttlMs?: number): Promise<void> {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    const run = async (): Promise<void> => {
      if (ttlMs === undefined) await this.#redis.set(this.#key(key), bytes);
      else await this.#redis.set(this.#key(key), bytes, "PX", Math.max(1, Math.round(ttlMs)));
    };
    return this.#attempt<void>("set", run, undefined);
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
  }
}
