/** The precompiles of `@ethereumjs/evm`, called as its interpreter calls them. */
import { createEVM, type EVM, NobleBN254 } from "@ethereumjs/evm";
import { type BlockRules, createCommon } from "@velarium/chain-rules";
import { fastCrypto } from "@velarium/engine";
import type { PrecompileResult } from "../src/index.ts";

export type Reference = (id: number, input: Uint8Array, gasLimit: number) => Promise<PrecompileResult>;

export async function referenceOf(rules: BlockRules): Promise<Reference> {
  const common = createCommon(rules, fastCrypto);
  const evm = (await createEVM({ common, bn254: new NobleBN254() } as never)) as EVM;
  return async (id, input, gasLimit) => {
    const precompile = evm.precompiles.get(id.toString(16).padStart(40, "0"));
    if (precompile === undefined) throw new Error(`the reference has no precompile ${id} in ${rules.fork}`);
    const result = await precompile({
      data: input.slice(),
      gasLimit: BigInt(gasLimit),
      common,
      _EVM: evm,
    } as never);
    const ok = result.exceptionError === undefined;
    const gas = Number(result.executionGasUsed);
    return { ok, gas, output: ok ? result.returnValue : new Uint8Array(0) };
  };
}

export async function referenceIds(rules: BlockRules): Promise<number[]> {
  const evm = (await createEVM({ common: createCommon(rules, fastCrypto) })) as EVM;
  return [...evm.precompiles.keys()].map((name) => Number.parseInt(name, 16)).sort((a, b) => a - b);
}
