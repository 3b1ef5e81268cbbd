/** `velarium up`: a cluster that runs until it is told to stop. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { BlockExportWriter } from "@velarium/blocks";
import { Cluster, type ClusterError, connectStreams } from "@velarium/cluster";
import { createDevGenesis, readGenesis, writeGenesis } from "@velarium/genesis";
import { Command } from "commander";
import {
  addClusterFlags,
  type ClusterFlags,
  clusterOptionsOf,
  temporaryDataDirectory,
  wholeNumber,
} from "../cluster-flags.ts";
import { devAccounts, devAllocation } from "../dev-accounts.ts";
import { BlockFollower } from "../drive/follower.ts";
import { ExitCode, UsageError } from "../exit-code.ts";
import { createOutput, type Output } from "../output.ts";

interface UpFlags extends ClusterFlags {
  readonly json?: boolean;
  readonly dev?: boolean;
  readonly genesis?: string;
  readonly chainId?: number;
  readonly acceptVerified?: boolean;
  readonly export?: string;
  readonly keepBlocks: number;
}

export function upCommand(): Command {
  const command = new Command("up").description("start a cluster and keep it running until Ctrl-C");
  return addClusterFlags(command, 8545)
    .option("--dev", "fund ten development accounts with published keys, and print them")
    .option("--genesis <file>", "genesis in geth's format (default: an empty chain with all forks)")
    .option("--chain-id <id>", "chain id of the default genesis", wholeNumber(1, 2 ** 31 - 1))
    .option("--accept-verified", "take records over gRPC whose signatures an upstream has checked")
    .option("--export <dir>", "write every block to this directory, for velarium verify")
    .option("--keep-blocks <n>", "keep only the last so many exported blocks; 0 keeps all", wholeNumber(0), 0)
    .addHelpText(
      "after",
      "\nExamples:\n  velarium up --dev\n  velarium up --local --dev --data ./chain\n  velarium up --genesis genesis.json --executors 4 --shards 4\n\nExit codes: 0 stopped, 2 wrong usage, 69 a server is missing or unreachable, 70 a service failed, 71 port in use.",
    )
    .action((flags: UpFlags) => up(flags, createOutput(flags.json === true)));
}

async function up(flags: UpFlags, output: Output): Promise<void> {
  if (flags.genesis && flags.dev)
    throw new UsageError("--dev funds accounts in a genesis of its own: leave out --genesis");
  const data = flags.data ?? temporaryDataDirectory();
  mkdirSync(data, { recursive: true });
  const genesisFile = flags.genesis ?? join(data, "genesis.json");
  if (!flags.genesis) {
    writeGenesis(
      genesisFile,
      createDevGenesis({
        chainId: flags.chainId,
        gasLimit: flags.blockGasLimit,
        accounts: flags.dev ? devAllocation() : [],
      }),
    );
  }
  const { config } = readGenesis(genesisFile);
  const options = clusterOptionsOf(flags, genesisFile, data, flags.acceptVerified === true);
  const started = performance.now();
  const cluster = await Cluster.start(options, config.chainId, (step) => output.note(`starting ${step} ...`));
  const follower = flags.export
    ? await exportBlocks(cluster, flags.export, genesisFile, config.chainId, flags.keepBlocks)
    : undefined;
  describe(cluster, config.chainId, data, flags, performance.now() - started, output);
  await untilStopped(cluster, output);
  follower?.stop();
}

async function exportBlocks(
  cluster: Cluster,
  directory: string,
  genesisFile: string,
  chainId: number,
  keepLast: number,
): Promise<BlockFollower> {
  const follower = new BlockFollower(
    new BlockExportWriter(directory, { file: genesisFile }, { chainId, keepLast }),
  );
  await follower.follow(await connectStreams(cluster.addresses), "first");
  return follower;
}

function describe(
  cluster: Cluster,
  chainId: number,
  data: string,
  flags: UpFlags,
  tookMs: number,
  output: Output,
): void {
  const { addresses, options } = cluster;
  output.result({
    chainId,
    http: cluster.httpUrl,
    grpc: cluster.ingestAddress,
    mode: options.mode,
    data,
    addresses: { ...addresses, chainSecret: undefined },
    metrics: cluster.endpointsNamed("metrics"),
    ...(flags.dev
      ? { accounts: devAccounts().map((a) => ({ address: hex(a.address), privateKey: hex(a.privateKey) })) }
      : {}),
  });
  const transport =
    options.mode === "local"
      ? `NATS ${addresses.natsUrl}, Redis ${addresses.redisUrl}`
      : "embedded: NATS and Redis replaced by memory (--local for the real ones)";
  output.say(`Velarium is up after ${(tookMs / 1000).toFixed(1)} s`);
  output.say(`  JSON-RPC   ${cluster.httpUrl}`);
  output.say(`  gRPC       ${cluster.ingestAddress}   (velarium.v1.Ingest)`);
  output.say(`  chain id   ${chainId}`);
  output.say(
    `  services   gateway, ${options.analyzers} analyzer(s), framer, scheduler, ${options.executors} executors, ${options.shards} state shards`,
  );
  output.say(`  streams    ${transport}`);
  output.say(`  data       ${data}`);
  const metrics = cluster.endpointsNamed("metrics");
  if (metrics.length > 0)
    output.say(`  metrics    ${metrics.map((address) => `http://${address}/metrics`).join(" ")}`);
  if (options.otlpEndpoint)
    output.say(`  traces     ${options.otlpEndpoint}, ${options.traceRatio ?? 1} of the frames`);
  if (flags.dev) describeAccounts(cluster, chainId, output);
  output.say("\nCtrl-C stops it.");
}

function describeAccounts(cluster: Cluster, chainId: number, output: Output): void {
  const accounts = devAccounts();
  output.say(
    "\nDevelopment accounts, 10,000 ether each. THEIR KEYS ARE PUBLIC: never send anything of value to them.",
  );
  accounts.forEach((account, i) => output.say(`  ${i}  ${hex(account.address)}  ${hex(account.privateKey)}`));
  output.say(`
Try it with viem:

  import { createWalletClient, defineChain, http, parseEther, publicActions } from "viem";
  import { privateKeyToAccount } from "viem/accounts";

  const chain = defineChain({ id: ${chainId}, name: "velarium", nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 }, rpcUrls: { default: { http: ["${cluster.httpUrl}"] } } });
  const account = privateKeyToAccount("${hex(accounts[0]!.privateKey)}");
  const client = createWalletClient({ account, chain, transport: http() }).extend(publicActions);
  const hash = await client.sendTransaction({ to: "${hex(accounts[1]!.address)}", value: parseEther("1") });
  console.log(await client.waitForTransactionReceipt({ hash }));`);
}

/** Ends by a signal (graceful; a second one at once) or by the loss of a service. */
function untilStopped(cluster: Cluster, output: Output): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopping = false;
    const stop = (): void => {
      if (stopping) {
        output.note("ending at once");
        cluster.kill();
        process.exit(ExitCode.interrupted);
      }
      stopping = true;
      output.note("draining (Ctrl-C again ends at once) ...");
      cluster.stop().then(resolve, reject);
    };
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
    cluster.onFailure((error: ClusterError) => {
      stopping = true;
      cluster.stop().then(() => reject(error), reject);
    });
  });
}

const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
