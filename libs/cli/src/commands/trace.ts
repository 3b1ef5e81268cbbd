/** `velarium trace`: every step of a transaction or a call, in lines of EIP-3155. */

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { zstdDecompressSync } from "node:zlib";
import { traceEvents, writeEip3155 } from "@velarium/evm-trace";
import { Command } from "commander";
import { UsageError } from "../exit-code.ts";
import { callJsonRpc, httpUrlOf } from "../json-rpc.ts";
import { createOutput } from "../output.ts";
import { endpointOf, findRunningCluster } from "../running-cluster.ts";

interface TraceFlags {
  readonly json?: boolean;
  readonly call?: boolean;
  readonly from?: string;
  readonly to?: string;
  readonly input?: string;
  readonly value?: string;
  readonly gas?: string;
  readonly block?: string;
  readonly memory?: boolean;
  readonly tracer?: string;
  readonly data?: string;
  readonly rpcUrl?: string;
  readonly out?: string;
}

interface PackedTrace {
  readonly trace: string;
  readonly gasUsed: number;
  readonly failed: boolean;
  readonly output: string;
}

/** A block of transactions may run before the one that is asked for. */
const TIMEOUT_MS = 120_000;

export function traceCommand(): Command {
  return new Command("trace")
    .description("show every step of a transaction that is in a block, or of a call")
    .argument("[transaction]", "hash of a transaction")
    .option("--call", "trace a call on committed state instead, made of the flags below")
    .option("--from <address>", "caller of the call")
    .option("--to <address>", "callee of the call; without it the input is initcode")
    .option("--input <hex>", "calldata of the call, or initcode")
    .option("--value <wei>", "value of the call, as hex or a number")
    .option("--gas <n>", "gas of the call")
    .option("--block <block>", "state for the call: a number or a tag", "latest")
    .option("--memory", "show memory with each step")
    .option("--tracer <name>", "print what callTracer or prestateTracer make of it instead of steps")
    .option("--data <dir>", "data directory of the cluster; without it the only one that runs is taken")
    .option("--rpc-url <url>", "JSON-RPC of a gateway, instead of a cluster on this machine")
    .option("--out <file>", "write here instead of to standard output")
    .addHelpText(
      "after",
      `
Lines are JSON as EIP-3155 defines them: one per step, the last with the outcome.

Examples:
  velarium trace 0x9fc76417374aa880d4449a1f7f31ec597f00b1f6f3dd2d66f4c9c6c445836d8b
  velarium trace --call --to 0x5fbdb2315678afecb367f032d93f642f64180aa3 --input 0x18160ddd
  velarium trace 0x9fc7… --tracer callTracer`,
    )
    .action(async (hash: string | undefined, flags: TraceFlags) => {
      if ((hash === undefined) !== (flags.call === true))
        throw new UsageError("give either the hash of a transaction or --call");
      const url = urlOf(flags);
      const config = flags.tracer
        ? { tracer: flags.tracer }
        : { tracer: "packedTracer", tracerConfig: { memory: flags.memory === true } };
      const result =
        hash === undefined
          ? await callJsonRpc(url, "debug_traceCall", [callOf(flags), blockOf(flags), config], TIMEOUT_MS)
          : await callJsonRpc(url, "debug_traceTransaction", [hash, config], TIMEOUT_MS);
      if (flags.tracer === undefined) return writeSteps(result as PackedTrace, flags);
      const out = createOutput(flags.json === true);
      out.result(result);
      out.say(JSON.stringify(result, null, 2));
    });
}

function urlOf(flags: TraceFlags): string {
  if (flags.rpcUrl !== undefined) return httpUrlOf(flags.rpcUrl);
  const { run } = findRunningCluster(flags.data);
  const http = endpointOf(run, "gateway", "http");
  if (http === undefined) throw new UsageError("the cluster has no gateway; give --rpc-url");
  return httpUrlOf(http);
}

const quantityOf = (text: string, flag: string): string => {
  try {
    return `0x${BigInt(text).toString(16)}`;
  } catch {
    throw new UsageError(`${flag}: expected a number, got ${text}`);
  }
};

function callOf(flags: TraceFlags): Record<string, string> {
  return {
    ...(flags.from === undefined ? {} : { from: flags.from }),
    ...(flags.to === undefined ? {} : { to: flags.to }),
    ...(flags.input === undefined ? {} : { input: flags.input }),
    ...(flags.value === undefined ? {} : { value: quantityOf(flags.value, "--value") }),
    ...(flags.gas === undefined ? {} : { gas: quantityOf(flags.gas, "--gas") }),
  };
}

const blockOf = ({ block = "latest" }: TraceFlags): string =>
  /^\d+$/.test(block) ? quantityOf(block, "--block") : block;

async function writeSteps(packed: PackedTrace, flags: TraceFlags): Promise<void> {
  const trace = zstdDecompressSync(Buffer.from(packed.trace, "base64"));
  const sink = flags.out === undefined ? process.stdout : createWriteStream(flags.out);
  const outcome = {
    output: new Uint8Array(Buffer.from(packed.output.slice(2), "hex")),
    gasUsed: packed.gasUsed,
    pass: !packed.failed,
  };
  let buffered: string[] = [];
  const flush = (): boolean => {
    const text = buffered.join("");
    buffered = [];
    return sink.write(text);
  };
  // Lines are written as the trace is read: its gas is bound enough.
  const events = traceEvents(trace, { maxSteps: Number.POSITIVE_INFINITY });
  writeEip3155(events, outcome, { memory: flags.memory === true }, (line) => {
    buffered.push(line, "\n");
    if (buffered.length >= 4096) flush();
  });
  if (!flush()) await once(sink, "drain");
  if (flags.out !== undefined) await new Promise<void>((resolve) => sink.end(resolve));
}
