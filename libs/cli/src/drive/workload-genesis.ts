/** A workload's genesis as accounts, made one by one so that millions need no object each at the same time. */
import { createDevGenesis, type Genesis, type GenesisAccount } from "@velarium/genesis";
import type { Workload } from "@velarium/workloads";

export function workloadGenesis(workload: Workload, gasLimit: number): Genesis {
  const source = workload.genesis();
  const accounts: Iterable<GenesisAccount> = {
    *[Symbol.iterator]() {
      for (let i = 0; i < source.addresses.length; i += 20) {
        yield {
          address: source.addresses.subarray(i, i + 20),
          balance: source.balance,
          nonce: 0n,
          code: undefined,
          storage: [],
        };
      }
      for (const contract of source.contracts) {
        const storage: [Uint8Array, Uint8Array][] = [];
        for (let i = 0; i < contract.storageKeys.length; i += 32) {
          storage.push([
            contract.storageKeys.subarray(i, i + 32),
            contract.storageValues.subarray(i, i + 32),
          ]);
        }
        yield { address: contract.address, balance: 0n, nonce: 1n, code: contract.code, storage };
      }
    },
  };
  return createDevGenesis({ chainId: source.chainId, gasLimit, accounts });
}
