/** Runs a transaction of a block again where it stood: after the block's opening work and the transactions before it. */
import type { ChainRules } from "@velarium/chain-rules";
import { type BytesColumn, bytesAt } from "@velarium/columns";
import {
  type BlockContext,
  type Engine,
  type ExecutableTransaction,
  type ExecuteOptions,
  type ExecutionResult,
  OverlayState,
  type StateView,
  toExecutable,
} from "@velarium/engine";
import { blockHashKey } from "@velarium/slots";
import { decodeTransaction } from "@velarium/tx-codec";
import { AnalyzerError } from "./slot-source.ts";

/** Facts of a sealed header that execution needs; `BlockHeader` of libs/blocks has them. */
export interface ReplayedHeader {
  readonly number: number;
  readonly timestamp: number;
  readonly beneficiary: Uint8Array;
  readonly gasLimit: number;
  readonly difficulty: bigint;
  readonly mixHash: Uint8Array;
  readonly parentHash: Uint8Array;
  readonly baseFeePerGas?: bigint | undefined;
  readonly excessBlobGas?: number | undefined;
  readonly parentBeaconBlockRoot?: Uint8Array | undefined;
}

export interface ReplayedTransactions {
  /** Signed or verified transactions in block order; the last is the one asked for. */
  readonly raw: BytesColumn;
  /** 20 bytes each. */
  readonly senders: Uint8Array;
  /** Hashes of the blocks before, 32 bytes each, the parent last. */
  readonly ancestors: Uint8Array;
}

export interface Replayed {
  readonly transaction: ExecutableTransaction;
  readonly result: ExecutionResult;
  /** State just before the transaction. */
  readonly before: OverlayState;
}

export function replayContext(rules: ChainRules, header: ReplayedHeader): BlockContext {
  const blockRules = rules.rulesAt(header.number, header.timestamp);
  return {
    rules: blockRules,
    number: header.number,
    timestamp: header.timestamp,
    beneficiary: header.beneficiary,
    gasLimit: header.gasLimit,
    baseFee: header.baseFeePerGas ?? 0n,
    prevRandao: header.mixHash,
    difficulty: header.difficulty,
    blobBaseFee: rules.blobBaseFee(BigInt(header.excessBlobGas ?? 0), blockRules),
  };
}

/** `parent`: the state after the parent block. @throws AnalyzerError `state` when a transaction before does not run as it did */
export async function replayTransaction(
  engine: Engine,
  rules: ChainRules,
  header: ReplayedHeader,
  transactions: ReplayedTransactions,
  parent: StateView,
  options: ExecuteOptions,
): Promise<Replayed> {
  const context = replayContext(rules, header);
  const before = new OverlayState(parent);
  addBlockHashes(before, header.number, transactions.ancestors);
  for (const call of rules.systemCallsAtOpen(context.rules, header))
    await before.apply(await engine.systemCall(context, call, before));
  const last = transactions.raw.ends.length - 1;
  for (let i = 0; i < last; i++) {
    const result = await engine.execute(context, executableAt(transactions, i), before);
    if (result.outcome !== "included")
      throw new AnalyzerError(
        "state",
        `transaction ${i} of block ${header.number} does not run: ${result.reason}`,
      );
    await before.apply(result);
  }
  const transaction = executableAt(transactions, last);
  return { transaction, before, result: await engine.execute(context, transaction, before, options) };
}

function executableAt({ raw, senders }: ReplayedTransactions, i: number): ExecutableTransaction {
  const tx = decodeTransaction(bytesAt(raw, i), { maxBytes: Number.POSITIVE_INFINITY });
  return toExecutable(tx, senders.slice(i * 20, i * 20 + 20));
}

function addBlockHashes(state: OverlayState, number: number, ancestors: Uint8Array): void {
  const count = ancestors.length / 32;
  for (let i = 0; i < count; i++)
    state.set(blockHashKey(number - count + i), ancestors.slice(i * 32, i * 32 + 32));
}
