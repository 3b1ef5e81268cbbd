/**
 * Prints how the control flow of real contracts resolves: `node libs/evm-ir/bench/jumps.ts [--all] [FIXTURES]`.
 * Without `--all`: the named contracts and a summary of every code in the real blocks.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createBlockRules } from "@velarium/chain-rules";
import { type BuildResult, buildFunction } from "../src/index.ts";

const RULES = createBlockRules("cancun", 1);

/** Contracts of note in the pre-states of the real blocks, by address. */
const NAMED: Readonly<Record<string, string>> = {
  "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2": "WETH9",
  "0xb4e16d0168e52d35cacd2c6185b44281ec28c9dc": "V2Pair USDC/WETH",
  "0x7a250d5630b4cf539739df2c5dacb4c659f2488d": "V2Router02",
  "0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640": "V3Pool USDC/WETH",
  "0xe592427a0aece92de3edee1f18e0157c05861564": "V3SwapRouter",
  "0x68b3465833fb72a70ecdf485e0e4c7bd8665fc45": "V3SwapRouter02",
  "0xc36442b4a4522e871399cd717abdd847ab11fe88": "NonfungiblePositionManager",
  "0xd9db270c1b5e3bd161e8c8503c55ceabee709552": "Safe 1.3.0",
  "0x3e5c63644e683549055b9be8653de26e0b4cd36e": "Safe 1.3.0 L2",
  "0x34cfac646f301356faa8b21e94227e3583fe3f5f": "Safe 1.1.1",
  "0xdac17f958d2ee523a2206206994597c13d831ec7": "USDT",
  "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48": "USDC proxy",
  "0x3fc91a3afd70395cd496c647d5a6cc9d4b2b7fad": "UniversalRouter",
  "0x1111111254eeb25477b68fb85ed929f73a960582": "1inch v5",
  "0xdef1c0ded9bec7f1a1670819833240f027b25eff": "0x exchange proxy",
  "0x00000000000000adc04c56bf30ac9d3c0aaf14dc": "Seaport 1.5",
};

const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(Buffer.from(hex.replace(/^0x/, "").trim(), "hex"));

/** Every distinct code of the blocks by hexadecimal text, with a name if one is known. */
function codesOfBlocks(folder: string): Map<string, string | undefined> {
  const codes = new Map<string, string | undefined>();
  for (const chain of readdirSync(folder))
    for (const block of readdirSync(join(folder, chain))) {
      const path = join(folder, chain, block);
      if (existsSync(join(path, "pre_state.json"))) addBlock(path, codes);
    }
  return codes;
}

function addBlock(path: string, codes: Map<string, string | undefined>): void {
  const byHash: Record<string, string> = existsSync(join(path, "codes.json"))
    ? JSON.parse(readFileSync(join(path, "codes.json"), "utf8"))
    : {};
  const state: Record<string, { code?: string; code_hash?: string }> = JSON.parse(
    readFileSync(join(path, "pre_state.json"), "utf8"),
  );
  for (const [address, account] of Object.entries(state)) {
    const code = account.code ?? byHash[account.code_hash ?? ""];
    if (code === undefined || code === "0x") continue;
    const name = NAMED[address.toLowerCase()];
    if (name !== undefined || !codes.has(code)) codes.set(code, name ?? codes.get(code));
  }
}

function contractFiles(folder: string): [string, string][] {
  const found: [string, string][] = [];
  for (const file of readdirSync(join(folder, "pevm")))
    found.push([`pevm/${file}`, readFileSync(join(folder, "pevm", file), "utf8")]);
  for (const suite of ["revmc", "evm-benchmarks"])
    for (const file of readdirSync(join(folder, suite))) {
      const cases = JSON.parse(readFileSync(join(folder, suite, file), "utf8"));
      for (const { pre } of Object.values<{ pre: Record<string, { code?: string }> }>(cases)) {
        const accounts = Object.entries(pre).filter(([, { code }]) => code !== undefined && code !== "0x");
        for (const [address, { code }] of accounts)
          found.push([accounts.length > 1 ? `${file} ${address.slice(0, 8)}` : file, code!]);
      }
    }
  return found;
}

const row = (cells: readonly (string | number)[]): string =>
  cells.map((cell, i) => (i === 0 ? String(cell).padEnd(34) : String(cell).padStart(10))).join("");

function show(name: string, code: string): BuildResult {
  const bytes = bytesOf(code);
  const result = buildFunction(bytes, RULES);
  if (!result.ok) {
    console.log(
      row([name, bytes.length, `exceeds ${result.exceeded}`, "", "", "", "", "", Math.round(result.ms)]),
    );
    return result;
  }
  const { stats } = result;
  const { blocks, variants, positions, unknownJumps, guardedJumps, droppedVariants } = stats;
  const cells = [blocks, variants, positions, unknownJumps, guardedJumps, droppedVariants];
  console.log(row([name, bytes.length, ...cells, stats.ms.toFixed(1), stats.instructions, stats.values]));
  return result;
}

function summarize(codes: Iterable<string>): void {
  const times: number[] = [];
  const exceeded = new Map<string, number>();
  let unresolved = 0;
  let jumps = 0;
  let dropped = 0;
  let total = 0;
  for (const code of codes) {
    total++;
    const result = buildFunction(bytesOf(code), RULES);
    if (!result.ok) {
      exceeded.set(result.exceeded, (exceeded.get(result.exceeded) ?? 0) + 1);
      continue;
    }
    times.push(result.stats.ms);
    jumps += result.stats.unknownJumps;
    if (result.stats.unknownJumps > 0) unresolved++;
    if (result.stats.droppedVariants > 0) dropped++;
  }
  times.sort((a, b) => a - b);
  const at = (share: number) =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))]!.toFixed(1);
  console.log(`\n${total} codes of the real blocks: ${times.length} built`);
  console.log(`beyond budgets: ${[...exceeded].map(([what, n]) => `${what} ${n}`).join(", ") || "none"}`);
  console.log(`with unresolved jumps: ${unresolved} (${jumps} jumps); with dropped contexts: ${dropped}`);
  console.log(`ms: median ${at(0.5)}, 90 % ${at(0.9)}, 99 % ${at(0.99)}, worst ${at(1)}`);
}

const arguments_ = process.argv.slice(2);
const all = arguments_.includes("--all");
const fixtures =
  arguments_.find((argument) => !argument.startsWith("--")) ??
  process.env["VELARIUM_FIXTURES"] ??
  ".fixtures";
const head = [
  "contract",
  "bytes",
  "blocks",
  "variants",
  "positions",
  "unresolved",
  "guarded",
  "dropped",
  "ms",
  "instrs",
  "values",
];
console.log(row(head));
const codes = codesOfBlocks(join(fixtures, "blocks"));
// Once without looking, so that the times are of warm code.
for (const [, code] of contractFiles(join(fixtures, "contracts"))) buildFunction(bytesOf(code), RULES);
for (const [name, code] of contractFiles(join(fixtures, "contracts"))) show(name, code);
let number = 0;
for (const [code, name] of codes) if (name !== undefined || all) show(name ?? `code ${number++}`, code);
summarize(codes.keys());
