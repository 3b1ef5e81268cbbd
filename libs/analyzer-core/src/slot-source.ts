/** Where committed values come from: the state shards, or a map in tests. */
export interface SlotSource {
  /** Newest durable height seen in any answer; 0 before the first. */
  readonly height: number;
  /**
   * Words (32 bytes each, in order) of `count` keys (56 bytes each) at a height, −1 for the newest: one request per
   * shard. Rejects when a shard does not answer, or with AnalyzerError `height` when it no longer has that height.
   * `partitions`: of each key, where they are known (the top byte of its slot id), so that keys need no hash for it.
   */
  read(keys: Uint8Array, count: number, height: number, partitions?: Uint8Array): Promise<Uint8Array>;
  /** Code by the first 28 bytes of its hash. */
  code(prefix: Uint8Array): Promise<Uint8Array | undefined>;
}

/** `height`: a height outside what the shards keep; `state`: the state gave no answer; `code`: it lacks code that it names. */
export class AnalyzerError extends Error {
  readonly code: "height" | "state" | "code";
  constructor(code: AnalyzerError["code"], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "AnalyzerError";
    this.code = code;
  }
}
