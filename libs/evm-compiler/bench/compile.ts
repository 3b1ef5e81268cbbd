/**
 * Prints what compiling real contracts costs: `node libs/evm-compiler/bench/compile.ts [FIXTURES]`. CPU time, of the
 * second run. "optimised": V8's optimising compiler, over the whole module, all threads together. Then, for the largest
 * contracts, how long the execution thread pauses while they are compiled in the background.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createBlockRules } from "@velarium/chain-rules";
import { compileCode, DEFAULT_BUDGETS } from "../src/index.ts";
import { optimisedModule } from "../src/wasm/optimised-module.ts";
import { idlePause, measurePauses } from "./pauses.ts";

const folder = process.argv[2] ?? join(process.env["VELARIUM_FIXTURES"] ?? ".fixtures", "contracts");
const rules = createBlockRules("cancun", 1);
const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(Buffer.from(hex.replace(/^0x/, "").trim(), "hex"));

function codesIn(path: string): Map<string, Uint8Array> {
  const codes = new Map<string, Uint8Array>();
  for (const group of readdirSync(path)) {
    for (const file of readdirSync(join(path, group))) {
      const text = readFileSync(join(path, group, file), "utf8");
      const name = `${group}/${file.replace(/\.\w+$/, "")}`;
      if (file.endsWith(".hex")) codes.set(name, bytesOf(text));
      if (!file.endsWith(".json")) continue;
      for (const test of Object.values(JSON.parse(text)) as { pre?: Record<string, { code?: string }> }[]) {
        for (const account of Object.values(test.pre ?? {})) {
          const code = bytesOf(account.code ?? "0x");
          if (code.length > 0) codes.set(code.length > 64 ? name : `${name} small`, code);
        }
      }
    }
  }
  return codes;
}

/** Bytes of WebAssembly from which on a contract counts as large. */
const LARGE_BYTES = 400_000;
const sum = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1000;
const threadMs = (): number => sum(process.threadCpuUsage());
const processMs = (): number => sum(process.cpuUsage());
const ms = (value: number): string => value.toFixed(1).padStart(8);

if (!existsSync(folder)) {
  console.error(`no fixtures in ${folder}: name their folder as the argument`);
  process.exit(1);
}
console.log("  code  blocks  build ms  emit ms  optimised ms  wasm bytes  contract");
const codes = codesIn(folder);
/** Contracts of which pauses are measured. */
const large = new Map<string, Uint8Array>();
for (const [name, code] of codes) {
  // The first run warms up what it uses. V8 remembers modules by their bytes, so only the second one asks for machine code.
  compileCode(code, rules, DEFAULT_BUDGETS, threadMs);
  const result = compileCode(code, rules, DEFAULT_BUDGETS, threadMs);
  if (!result.ok) {
    console.log(`${String(code.length).padStart(6)}  interpreted: ${result.message}  ${name}`);
    continue;
  }
  const before = processMs();
  optimisedModule(result.bytes);
  const { buildMs, emitMs, blocks, bytes } = result;
  if (bytes.length > LARGE_BYTES) large.set(name, code);
  const columns = [
    String(code.length).padStart(6),
    String(blocks).padStart(7),
    ` ${ms(buildMs)} ${ms(emitMs)}      ${ms(processMs() - before)}`,
    String(bytes.length).padStart(11),
  ];
  console.log(`${columns.join(" ")}  ${name}`);
}

const idle = await idlePause(1000);
console.log(
  "\n   until installed ms  longest turn ms  own work in a turn ms  of the execution thread, meanwhile",
);
console.log(`                    -         ${ms(idle.longest)}               ${ms(idle.busiest)}  nothing`);
for (const { name, total, longest, busiest } of await measurePauses(large, rules))
  console.log(`             ${ms(total)}         ${ms(longest)}               ${ms(busiest)}  ${name}`);
