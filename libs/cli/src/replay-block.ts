/** One real block through a cluster of its own: its pre-state is the genesis, its transactions enter in their order. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BlockExportWriter } from "@velarium/blocks";
import { forkAt, readSchedule } from "@velarium/chain-rules";
import { Cluster, type ClusterOptions } from "@velarium/cluster";
import { BytesVector, FixedVector } from "@velarium/columns";
import { type BlockFixture, type FixtureTransaction, readBlockFixture } from "@velarium/fixtures";
import { writeGenesis } from "@velarium/genesis";
import { type VerifyReport, verifyExport } from "@velarium/verify";
import { temporaryDataDirectory } from "./cluster-flags.ts";
import type { FeedBatch } from "./drive/feeder.ts";
import { type Drive, drive } from "./drive/run-cluster.ts";
import { GivenState } from "./given-state.ts";

export interface ReplayOptions {
  readonly cluster: Pick<
    ClusterOptions,
    | "mode"
    | "executors"
    | "shards"
    | "analyzers"
    | "natsUrl"
    | "redisUrl"
    | "host"
    | "readyTimeoutMs"
    | "serviceFlags"
  >;
  /** Overrides the fork that a grevm block claims. */
  readonly fork?: string;
  /** Blocks are exported to a folder of it, named for the block; undefined: to a temporary one. */
  readonly exportDirectory?: string;
  readonly blockTimeMs: number;
  /** For the feeding of one block. */
  readonly timeoutMs: number;
}

export interface ReplayResult {
  readonly block: number;
  readonly path: string;
  readonly format: string;
  readonly fork: string;
  readonly transactions: number;
  /** Of the original, but of a kind that does not exist here: deposits of an OP-stack chain. */
  readonly omitted: number;
  readonly included: number;
  /** By reason; at the door and in blocks. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Without an outcome: always 0 in a correct run. */
  readonly lost: number;
  /** Blocks that the cluster built and that are not empty. */
  readonly blocksBuilt: number;
  readonly returned: number;
  readonly outsideAccounts: number;
  readonly outsideSlots: number;
  readonly seconds: number;
  readonly ok: boolean;
  readonly verification: VerifyReport | null;
  readonly error?: string;
}

/** Gateways take at most 1024 records in a batch; small ones fill several analyzers. */
const BATCH_TRANSACTIONS = 64;
/** Above any real block: all its transactions may be under way at once. */
const MAX_IN_FLIGHT = 100_000;

/** A block that the cluster did not finish in time. */
class ReplayTimeout extends Error {
  readonly code = "timeout";
}

/** Never throws for what happens in the cluster: that is the result's `error`. @throws FixtureError, GenesisError */
export async function replayBlock(path: string, options: ReplayOptions): Promise<ReplayResult> {
  const started = performance.now();
  const fixture = readBlockFixture(path, { fork: options.fork });
  const given = new GivenState(path);
  const { number, timestamp } = fixture.environment;
  const facts = {
    block: number,
    path,
    format: fixture.format,
    fork: forkAt(readSchedule(fixture.config), number, timestamp),
    transactions: fixture.transactions.length,
    omitted: fixture.omitted.length,
  };
  const data = temporaryDataDirectory();
  const exportDirectory = options.exportDirectory
    ? join(options.exportDirectory, String(number))
    : join(data, "export");
  let driven: Drive | undefined;
  let verification: VerifyReport | null = null;
  let error: string | undefined;
  try {
    driven = await feed(fixture, data, exportDirectory, options);
    verification = await verifyExport(exportDirectory, {
      onRead: (address, slot) => given.note(address, slot),
    });
  } catch (thrown) {
    error = (thrown as Error).message;
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
  const rejected = Object.fromEntries([...(driven?.refused ?? []), ...(driven?.follower.rejectedBy ?? [])]);
  const included = driven?.follower.included ?? 0;
  const lost = facts.transactions - included - Object.values(rejected).reduce((sum, count) => sum + count, 0);
  return {
    ...facts,
    included,
    rejected,
    lost,
    blocksBuilt: driven?.follower.blocks.filter((block) => block.transactions > 0).length ?? 0,
    returned: driven?.follower.blocks.reduce((sum, block) => sum + block.returned, 0) ?? 0,
    outsideAccounts: given.accountsOutside,
    outsideSlots: given.slotsOutside,
    seconds: (performance.now() - started) / 1000,
    ok:
      error === undefined &&
      lost === 0 &&
      verification?.ok === true &&
      verification.transactions === included,
    verification,
    ...(error === undefined ? {} : { error }),
  };
}

async function feed(
  fixture: BlockFixture,
  data: string,
  exportDirectory: string,
  options: ReplayOptions,
): Promise<Drive> {
  mkdirSync(data, { recursive: true });
  const genesisFile = join(data, "genesis.json");
  writeGenesis(genesisFile, fixture.genesis);
  const chainId = fixture.config.chainId;
  const cluster = await Cluster.start(clusterOptions(fixture, data, genesisFile, options), chainId);
  let timer: NodeJS.Timeout | undefined;
  try {
    const failed = new Promise<never>((_, reject) => {
      cluster.onFailure(reject);
      timer = setTimeout(
        () =>
          reject(
            new ReplayTimeout(`not all transactions had an outcome after ${options.timeoutMs / 1000} s`),
          ),
        options.timeoutMs,
      );
    });
    const writer = new BlockExportWriter(exportDirectory, { file: genesisFile }, { chainId });
    const driving = drive(batchesOf(fixture.transactions), {
      fromFirst: true,
      ingestAddress: cluster.ingestAddress,
      streams: cluster.addresses,
      writer,
      maxInFlight: MAX_IN_FLIGHT,
    });
    const driven = await Promise.race([driving, failed]).finally(() => driving.catch(() => {}));
    await cluster.stop();
    return driven;
  } catch (error) {
    cluster.kill();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function clusterOptions(
  fixture: BlockFixture,
  data: string,
  genesisFile: string,
  options: ReplayOptions,
): ClusterOptions {
  const { gasLimit, beneficiary } = fixture.environment;
  const given = options.cluster.serviceFlags;
  return {
    ...options.cluster,
    dataDirectory: data,
    genesisFile,
    httpPort: 0,
    grpcPort: 0,
    acceptVerified: true,
    serviceFlags: {
      ...given,
      framer: {
        "block-gas-limit": String(gasLimit),
        "block-time-ms": String(options.blockTimeMs),
        "empty-block-time-ms": "0",
        beneficiary: `0x${Buffer.from(beneficiary).toString("hex")}`,
        ...given.framer,
      },
      gateway: { "block-gas-limit": String(gasLimit), "accept-blobs": "true", ...given.gateway },
    },
  };
}

/** In the block's order, as verified records: some fixtures have no signatures. */
function* batchesOf(transactions: readonly FixtureTransaction[]): Generator<FeedBatch> {
  for (let from = 0; from < transactions.length; from += BATCH_TRANSACTIONS) {
    const rows = transactions.slice(from, from + BATCH_TRANSACTIONS);
    const raw = new BytesVector();
    const senders = new FixedVector(20);
    const hashes = new FixedVector(32);
    for (const row of rows) {
      raw.push(row.raw);
      senders.push(row.sender);
      hashes.push(row.hash);
    }
    yield {
      raw: raw.view(),
      senders: senders.view(),
      hashes: hashes.view(),
      verified: new Uint8Array(rows.length).fill(1),
    };
  }
}
