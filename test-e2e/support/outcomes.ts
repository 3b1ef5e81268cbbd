/** What became of each transaction, from the announced blocks, which are exported at the same time. */
import { BlockExportWriter, decodeBlockRecord } from "@velarium/blocks";
import { connectStreams } from "@velarium/cluster";
import type { LogStreams } from "@velarium/streams";
import { reasonName } from "@velarium/wire";
import { BlockFollower } from "../../libs/cli/src/drive/follower.ts";
import type { TestCluster } from "./cluster.ts";

export interface Outcome {
  readonly block: number;
  /** `included`, or the name of the reason for which it was rejected. */
  readonly what: string;
  readonly status: number;
  readonly gasUsed: number;
}

const ROUND_MS = 10;

class OutcomeWriter extends BlockExportWriter {
  readonly outcomes = new Map<number, Outcome[]>();

  override write(number: number, bytes: Uint8Array): void {
    super.write(number, bytes);
    const record = decodeBlockRecord(bytes);
    record.arrivals.forEach((arrival, i) => {
      const status = record.statuses[i]!;
      this.note(arrival, { block: number, what: "included", status, gasUsed: record.gasUsed[i]! });
    });
    record.rejectedArrivals.forEach((arrival, i) => {
      const what = reasonName(record.rejectedReasons[i]!);
      this.note(arrival, { block: number, what, status: -1, gasUsed: 0 });
    });
  }

  private note(arrival: number, outcome: Outcome): void {
    const all = this.outcomes.get(arrival);
    if (all) all.push(outcome);
    else this.outcomes.set(arrival, [outcome]);
  }
}

export class Outcomes {
  private readonly writer: OutcomeWriter;
  private readonly follower: BlockFollower;
  private readonly streams: LogStreams;
  private failure: Error | undefined;

  private constructor(writer: OutcomeWriter, follower: BlockFollower, streams: LogStreams) {
    this.writer = writer;
    this.follower = follower;
    this.streams = streams;
  }

  static async follow({ cluster }: TestCluster, directory: string, chainId: number): Promise<Outcomes> {
    const writer = new OutcomeWriter(directory, { file: cluster.options.genesisFile }, { chainId });
    const streams = await connectStreams(cluster.addresses);
    const follower = new BlockFollower(writer);
    await follower.follow(streams, "first");
    const outcomes = new Outcomes(writer, follower, streams);
    cluster.onFailure((error) => {
      outcomes.failure = error;
    });
    return outcomes;
  }

  /** Waits for the outcomes of these arrivals; fails when a service ends meanwhile. */
  async of(arrivals: readonly number[]): Promise<Outcome[]> {
    for (;;) {
      if (this.failure) throw this.failure;
      // Rejects at once when following has failed.
      await this.follower.untilOutcomes(0);
      if (arrivals.every((arrival) => this.writer.outcomes.has(arrival))) break;
      await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
    }
    return arrivals.map((arrival) => this.writer.outcomes.get(arrival)![0]!);
  }

  /** All outcomes of one arrival: more than one is an error of the cluster. */
  all(arrival: number): readonly Outcome[] {
    return this.writer.outcomes.get(arrival) ?? [];
  }

  get lastBlock(): number {
    return this.follower.blocks.at(-1)?.number ?? 0;
  }

  async stop(): Promise<void> {
    this.follower.stop();
    await this.streams.close();
  }
}
