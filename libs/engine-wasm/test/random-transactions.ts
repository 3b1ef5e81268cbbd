import type { BlockContext, ExecutableTransaction } from "@velarium/engine";
import { INITCODES, SENDERS, type World } from "./programs.ts";

/** Numbers from a seed. */
export function generator(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const GAS = [20_000, 21_000, 23_500, 30_000, 53_000, 90_000, 200_000, 1_000_000];

/** A transaction that a block of `context` may hold, mostly; now and then one with something wrong. */
export function randomTransaction(
  random: (below: number) => number,
  world: World,
  context: BlockContext,
  nonceOf: (sender: Uint8Array) => bigint,
): ExecutableTransaction {
  const { rules } = context;
  const sender = SENDERS[random(SENDERS.length)]!;
  const types = [
    0,
    ...(rules.maxTransactionType >= 1 ? [1] : []),
    ...(rules.maxTransactionType >= 2 ? [2, 2] : []),
  ];
  if (rules.maxTransactionType >= 3) types.push(3);
  if (rules.maxTransactionType >= 4) types.push(4);
  const type = types[random(types.length)]!;
  const creates = type < 3 && random(8) === 0;
  // Frontier leaves an account without code where the deposit cannot be paid; whether that is a failure no receipt says.
  const initcodes = rules.homestead ? INITCODES.length : INITCODES.length - 1;
  const data = creates
    ? INITCODES[random(initcodes)]!
    : Uint8Array.from({ length: random(4) === 0 ? random(140) : 0 }, () => random(3) * random(256));
  const odd = random(24);
  const price = BigInt(10 + random(20));
  return {
    type,
    sender,
    chainId: odd === 0 ? 99 : rules.eip155 ? rules.chainId : undefined,
    nonce: nonceOf(sender) + (odd === 1 ? 1n : 0n) - (odd === 2 && nonceOf(sender) > 0n ? 1n : 0n),
    gasLimit: odd === 3 ? 40_000_000 : GAS[random(GAS.length)]!,
    to: creates ? undefined : world.targets[random(world.targets.length)]!,
    value: odd === 4 ? 10n ** 30n : BigInt(random(3)),
    data,
    maxFeePerGas: odd === 5 ? 1n : price,
    maxPriorityFeePerGas: type < 2 ? (odd === 5 ? 1n : price) : odd === 6 ? price + 1n : BigInt(random(8)),
    accessList:
      type >= 1 && random(2) === 0
        ? Array.from({ length: random(3) }, () => ({
            address: world.targets[random(world.targets.length)]!,
            storageKeys: Array.from({ length: random(3) }, () => {
              const key = new Uint8Array(32);
              key[31] = random(3);
              return key;
            }),
          }))
        : undefined,
    maxFeePerBlobGas: type === 3 ? BigInt(odd === 7 ? 0 : 5) : undefined,
    blobVersionedHashes:
      type === 3
        ? Array.from({ length: odd === 8 ? 0 : 1 + random(2) }, () =>
            new Uint8Array(32).fill(odd === 9 ? 2 : 1),
          )
        : undefined,
    authorizations:
      type === 4
        ? Array.from({ length: odd === 10 ? 0 : 1 + random(2) }, () => {
            const authority = random(6) === 0 ? undefined : SENDERS[random(SENDERS.length)]!;
            const target =
              random(4) === 0 ? new Uint8Array(20) : world.targets[random(world.targets.length)]!;
            return {
              chainId: BigInt(random(4) === 0 ? 0 : random(6) === 0 ? 5 : rules.chainId),
              address: target,
              nonce:
                random(5) === 0
                  ? 2n ** 64n - 1n
                  : authority === undefined
                    ? 0n
                    : nonceOf(authority) + BigInt(random(3) === 0 ? 0 : authority === sender ? 1 : 0),
              authority,
            };
          })
        : undefined,
  };
}
