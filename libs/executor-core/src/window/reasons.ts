/** Outcomes and reasons of the engine as numbers on the wire. */
import type { OutcomeKind, OutcomeReason } from "@velarium/engine";
import { Outcome, Reason } from "@velarium/wire";

const REASONS: Readonly<Record<OutcomeReason, Reason>> = {
  "nonce-too-low": Reason.nonceTooLow,
  "nonce-too-high": Reason.nonceTooHigh,
  "nonce-max": Reason.nonceMax,
  "insufficient-funds": Reason.insufficientFunds,
  "fee-cap": Reason.feeCapBelowBaseFee,
  "blob-fee-cap": Reason.blobFeeCap,
  "priority-fee-above-cap": Reason.feeCapBelowTip,
  "sender-not-eoa": Reason.senderHasCode,
  "intrinsic-gas": Reason.intrinsicGas,
  "gas-limit": Reason.gasLimitOverBlock,
  "initcode-size": Reason.initcodeTooLarge,
  "type-unsupported": Reason.unsupportedType,
  "chain-id": Reason.wrongChain,
  "blobs-invalid": Reason.invalid,
  "authorizations-invalid": Reason.invalid,
  diverged: Reason.diverged,
};

export const reasonOf = (reason: OutcomeReason | undefined): Reason =>
  reason === undefined ? Reason.none : REASONS[reason];
export const outcomeOf = (kind: OutcomeKind): Outcome =>
  kind === "included" ? Outcome.included : kind === "returned" ? Outcome.returned : Outcome.rejected;
