/** `velarium status`: the services of a running cluster and their health. */
import { cpuMsOf, type RunningService } from "@velarium/cluster";
import { renderPairs, renderTable } from "@velarium/report";
import { dial } from "@velarium/rpc";
import { Command } from "commander";
import { ExitCode } from "../exit-code.ts";
import { callJsonRpc, httpUrlOf } from "../json-rpc.ts";
import { createOutput } from "../output.ts";
import { isAlive, residentBytesOf } from "../process-usage.ts";
import { endpointOf, findRunningCluster } from "../running-cluster.ts";

interface StatusFlags {
  readonly json?: boolean;
  readonly data?: string;
}

interface ServiceStatus {
  readonly name: string;
  /** SERVING and what else grpc.health.v1 knows; `unreachable`, `ended`. */
  readonly health: string;
  readonly pid: number;
  /** CPU time since the start, s. */
  readonly cpuSeconds: number;
  readonly memoryMiB: number;
  readonly endpoints: Readonly<Record<string, string>>;
}

const HEALTH_TIMEOUT_MS = 2_000;

export function statusCommand(): Command {
  return new Command("status")
    .description("the services of a running cluster, their health, and the latest block")
    .option("--data <dir>", "data directory of the cluster; without it the only one that runs is taken")
    .addHelpText(
      "after",
      "\nExit code 1 when a service is not healthy, 69 when no cluster runs.\n\nExamples:\n  velarium status\n  velarium status --data ./chain --json",
    )
    .action(async (flags: StatusFlags) => {
      const out = createOutput(flags.json === true);
      const { dataDirectory, run } = findRunningCluster(flags.data);
      const services = await Promise.all(run.services.map(statusOf));
      const http = endpointOf(run, "gateway", "http");
      const latest = http ? await latestBlock(httpUrlOf(http)) : undefined;
      const healthy = services.every((s) => s.health === "SERVING") && latest !== undefined;
      out.result({
        healthy,
        dataDirectory,
        chainId: run.chainId,
        mode: run.mode,
        startedMs: run.startedMs,
        latestBlock: latest,
        services,
      });
      out.say(
        renderPairs([
          ["chain id", run.chainId],
          ["mode", run.mode],
          ["data", dataDirectory],
          ["running for", `${Math.round((Date.now() - run.startedMs) / 1000)} s`],
          ["JSON-RPC", http ? httpUrlOf(http) : "none"],
          ["latest block", latest ?? "unknown: the gateway does not answer"],
        ]),
      );
      out.say("");
      out.say(
        renderTable(
          ["service", "health", "pid", "CPU s", "memory MiB", "endpoints"],
          services.map((s) => [
            s.name,
            s.health,
            s.pid,
            s.cpuSeconds.toFixed(1),
            Math.round(s.memoryMiB),
            Object.entries(s.endpoints)
              .map(([k, v]) => `${k} ${v}`)
              .join(", "),
          ]),
        ),
      );
      if (!healthy) {
        out.say("");
        out.say(`Not healthy; logs are in ${dataDirectory}/logs.`);
        process.exitCode = ExitCode.failed;
      }
    });
}

async function statusOf(service: RunningService): Promise<ServiceStatus> {
  return {
    name: service.name,
    health: isAlive(service.pid) ? await healthOf(service.endpoints["grpc"]) : "ended",
    pid: service.pid,
    cpuSeconds: cpuMsOf(service.pid) / 1000,
    memoryMiB: residentBytesOf(service.pid) / 2 ** 20,
    endpoints: service.endpoints,
  };
}

async function healthOf(address: string | undefined): Promise<string> {
  // An executor only dials others: that its process lives is all there is to ask from outside.
  if (!address) return "SERVING";
  try {
    const connection = await dial(address, { timeoutMs: HEALTH_TIMEOUT_MS });
    try {
      return await connection.health("", HEALTH_TIMEOUT_MS);
    } finally {
      connection.close();
    }
  } catch {
    return "unreachable";
  }
}

async function latestBlock(url: string): Promise<number | undefined> {
  try {
    return Number(await callJsonRpc(url, "eth_blockNumber"));
  } catch {
    return undefined;
  }
}
