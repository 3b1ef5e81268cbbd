/** What a fork and a chain allow of a transaction that is well-formed by itself. */
import type { BlockRules } from "@velarium/chain-rules";
import { TxError } from "./error.ts";
import { floorGas, type IntrinsicGasRules, intrinsicGas } from "./intrinsic-gas.ts";
import type { TxScan } from "./scan.ts";

export interface TxRules extends IntrinsicGasRules {
  /** 0, 1 from Berlin, 2 from London, 3 from Cancun, 4 from Prague. */
  readonly maxType: number;
  /** EIP-155 is in force (Spurious Dragon). */
  readonly replayProtection: boolean;
  /** Blobs per transaction at most (6 in Cancun, 9 in Prague, 6 from Osaka, EIP-7594); 0 refuses none by number. */
  readonly maxBlobs: number;
  /** Gas limit of one transaction at most (EIP-7825 in Osaka: 2^24); 0 for none. */
  readonly maxGasLimit: number;
}

/** EIP-3860. */
export const MAX_INIT_CODE_BYTES = 49_152;

export function txRulesOf(rules: BlockRules): TxRules {
  return {
    homestead: rules.homestead,
    eip2028: rules.eip2028,
    eip3860: rules.limits.initcodeBytes !== undefined,
    eip7623: rules.eip7623,
    replayProtection: rules.eip155,
    maxType: rules.maxTransactionType,
    maxBlobs: rules.limits.blobsPerTransaction,
    maxGasLimit: rules.limits.transactionGas ?? 0,
  };
}

/** Checks a scanned transaction and returns its intrinsic gas. Throws TxError. `chainId` undefined: any chain. */
export function checkTransaction(raw: Uint8Array, scan: TxScan, rules: TxRules, chainId?: number): number {
  if (scan.type > rules.maxType) throw new TxError("type", `transaction type ${scan.type} is not active yet`);
  if (scan.chainId < 0) {
    // Without replay protection: valid on every chain.
  } else if (!rules.replayProtection) {
    throw new TxError("chain-id", "replay protection (EIP-155) is not active yet");
  } else if (chainId !== undefined && scan.chainId !== chainId) {
    throw new TxError("chain-id", `signed for chain ${scan.chainId}, this is chain ${chainId}`);
  }
  if (rules.eip3860 && scan.toOffset < 0 && scan.dataSize > MAX_INIT_CODE_BYTES) {
    throw new TxError(
      "size",
      `init code of ${scan.dataSize} bytes, at most ${MAX_INIT_CODE_BYTES} are allowed`,
    );
  }
  if (rules.maxBlobs && scan.blobs > rules.maxBlobs) {
    throw new TxError("field", `${scan.blobs} blobs, at most ${rules.maxBlobs} are allowed`);
  }
  if (rules.maxGasLimit && scan.gasLimit > rules.maxGasLimit) {
    throw new TxError(
      "gas",
      `gas limit ${scan.gasLimit} is above the cap of ${rules.maxGasLimit} (EIP-7825)`,
    );
  }
  const intrinsic = intrinsicGas(raw, scan, rules);
  const floor = floorGas(raw, scan, rules);
  const needed = Math.max(intrinsic, floor);
  if (scan.gasLimit < needed)
    throw new TxError("gas", `gas limit ${scan.gasLimit} is below the intrinsic gas of ${needed}`);
  return intrinsic;
}
