/** ERC-20 transfers, swaps of a constant-product market, and native transfers. */
import { encodeCall, pair, token } from "@velarium/contracts";
import {
  addressWord,
  CALL_GAS,
  mappingSlot,
  numberedAddress,
  randomSequence,
  type Workload,
  type WorkloadAccount,
  type WorkloadCall,
  wordOf,
} from "./workload.ts";

const HOLDER = 1;
const CONTRACT = 2;
/** Calls in a list; a pass over it takes a fraction of a second on the fast engines. */
const CALLS = 50_000;
const PLENTY = 10n ** 30n;
const ENDLESS = 2n ** 256n - 1n;

const slotOf = (contract: typeof token, variable: string): Uint8Array =>
  wordOf(contract.storage[variable]!.slot);

const holders = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => numberedAddress(HOLDER, i));

/** A token in which every owner holds plenty, and `spender`, when given, may spend it for good. */
function tokenAccount(
  address: Uint8Array,
  owners: readonly Uint8Array[],
  spender?: Uint8Array,
): WorkloadAccount {
  const balances = slotOf(token, "balanceOf");
  const allowances = slotOf(token, "allowance");
  const storage: [Uint8Array, Uint8Array][] = [];
  for (const owner of owners) {
    const key = addressWord(owner);
    storage.push([mappingSlot(key, balances), wordOf(PLENTY)]);
    if (spender !== undefined)
      storage.push([mappingSlot(addressWord(spender), mappingSlot(key, allowances)), wordOf(ENDLESS)]);
  }
  return { address, nonce: 1n, code: token.runtime, storage };
}

export function tokenTransfers(holderCount: number, calls = CALLS): Workload {
  const owners = holders(holderCount);
  const to = numberedAddress(CONTRACT, 0);
  const random = randomSequence(7);
  const list: WorkloadCall[] = [];
  for (let i = 0; i < calls; i++) {
    const caller = owners[random(holderCount)]!;
    const data = encodeCall(token, "transfer(address,uint256)", [
      owners[random(holderCount)]!,
      1 + random(1000),
    ]);
    list.push({ caller, to, value: 0n, data, gasLimit: CALL_GAS });
  }
  return {
    name: `ERC-20 transfer, ${holderCount.toLocaleString("en")} holders`,
    targets: { compiled: 90, interpreter: 50, overInterpreter: 1.2 },
    accounts: [tokenAccount(to, owners)],
    calls: list,
  };
}

/** Reserves of 112 bits each and a time share one word (Pair.sol, slot 2). */
function reservesWord(reserve0: bigint, reserve1: bigint): Uint8Array {
  return wordOf(reserve0 | (reserve1 << 112n) | (1_000n << 224n));
}

export function constantProductSwaps(users: number, calls = CALLS): Workload {
  const market = numberedAddress(CONTRACT, 1);
  const [first, second] = [numberedAddress(CONTRACT, 2), numberedAddress(CONTRACT, 3)];
  const owners = holders(users);
  const reserve = 10n ** 27n;
  const random = randomSequence(11);
  const list: WorkloadCall[] = [];
  for (let i = 0; i < calls; i++) {
    const caller = owners[random(users)]!;
    const tokenIn = i % 2 === 0 ? first : second;
    const amount = 1_000_000 + random(1_000_000);
    const data = encodeCall(pair, "swapExactIn(address,uint256,uint256,address)", [
      tokenIn,
      amount,
      1,
      caller,
    ]);
    list.push({ caller, to: market, value: 0n, data, gasLimit: CALL_GAS });
  }
  return {
    name: `Uniswap V2 style swap, ${users.toLocaleString("en")} users`,
    targets: { compiled: 90 },
    accounts: [
      {
        address: market,
        nonce: 1n,
        code: pair.runtime,
        storage: [
          [slotOf(pair, "token0"), addressWord(first)],
          [slotOf(pair, "token1"), addressWord(second)],
          [slotOf(pair, "reserve0"), reservesWord(reserve, reserve)],
        ],
      },
      tokenAccount(first, [...owners, market], market),
      tokenAccount(second, [...owners, market], market),
    ],
    calls: list,
  };
}

export function nativeTransfers(holderCount: number, calls = CALLS): Workload {
  const owners = holders(holderCount);
  const random = randomSequence(13);
  const list: WorkloadCall[] = [];
  for (let i = 0; i < calls; i++)
    list.push({
      caller: owners[random(holderCount)]!,
      to: owners[random(holderCount)]!,
      value: BigInt(1 + random(1000)),
      data: new Uint8Array(0),
      gasLimit: CALL_GAS,
    });
  return {
    name: `native transfer, ${holderCount.toLocaleString("en")} accounts`,
    targets: { compiled: 50 },
    accounts: owners.map((address) => ({ address, balance: PLENTY })),
    calls: list,
  };
}
