/** Ten accounts for development. Their keys follow from a published text: whoever reads this can spend what they hold. */
import type { GenesisAccount } from "@velarium/genesis";
import { keccak256 } from "@velarium/hash-kernel";
import { addressOf } from "@velarium/tx-codec";

const SEED = "velarium development account";
const COUNT = 10;
const BALANCE_WEI = 10_000n * 10n ** 18n;

export interface DevAccount {
  readonly address: Uint8Array;
  readonly privateKey: Uint8Array;
}

export function devAccounts(): DevAccount[] {
  return Array.from({ length: COUNT }, (_, i) => {
    const privateKey = keccak256(new TextEncoder().encode(`${SEED} ${i}`));
    return { address: addressOf(privateKey), privateKey };
  });
}

export function devAllocation(): GenesisAccount[] {
  return devAccounts().map(({ address }) => ({
    address,
    balance: BALANCE_WEI,
    nonce: 0n,
    code: undefined,
    storage: [],
  }));
}
