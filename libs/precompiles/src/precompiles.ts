/** Which precompiles a fork has, at which price, and how one is called. */
import { type BlockRules, isAtLeast } from "@velarium/chain-rules";
import { blake2f, blake2fGas } from "./blake2f.ts";
import { ONE_WORD } from "./bytes.ts";
import { byWord, identity, recoverSigner, ripemd160, sha256 } from "./hashes.ts";
import { verifyP256 } from "./libraries.ts";
import { MAX_BYTES, type ModexpPricing, modexp, modexpGas, OSAKA_MAX_BYTES } from "./modexp.ts";
import { isWellFormed } from "./p256.ts";
import {
  blsAddG1,
  blsAddG2,
  blsMapToG1,
  blsMapToG2,
  blsMultiplyG1,
  blsMultiplyG1Gas,
  blsMultiplyG2,
  blsMultiplyG2Gas,
  blsPairing,
  blsPairingGas,
  bn254Add,
  bn254Multiply,
  bn254Pairing,
  bn254PairingGas,
} from "./pairings.ts";
import { evaluatePoint } from "./point-evaluation.ts";
import { type Compute, EMPTY, type GasRule, type Precompile, type PrecompileResult } from "./result.ts";

const flat = (gas: number): GasRule => {
  return () => gas;
};
const precompile = (gas: GasRule, compute: Compute): Precompile => ({ gas, compute });

const modexpOf = (pricing: ModexpPricing): Precompile =>
  precompile(
    (input) => modexpGas(input, pricing),
    (input) => modexp(input, pricing === "eip7883" ? OSAKA_MAX_BYTES : MAX_BYTES),
  );

/** All precompiles of a fork by the number that is their address. */
function tableOf({ fork }: BlockRules): ReadonlyMap<number, Precompile> {
  const from = (other: Parameters<typeof isAtLeast>[1]): boolean => isAtLeast(fork, other);
  const table = new Map<number, Precompile>([
    [0x01, precompile(flat(3000), recoverSigner)],
    [0x02, precompile(byWord(60, 12), sha256)],
    [0x03, precompile(byWord(600, 120), ripemd160)],
    [0x04, precompile(byWord(15, 3), identity)],
  ]);
  if (from("byzantium")) {
    // EIP-1108 came with Istanbul.
    const cheap = from("istanbul");
    table.set(0x05, modexpOf(from("osaka") ? "eip7883" : from("berlin") ? "eip2565" : "eip198"));
    table.set(0x06, precompile(flat(cheap ? 150 : 500), bn254Add));
    table.set(0x07, precompile(flat(cheap ? 6_000 : 40_000), bn254Multiply));
    const pairing = cheap ? bn254PairingGas(45_000, 34_000) : bn254PairingGas(100_000, 80_000);
    table.set(0x08, precompile(pairing, bn254Pairing));
  }
  if (from("istanbul")) table.set(0x09, precompile(blake2fGas, blake2f));
  if (from("cancun")) table.set(0x0a, precompile(flat(50_000), evaluatePoint));
  if (from("prague")) {
    table.set(0x0b, precompile(flat(375), blsAddG1));
    table.set(0x0c, precompile(blsMultiplyG1Gas, blsMultiplyG1));
    table.set(0x0d, precompile(flat(600), blsAddG2));
    table.set(0x0e, precompile(blsMultiplyG2Gas, blsMultiplyG2));
    table.set(0x0f, precompile(blsPairingGas, blsPairing));
    table.set(0x10, precompile(flat(5_500), blsMapToG1));
    table.set(0x11, precompile(flat(23_800), blsMapToG2));
  }
  if (from("osaka"))
    table.set(
      0x100,
      precompile(flat(6_900), (input) =>
        isWellFormed(input) && verifyP256(input) ? ONE_WORD.slice() : EMPTY,
      ),
    );
  return table;
}

export class Precompiles {
  private readonly table: ReadonlyMap<number, Precompile>;

  constructor(rules: BlockRules) {
    this.table = tableOf(rules);
  }

  /** Numbers whose addresses are precompiles, ascending. */
  get ids(): readonly number[] {
    return [...this.table.keys()];
  }

  has(id: number): boolean {
    return this.table.has(id);
  }

  /**
   * Calls precompile `id` with `gasLimit` gas. Never throws; what it computes is bounded by the gas. `input` is not kept
   * and may change afterwards. A number that is no precompile answers like an account without code.
   */
  run(id: number, input: Uint8Array, gasLimit: number): PrecompileResult {
    const entry = this.table.get(id);
    if (entry === undefined) return { ok: true, gas: 0, output: EMPTY };
    const gas = entry.gas(input);
    const output = gas <= gasLimit ? computed(entry, input) : undefined;
    return output === undefined ? { ok: false, gas: gasLimit, output: EMPTY } : { ok: true, gas, output };
  }
}

/** A library that throws on an input has refused it. */
function computed(entry: Precompile, input: Uint8Array): Uint8Array | undefined {
  try {
    return entry.compute(input);
  } catch {
    return undefined;
  }
}

const byRules = new WeakMap<BlockRules, Precompiles>();

/** The precompiles of a fork; made once per rules. */
export function precompilesOf(rules: BlockRules): Precompiles {
  let precompiles = byRules.get(rules);
  if (precompiles === undefined) byRules.set(rules, (precompiles = new Precompiles(rules)));
  return precompiles;
}
