/** Feeds batches to a cluster and follows them to their blocks. What `run`, `replay` and the benchmarks share. */
import type { BlockExportWriter } from "@velarium/blocks";
import { connectStreams, type StreamsAddress } from "@velarium/cluster";
import { type FeedBatch, Feeder } from "./feeder.ts";
import { BlockFollower } from "./follower.ts";

export interface DriveOptions {
  readonly ingestAddress: string;
  readonly streams: StreamsAddress;
  readonly writer: BlockExportWriter | undefined;
  /** Transactions acknowledged and not yet in a block, at the most: bounds latency, not throughput. */
  readonly maxInFlight: number;
  readonly maxBatches?: number;
  /** The cluster is a new one: its first blocks, made while nobody watched, belong to the run. */
  readonly fromFirst?: boolean;
  readonly onProgress?: (outcomes: number, fed: number, follower: BlockFollower) => void;
  /** Ends the feeding early, for example after a time. */
  readonly isOver?: () => boolean;
}

export interface Drive {
  readonly follower: BlockFollower;
  readonly fed: number;
  readonly refused: ReadonlyMap<string, number>;
  /** From the first send to the last outcome. */
  readonly elapsedMs: number;
  /** When feeding began and ended, on the clock of FollowedBlock.atMs. */
  readonly startedAtMs: number;
  readonly fedUntilMs: number;
}

const POLL_MS = 2;
const DEFAULT_MAX_BATCHES = 32;

export async function drive(batches: Iterable<FeedBatch>, options: DriveOptions): Promise<Drive> {
  const streams = await connectStreams(options.streams);
  const follower = new BlockFollower(options.writer);
  const feeder = await Feeder.connect(
    options.ingestAddress,
    { maxBatches: options.maxBatches ?? DEFAULT_MAX_BATCHES },
    (arrival, _count, atMs) => follower.noteAcknowledged(arrival, atMs),
  );
  try {
    await follower.follow(streams, options.fromFirst ? "first" : "next");
    const started = performance.now();
    let fed = 0;
    let fedUntilMs = started;
    const timer = setInterval(() => options.onProgress?.(follower.outcomes, fed, follower), 200);
    try {
      for (const batch of batches) {
        while (fed - follower.outcomes - sum(feeder.refused) > options.maxInFlight) await pause(POLL_MS);
        if (options.isOver?.()) break;
        await feeder.send(batch);
        fed += batch.verified.length;
      }
      fedUntilMs = performance.now();
      await feeder.flush();
      await follower.untilOutcomes(feeder.acknowledged);
    } finally {
      clearInterval(timer);
    }
    options.onProgress?.(follower.outcomes, fed, follower);
    return {
      follower,
      fed,
      refused: feeder.refused,
      elapsedMs: performance.now() - started,
      startedAtMs: started,
      fedUntilMs,
    };
  } finally {
    follower.stop();
    feeder.close();
    await streams.close();
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const sum = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((a, b) => a + b, 0);
