import type { OutcomeReason } from "@velarium/engine";
import { Reason } from "@velarium/wire";

const REASONS: Readonly<Record<OutcomeReason, number>> = {
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

/** An engine's reason as it goes over the wire. */
export const reasonCode = (reason: OutcomeReason | undefined): number =>
  reason === undefined ? Reason.none : REASONS[reason];
