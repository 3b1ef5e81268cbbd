/** Methods about the chain, fees and the client. */
import { effectiveGasPrice, toQuantity } from "@velarium/blocks";
import type { RpcMethod } from "../json-rpc-server.ts";
import { blockParam, quantityParam } from "../params.ts";
import { JsonRpcError, RpcCode } from "../rpc-error.ts";
import { type GatewayContext, requireBlock } from "./context.ts";

/** A tip that gets into the next block when blocks are not full. */
const DEFAULT_TIP = 1_000_000_000n;
const MAX_FEE_HISTORY = 1024;

export function chainMethods(context: GatewayContext): [string, RpcMethod][] {
  const latest = () => context.index.latest ?? context.genesis;
  return [
    ["eth_chainId", () => toQuantity(context.chainId)],
    ["net_version", () => String(context.chainId)],
    ["net_listening", () => true],
    ["web3_clientVersion", () => context.clientVersion],
    ["eth_blockNumber", () => toQuantity(latest().header.number)],
    ["eth_syncing", () => false],
    ["eth_accounts", () => []],
    ["eth_maxPriorityFeePerGas", () => toQuantity(DEFAULT_TIP)],
    ["eth_gasPrice", () => toQuantity(nextBaseFee(context) + DEFAULT_TIP)],
    [
      "eth_blobBaseFee",
      () => {
        const { header } = latest();
        const rules = context.rules.rulesAt(header.number, header.timestamp);
        return toQuantity(context.rules.blobBaseFee(BigInt(header.excessBlobGas ?? 0), rules));
      },
    ],
    ["eth_feeHistory", (params) => feeHistory(context, params)],
  ];
}

/** Base fee of the block after the latest. */
export function nextBaseFee(context: GatewayContext): bigint {
  const { header } = context.index.latest ?? context.genesis;
  const rules = context.rules.rulesAt(header.number + 1, header.timestamp + 1);
  const parent = {
    number: header.number,
    time: header.timestamp,
    baseFee: header.baseFeePerGas ?? 0n,
    gasUsed: header.gasUsed,
    gasLimit: header.gasLimit,
  };
  return context.rules.nextBaseFee(parent, rules) ?? 0n;
}

function feeHistory(context: GatewayContext, params: readonly unknown[]): unknown {
  const count = Number(typeof params[0] === "number" ? params[0] : quantityParam(params[0], "blockCount"));
  if (!(count >= 1)) throw new JsonRpcError(RpcCode.invalidParams, "blockCount: expected at least 1");
  const newest = requireBlock(context, blockParam(params[1])).header.number;
  const percentiles = (params[2] ?? []) as number[];
  if (
    !Array.isArray(percentiles) ||
    percentiles.length > 100 ||
    percentiles.some((p, i) => !(p >= 0 && p <= 100) || p < (percentiles[i - 1] ?? 0))
  ) {
    throw new JsonRpcError(
      RpcCode.invalidParams,
      "rewardPercentiles: expected up to 100 ascending numbers from 0 to 100",
    );
  }
  const oldest = Math.max(
    newest - Math.min(count, MAX_FEE_HISTORY) + 1,
    context.index.size > 0 ? context.index.oldest : 0,
  );
  const baseFeePerGas: string[] = [];
  const gasUsedRatio: number[] = [];
  const reward: string[][] = [];
  for (let n = oldest; n <= newest; n++) {
    const block = requireBlock(context, { number: n });
    baseFeePerGas.push(toQuantity(block.header.baseFeePerGas ?? 0n));
    gasUsedRatio.push(block.header.gasLimit === 0 ? 0 : block.header.gasUsed / block.header.gasLimit);
    if (percentiles.length > 0) reward.push(rewardsOf(block, percentiles));
  }
  const last = requireBlock(context, { number: newest });
  const isLatest = last === (context.index.latest ?? context.genesis);
  const next = isLatest ? undefined : context.index.byNumber(newest + 1);
  baseFeePerGas.push(toQuantity(next?.header.baseFeePerGas ?? nextBaseFee(context)));
  return {
    oldestBlock: toQuantity(oldest),
    baseFeePerGas,
    gasUsedRatio,
    ...(percentiles.length > 0 ? { reward } : {}),
  };
}

/** Blocks are sampled: their percentiles then come from this many transactions. */
const SAMPLE = 512;

function rewardsOf(block: ReturnType<typeof requireBlock>, percentiles: readonly number[]): string[] {
  const step = Math.max(1, Math.floor(block.transactions / SAMPLE));
  const tips: { tip: bigint; gas: number }[] = [];
  const baseFee = block.header.baseFeePerGas;
  for (let i = 0; i < block.transactions; i += step) {
    tips.push({
      tip: effectiveGasPrice(block.transaction(i), baseFee) - (baseFee ?? 0n),
      gas: block.record.gasUsed[i]!,
    });
  }
  tips.sort((a, b) => (a.tip < b.tip ? -1 : a.tip > b.tip ? 1 : 0));
  const total = tips.reduce((sum, t) => sum + t.gas, 0);
  return percentiles.map((percentile) => {
    let sum = 0;
    for (const { tip, gas } of tips) if ((sum += gas) >= (total * percentile) / 100) return toQuantity(tip);
    return toQuantity(tips.at(-1)?.tip ?? 0n);
  });
}
