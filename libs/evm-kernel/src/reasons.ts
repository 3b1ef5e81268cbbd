/** Why a transaction is not included, by the number that the kernel reports. The order is that of `transaction.ts` in the assembly. */
import type { OutcomeKind, OutcomeReason } from "@velarium/engine";

export const REASONS: readonly (OutcomeReason | undefined)[] = [
  undefined,
  "nonce-too-low",
  "nonce-too-high",
  "nonce-max",
  "insufficient-funds",
  "fee-cap",
  "blob-fee-cap",
  "priority-fee-above-cap",
  "sender-not-eoa",
  "intrinsic-gas",
  "gas-limit",
  "initcode-size",
  "type-unsupported",
  "chain-id",
  "blobs-invalid",
  "authorizations-invalid",
];

export const OUTCOMES: readonly OutcomeKind[] = ["included", "rejected", "returned"];
