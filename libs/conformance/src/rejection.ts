/**
 * Classes of rejection: what the published suites call them, and what the engine or the decoder of transactions says.
 * A class counts as met when at least one of the alternatives that the case allows is met.
 */
import type { OutcomeReason } from "@velarium/engine";
import type { TxError, TxErrorCode } from "@velarium/tx-codec";

/** Why a transaction was not included: a reason of the engine, or an error of the decoder. */
export type Refusal =
  | { readonly by: "engine"; readonly reason: OutcomeReason }
  | { readonly by: "decoder"; readonly error: TxError };

interface Class {
  readonly reasons: readonly OutcomeReason[];
  /** Codes of the decoder, with what its message must tell where the code alone says too little. */
  readonly codes?: readonly (readonly [TxErrorCode, RegExp?])[];
}

const TYPE: Class = { reasons: ["type-unsupported"], codes: [["type"]] };
const BLOB_COUNT: Class = { reasons: ["blobs-invalid"] };
const CHAIN: Class = { reasons: ["chain-id"], codes: [["chain-id"]] };
const GAS: Class = { reasons: ["intrinsic-gas"], codes: [["gas"]] };
const MALFORMED: Class = { reasons: [], codes: [["rlp"], ["field"]] };
const SIGNATURE: Class = { reasons: [], codes: [["signature"]] };

const CLASSES: Readonly<Record<string, Class>> = {
  TYPE_1_TX_PRE_FORK: TYPE,
  TYPE_2_TX_PRE_FORK: TYPE,
  TYPE_3_TX_PRE_FORK: TYPE,
  TYPE_4_TX_PRE_FORK: TYPE,
  TYPE_NOT_SUPPORTED: TYPE,
  INVALID_CHAINID: CHAIN,
  INVALID_SIGNATURE_VRS: SIGNATURE,
  EC_RECOVERY_FAIL: SIGNATURE,
  NONCE_MISMATCH_TOO_LOW: { reasons: ["nonce-too-low"] },
  NONCE_MISMATCH_TOO_HIGH: { reasons: ["nonce-too-high"] },
  NONCE_IS_MAX: { reasons: ["nonce-max"], codes: [["field", /^nonce is above/]] },
  NONCE_TOO_BIG: { reasons: ["nonce-max"], codes: [["field", /^nonce /]] },
  NONCE_OVERFLOW: { reasons: ["nonce-max"], codes: [["field", /^nonce /]] },
  INSUFFICIENT_ACCOUNT_FUNDS: { reasons: ["insufficient-funds"] },
  GASLIMIT_PRICE_PRODUCT_OVERFLOW: {
    reasons: ["insufficient-funds"],
    codes: [["field", /exceeds 256 bits/]],
  },
  INSUFFICIENT_MAX_FEE_PER_GAS: { reasons: ["fee-cap"] },
  INSUFFICIENT_MAX_FEE_PER_BLOB_GAS: { reasons: ["blob-fee-cap"] },
  PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS: { reasons: ["priority-fee-above-cap"], codes: [["fee"]] },
  PRIORITY_OVERFLOW: MALFORMED,
  GASPRICE_OVERFLOW: MALFORMED,
  VALUE_OVERFLOW: MALFORMED,
  GASLIMIT_OVERFLOW: MALFORMED,
  SENDER_NOT_EOA: { reasons: ["sender-not-eoa"] },
  INTRINSIC_GAS_TOO_LOW: GAS,
  INTRINSIC_GAS_BELOW_FLOOR_GAS_COST: GAS,
  GAS_ALLOWANCE_EXCEEDED: { reasons: ["gas-limit"] },
  GAS_LIMIT_EXCEEDS_MAXIMUM: { reasons: ["gas-limit"], codes: [["gas"]] },
  INITCODE_SIZE_EXCEEDED: { reasons: ["initcode-size"], codes: [["size"]] },
  TYPE_3_TX_ZERO_BLOBS: { reasons: ["blobs-invalid"], codes: [["field", /names no blob/]] },
  TYPE_3_TX_BLOB_COUNT_EXCEEDED: BLOB_COUNT,
  TYPE_3_TX_MAX_BLOB_GAS_ALLOWANCE_EXCEEDED: BLOB_COUNT,
  TYPE_3_TX_INVALID_BLOB_VERSIONED_HASH: {
    reasons: ["blobs-invalid"],
    codes: [["field", /^a blob hash has version/]],
  },
  TYPE_3_TX_CONTRACT_CREATION: { reasons: ["blobs-invalid"], codes: [["field", /^to has 0 bytes/]] },
  TYPE_4_EMPTY_AUTHORIZATION_LIST: {
    reasons: ["authorizations-invalid"],
    codes: [["field", /needs an authorization/]],
  },
  TYPE_4_TX_CONTRACT_CREATION: {
    reasons: ["authorizations-invalid"],
    codes: [["field", /^to has 0 bytes/]],
  },
  RLP_INVALID_VALUE: MALFORMED,
};

function isMet(found: Class, refusal: Refusal): boolean {
  if (refusal.by === "engine") return found.reasons.includes(refusal.reason);
  const { code, message } = refusal.error;
  return (found.codes ?? []).some(([wanted, tells]) => wanted === code && (tells?.test(message) ?? true));
}

/** Undefined when `refusal` is of a class that `expected` names (alternatives by |); otherwise what is wrong. */
export function rejectionMismatch(expected: string, refusal: Refusal): string | undefined {
  const names = expected.split("|").map((name) => name.slice(name.indexOf(".") + 1));
  const unknown = names.filter((name) => CLASSES[name] === undefined);
  if (unknown.length > 0) return `no class of rejection is known as ${unknown.join(", ")}`;
  if (names.some((name) => isMet(CLASSES[name]!, refusal))) return undefined;
  return `rejected as ${describeRefusal(refusal)}, expected ${expected}`;
}

export const describeRefusal = (refusal: Refusal): string =>
  refusal.by === "engine" ? refusal.reason : `${refusal.error.code}: ${refusal.error.message}`;
