/** `velarium analyze CODE|ADDRESS`: what a contract's functions touch, found without running them. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createBlockRules, FORKS, forkByName } from "@velarium/chain-rules";
import { buildFunction, type IrFunction } from "@velarium/evm-ir";
import {
  analyzeFunction,
  analyzeSelector,
  blocksOf,
  graphOf,
  profileLines,
  profileToJson,
  type SelectorProfile,
  selectorName,
  selectorOf,
} from "@velarium/evm-profile";
import { Command } from "commander";
import { UsageError } from "../exit-code.ts";
import { callJsonRpc, httpUrlOf } from "../json-rpc.ts";
import { createOutput, type Output } from "../output.ts";
import { endpointOf, findRunningCluster } from "../running-cluster.ts";

interface AnalyzeFlags {
  readonly json?: boolean;
  readonly selector?: string;
  readonly cfg?: string;
  readonly fork: string;
  readonly data?: string;
  readonly rpc?: string;
}

const DEFAULT_FORK = "osaka";

export function analyzeCommand(): Command {
  return new Command("analyze")
    .description(
      "what a contract's functions read, write and call, as expressions over calldata, caller and state",
    )
    .argument(
      "<code>",
      "code in hexadecimal, a file with it, or the address of a contract of a running cluster",
    )
    .option(
      "--selector <s>",
      "one function: four bytes in hexadecimal, or a signature such as transfer(address,uint256)",
    )
    .option(
      "--cfg <file>",
      "write the control-flow graph as an SVG picture (of one function with --selector)",
    )
    .option("--fork <name>", "rules under which the code runs", DEFAULT_FORK)
    .option("--rpc <url>", "JSON-RPC endpoint that knows the address, instead of a cluster on this machine")
    .option("--data <dir>", "data directory of the cluster; without it the only one that runs is taken")
    .addHelpText(
      "after",
      `
Each function is written as its steps: "v0 = read" and "write" name storage slots, "require" is a guard, calls name
their target; "map 3[x]" is where Solidity keeps key x of the mapping at slot 3. "unknown" says where analysis ends.

Examples:
  velarium analyze 0x600035600055
  velarium analyze token.hex --selector 'transfer(address,uint256)' --cfg transfer.svg
  velarium analyze 0x5fbdb2315678afecb367f032d93f642f64180aa3 --json`,
    )
    .action(async (what: string, flags: AnalyzeFlags) => {
      const out = createOutput(flags.json === true);
      const code = await codeOf(what, flags);
      const fork = forkByName(flags.fork);
      if (fork === undefined)
        throw new UsageError(`--fork: no fork is called ${flags.fork}; there are ${FORKS.join(", ")}`);
      const built = buildFunction(code, createBlockRules(fork, 1));
      if (!built.ok)
        throw new UsageError(
          `the control-flow graph of this code is beyond the budget of ${built.limit} ${built.exceeded}: it runs, but is not analysed`,
        );
      const wanted = flags.selector === undefined ? undefined : selectorFrom(flags.selector);
      const profiles = profilesOf(built.function, code, wanted);
      if (flags.cfg !== undefined) writeGraph(flags.cfg, built.function, code, wanted, out);
      out.result({
        fork,
        codeBytes: code.length,
        blocks: built.stats.blocks,
        profiles: profiles.map(profileToJson),
      });
      out.say(
        `${code.length} bytes of code, ${built.stats.blocks} blocks, ${built.stats.unknownJumps} jumps to unknown targets (${fork})`,
      );
      for (const profile of profiles) out.say(`\n${profileLines(profile).join("\n")}`);
    });
}

function profilesOf(
  fn: IrFunction,
  code: Uint8Array,
  wanted: number | undefined,
): readonly SelectorProfile[] {
  if (wanted === undefined) return analyzeFunction(fn, code).selectors;
  return [analyzeSelector(fn, code, wanted)];
}

function writeGraph(
  file: string,
  fn: IrFunction,
  code: Uint8Array,
  wanted: number | undefined,
  out: Output,
): void {
  const graph = graphOf(fn, {
    title: wanted === undefined ? `${code.length} bytes of code` : selectorName(wanted),
    ...(wanted === undefined ? {} : { blocks: blocksOf(fn, code, wanted), withoutFailures: true }),
  });
  writeFileSync(file, graph.svg);
  const left = graph.dropped > 0 ? `, ${graph.dropped} left out: choose a function with --selector` : "";
  out.note(`${graph.drawn} blocks drawn in ${file}${left}`);
}

function selectorFrom(text: string): number {
  if (/^(0x)?[0-9a-fA-F]{8}$/.test(text)) return Number.parseInt(text.replace(/^0x/, ""), 16);
  if (/^[A-Za-z_$][\w$]*\(.*\)$/.test(text)) return selectorOf(text.replaceAll(" ", ""));
  throw new UsageError(
    `--selector ${text}: expected four bytes in hexadecimal, or a signature such as name(uint256)`,
  );
}

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replace(/^0x/, ""), "hex"));
const isHex = (text: string): boolean => /^(0x)?([0-9a-fA-F]{2})+$/.test(text);

async function codeOf(what: string, flags: AnalyzeFlags): Promise<Uint8Array> {
  if (/^0x[0-9a-fA-F]{40}$/.test(what)) return deployedCode(what, flags);
  if (isHex(what)) return bytesOf(what);
  if (!existsSync(what))
    throw new UsageError(`${what}: expected code in hexadecimal, an address (0x and 40 digits), or a file`);
  const text = readFileSync(what, "utf8").trim();
  if (!isHex(text)) throw new UsageError(`${what} holds no code in hexadecimal`);
  return bytesOf(text);
}

async function deployedCode(address: string, flags: AnalyzeFlags): Promise<Uint8Array> {
  const url = flags.rpc ?? endpointOf(findRunningCluster(flags.data).run, "gateway", "http");
  if (url === undefined) throw new UsageError("the cluster has no JSON-RPC endpoint; give one with --rpc");
  const code = await callJsonRpc(httpUrlOf(url), "eth_getCode", [address, "latest"]);
  if (typeof code !== "string" || !isHex(code)) throw new UsageError(`there is no code at ${address}`);
  return bytesOf(code);
}
