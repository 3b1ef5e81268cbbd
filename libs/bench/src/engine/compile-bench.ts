/**
 * What compiling the largest contracts costs, on the compile worker, and how long it stops the execution thread, which
 * runs ERC-20 transfers meanwhile.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { BlockContext } from "@velarium/engine";
import { createCompiler } from "@velarium/evm-compiler";
import { type BenchRow, row } from "../report.ts";
import { bytesOf, fixtureFolder } from "./fixture-workloads.ts";
import { ResidentRunner } from "./resident.ts";
import { tokenTransfers } from "./token-workloads.ts";

const EMITTED_MS = 250;
const OPTIMISED_MS = 1_000;
const PAUSE_MS = 10;
/** Calls between two looks at the clock and at the event loop. */
const SLICE = 20;
const HOLDERS = 10_000;

/** The first ones only warm the compiler up; all are near the limit of 24,576 bytes. */
const CODES = [
  "pevm/SwapRouter.hex",
  "pevm/UniswapV3Pool.hex",
  "pevm/UniswapV3Factory.hex",
  "revmc/fiat_token.json",
];
const WARM_UP = 2;
const FIRST = "pevm/UniswapV3Pool.hex";

function readCode(path: string): Uint8Array {
  const text = readFileSync(join(fixtureFolder(), path), "utf8");
  if (path.endsWith(".hex")) return bytesOf(text);
  const [file] = Object.values(JSON.parse(text) as Record<string, { pre: Record<string, { code: string }> }>);
  return Object.values(file!.pre)
    .map(({ code }) => bytesOf(code))
    .sort((a, b) => b.length - a.length)[0]!;
}

/** Longest CPU time, ms, that this thread spends on anything but its transfers until `done` resolves. */
async function longestPause(runner: ResidentRunner, done: Promise<unknown>): Promise<number> {
  let going = true;
  void done.finally(() => {
    going = false;
  });
  let longest = 0;
  const cpu = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  for (let at = 0; going; at += SLICE) {
    runner.run(at, SLICE);
    const before = cpu();
    await new Promise((resolve) => setImmediate(resolve));
    longest = Math.max(longest, cpu() - before);
  }
  return longest;
}

/** The first code that a fresh worker compiles, in ms until it is emitted: at once, and after the worker has warmed up. */
async function firstRows(context: BlockContext): Promise<BenchRow[]> {
  const code = readCode(FIRST);
  const rows: BenchRow[] = [];
  // The worker alone keeps no process alive.
  const alive = setInterval(() => {}, 1000);
  for (const warm of [false, true]) {
    const runner = new ResidentRunner("interpreter", tokenTransfers(1), context);
    const compiler = createCompiler({ kernel: runner.kernel });
    try {
      if (warm) await compiler.warmUp();
      await compiler.forceInBackground(runner.kernel.addCode(code), context.rules);
      const stats = compiler.stats().find(({ codeBytes }) => codeBytes === code.length);
      const emitted = (stats?.buildMs ?? 0) + (stats?.emitMs ?? 0);
      const state = warm ? "warmed up" : "cold";
      rows.push(
        row(`first contract of a worker, ${state}: emitted`, emitted, "ms", {
          better: "lower",
          ...(warm ? { target: EMITTED_MS } : {}),
          detail: `${code.length.toLocaleString("en")} bytes; engines warm their worker up when they are made`,
        }),
      );
    } finally {
      await compiler.close();
    }
  }
  clearInterval(alive);
  return rows;
}

export async function compileRows(context: BlockContext, small: boolean): Promise<BenchRow[]> {
  const name = "compile a contract of 24 kB";
  if (small || !CODES.every((path) => existsSync(join(fixtureFolder(), path))))
    return [row(name, 0, "ms", { detail: small ? "not in a small run" : "no fixtures" })];
  const runner = new ResidentRunner("interpreter", tokenTransfers(HOLDERS), context);
  runner.run(0, HOLDERS);
  const compiler = createCompiler({ kernel: runner.kernel });
  const rows = await firstRows(context);
  let pause = 0;
  try {
    for (const [i, path] of CODES.entries()) {
      const code = readCode(path);
      const entry = runner.kernel.addCode(code);
      const done = compiler.forceInBackground(entry, context.rules);
      pause = Math.max(pause, await longestPause(runner, done));
      const outcome = await done;
      if (i < WARM_UP) continue;
      const label = `${path.replace(/^.*\/|\..*$/g, "")}, ${code.length.toLocaleString("en")} bytes`;
      const stats = compiler.stats().find(({ codeBytes }) => codeBytes === code.length);
      if (!outcome.compiled || stats?.emitMs === undefined) {
        const why = outcome.compiled ? "without figures" : outcome.reason;
        rows.push(row(`${label}: emitted`, 0, "ms", { detail: `not compiled: ${why}` }));
        continue;
      }
      const emitted = (stats.buildMs ?? 0) + stats.emitMs;
      rows.push(
        row(`${label}: emitted`, emitted, "ms", {
          better: "lower",
          target: EMITTED_MS,
          detail: `${stats.blocks} blocks, ${stats.wasmBytes?.toLocaleString("en")} bytes of WebAssembly`,
        }),
        row(`${label}: optimised`, stats.optimiseMs ?? 0, "ms", { better: "lower", target: OPTIMISED_MS }),
      );
    }
  } finally {
    await compiler.close();
  }
  rows.push(
    row("pause of the execution thread meanwhile, longest", pause, "ms", {
      better: "lower",
      target: PAUSE_MS,
      detail: `CPU time between slices of ${SLICE} ERC-20 transfers`,
    }),
  );
  return rows;
}
