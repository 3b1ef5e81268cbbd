/** Prints the time of each precompile with the JavaScript and with the WebAssembly curves, and the gas per second. */
import { createHash } from "node:crypto";
import { createBlockRules } from "@velarium/chain-rules";
import { loadFastCurves, precompilesOf } from "../src/index.ts";
import { inputFor, Random } from "../test/inputs.ts";

const precompiles = precompilesOf(createBlockRules("osaka", 1));
const versionedHash = (commitment: Uint8Array): Uint8Array => {
  const hash = new Uint8Array(createHash("sha256").update(commitment).digest());
  hash[0] = 1;
  return hash;
};

interface Timed {
  readonly micros: number;
  readonly gas: number;
}

function time(id: number): Timed {
  const random = new Random(5);
  const inputs = Array.from({ length: 8 }, () => inputFor(id, random, versionedHash)).filter(
    (input) => precompiles.run(id, input, 2 ** 40).ok,
  );
  let gas = 0;
  let calls = 0;
  const start = process.cpuUsage();
  let spent = 0;
  while (spent < 150_000 && calls < 100_000) {
    gas += precompiles.run(id, inputs[calls++ % inputs.length]!, 2 ** 40).gas;
    if (calls % 8 === 0) spent = process.cpuUsage(start).user;
  }
  return { micros: process.cpuUsage(start).user / calls, gas: gas / calls };
}

const slow = new Map(precompiles.ids.map((id) => [id, time(id)]));
await loadFastCurves();
console.log("precompile   JavaScript µs   WebAssembly µs   ratio   Mgas/s");
for (const id of precompiles.ids) {
  time(id);
  const { micros, gas } = time(id);
  const before = slow.get(id)!.micros;
  console.log(
    `0x${id.toString(16).padEnd(10)} ${before.toFixed(1).padStart(13)} ${micros.toFixed(1).padStart(16)} ${(before / micros).toFixed(1).padStart(7)} ${(gas / micros).toFixed(0).padStart(8)}`,
  );
}
