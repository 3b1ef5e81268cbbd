/** Gas that a transaction owes before it runs. */
import type { BlockRules } from "@velarium/chain-rules";
import type { ExecutableTransaction } from "./types.ts";

export const TRANSACTION_GAS = 21_000;
const CREATION_GAS = 32_000;
const ZERO_BYTE_GAS = 4;
const ACCESS_LIST_ADDRESS_GAS = 2_400;
const ACCESS_LIST_KEY_GAS = 1_900;
const INITCODE_WORD_GAS = 2;
/** EIP-7702: charged per authorization; what exceeds the base is refunded for authorities that exist. */
export const AUTHORIZATION_GAS = 25_000;
export const AUTHORIZATION_REFUND = 12_500;
const FLOOR_TOKEN_GAS = 10;

export interface GasDue {
  /** Charged before execution. */
  readonly intrinsic: number;
  /** Least gas the transaction pays for (EIP-7623); 0 before Prague. */
  readonly floor: number;
}

export function gasDue(transaction: ExecutableTransaction, rules: BlockRules): GasDue {
  const { data, to, accessList, authorizations } = transaction;
  let zeros = 0;
  for (let i = 0; i < data.length; i++) if (data[i] === 0) zeros++;
  const others = data.length - zeros;
  let intrinsic = TRANSACTION_GAS + zeros * ZERO_BYTE_GAS + others * (rules.eip2028 ? 16 : 68);
  if (to === undefined) {
    if (rules.homestead) intrinsic += CREATION_GAS;
    if (rules.shanghai) intrinsic += Math.ceil(data.length / 32) * INITCODE_WORD_GAS;
  }
  if (accessList !== undefined)
    for (const { storageKeys } of accessList)
      intrinsic += ACCESS_LIST_ADDRESS_GAS + storageKeys.length * ACCESS_LIST_KEY_GAS;
  if (authorizations !== undefined) intrinsic += authorizations.length * AUTHORIZATION_GAS;
  const floor = rules.eip7623 ? TRANSACTION_GAS + FLOOR_TOKEN_GAS * (zeros + 4 * others) : 0;
  return { intrinsic, floor };
}
