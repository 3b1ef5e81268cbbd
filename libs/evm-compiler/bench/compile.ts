/**
 * Prints what compiling real contracts costs: `node libs/evm-compiler/bench/compile.ts [FIXTURES]`. Times of one run on one
 * core, after one run to warm up. "optimised": V8's optimising compiler, over the whole module.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { createBlockRules } from "@velarium/chain-rules";
import { buildFunction, templateOf } from "@velarium/evm-ir";
import { emitModule } from "../src/emit/module.ts";
import { wasmApi } from "../src/wasm/web-assembly.ts";

setFlagsFromString("--no-liftoff");
setFlagsFromString("--no-wasm-lazy-compilation");

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

const LIMITS = { maxBytes: 8 << 20, maxLocals: 50_000, maxNesting: 20_000, maxLive: 1 << 22 };
const ms = (value: number): string => value.toFixed(1).padStart(8);

if (!existsSync(folder)) {
  console.error(`no fixtures in ${folder}: name their folder as the argument`);
  process.exit(1);
}
console.log("  code  blocks  build ms  emit ms  optimised ms  wasm bytes  locals  contract");
for (const [name, code] of codesIn(folder)) {
  for (const last of [false, true]) {
    const started = performance.now();
    const built = buildFunction(code, rules, { template: true });
    if (!built.ok) {
      if (last) console.log(`${name}: ${built.exceeded} above ${built.limit}`);
      continue;
    }
    const builtAt = performance.now();
    const places = templateOf(code).positions.map(
      (pc) => ({ pc, size: code[pc] === 0x73 ? 20 : 32 }) as const,
    );
    const { bytes, locals, structured } = emitModule(built.function, places, LIMITS);
    const emittedAt = performance.now();
    // V8 remembers modules by their bytes: only the second time, or it would cost nothing.
    if (last) new wasmApi.Module(bytes);
    const doneAt = performance.now();
    if (!last) continue;
    console.log(
      `${String(code.length).padStart(6)} ${String(built.stats.blocks).padStart(7)} ${ms(builtAt - started)} ${ms(
        emittedAt - builtAt,
      )} ${ms(doneAt - emittedAt)}      ${String(bytes.length).padStart(8)} ${String(locals).padStart(7)}  ${name}${
        structured ? "" : " (table)"
      }`,
    );
  }
}
