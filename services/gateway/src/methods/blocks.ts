/** Methods about blocks, transactions, receipts and logs. */
import {
  blockToRpc,
  logsToRpc,
  pendingTransactionToRpc,
  type RpcBlock,
  receiptToRpc,
  toHex,
  toQuantity,
  transactionToRpc,
} from "@velarium/blocks";
import { decodeTransaction } from "@velarium/tx-codec";
import type { RpcMethod } from "../json-rpc-server.ts";
import { logFilterOf, matches, mayContain } from "../log-filter.ts";
import { blockParam, hashParam, quantityParam } from "../params.ts";
import { JsonRpcError, RpcCode } from "../rpc-error.ts";
import { findBlock, type GatewayContext, requireBlock } from "./context.ts";

export function blockMethods(context: GatewayContext): [string, RpcMethod][] {
  const receipt = (block: RpcBlock, index: number): unknown => {
    const rules = context.rules.rulesAt(block.header.number, block.header.timestamp);
    return receiptToRpc(
      block,
      index,
      context.rules.blobBaseFee(BigInt(block.header.excessBlobGas ?? 0), rules),
    );
  };
  const byHash = (hash: unknown): RpcBlock | undefined => findBlock(context, { hash: hashParam(hash) });
  const byNumber = (number: unknown): RpcBlock | undefined => findBlock(context, blockParam(number));
  const at = (block: RpcBlock | undefined, index: unknown): unknown => {
    const i = Number(quantityParam(index, "index"));
    return block && i < block.transactions ? transactionToRpc(block, i) : null;
  };
  return [
    ["eth_getBlockByNumber", ([number, full]) => toBlock(byNumber(number), full)],
    ["eth_getBlockByHash", ([hash, full]) => toBlock(byHash(hash), full)],
    ["eth_getBlockTransactionCountByNumber", ([number]) => toCount(byNumber(number))],
    ["eth_getBlockTransactionCountByHash", ([hash]) => toCount(byHash(hash))],
    ["eth_getUncleCountByBlockNumber", () => "0x0"],
    ["eth_getUncleCountByBlockHash", () => "0x0"],
    ["eth_getTransactionByBlockNumberAndIndex", ([number, index]) => at(byNumber(number), index)],
    ["eth_getTransactionByBlockHashAndIndex", ([hash, index]) => at(byHash(hash), index)],
    [
      "eth_getBlockReceipts",
      ([number]) => {
        const block = byNumber(number);
        return block ? Array.from({ length: block.transactions }, (_, i) => receipt(block, i)) : null;
      },
    ],
    [
      "eth_getTransactionByHash",
      ([hash]) => {
        const bytes = hashParam(hash);
        const found = context.index.findTransaction(bytes);
        if (found) return transactionToRpc(found.block, found.index);
        const pending = context.pending.get(toHex(bytes));
        return pending
          ? pendingTransactionToRpc(decodeTransaction(pending.raw), toHex(bytes), toHex(pending.sender))
          : null;
      },
    ],
    [
      "eth_getTransactionReceipt",
      ([hash]) => {
        const found = context.index.findTransaction(hashParam(hash));
        return found ? receipt(found.block, found.index) : null;
      },
    ],
    ["eth_getLogs", ([filter]) => getLogs(context, filter)],
  ];
}

function toBlock(block: RpcBlock | undefined, full: unknown): unknown {
  return block ? blockToRpc(block, full === true) : null;
}

function toCount(block: RpcBlock | undefined): unknown {
  return block ? toQuantity(block.transactions) : null;
}

function getLogs(context: GatewayContext, param: unknown): unknown {
  const filter = logFilterOf(param);
  const found: unknown[] = [];
  for (const block of blocksOf(context, param as Record<string, unknown>)) {
    if (!mayContain(block.header.logsBloom, filter)) continue;
    for (let i = 0; i < block.transactions; i++) {
      for (const log of logsToRpc(block, i)) {
        if (!matches(log, filter)) continue;
        if (found.length === context.maxLogs)
          throw new JsonRpcError(
            RpcCode.limit,
            `more than ${context.maxLogs} logs match: ask for fewer blocks`,
          );
        found.push(log);
      }
    }
  }
  return found;
}

function blocksOf(context: GatewayContext, filter: Record<string, unknown>): RpcBlock[] {
  if (filter["blockHash"] !== undefined)
    return [requireBlock(context, { hash: hashParam(filter["blockHash"], "blockHash") })];
  const latest = (context.index.latest ?? context.genesis).header.number;
  const numberOf = (value: unknown): number => {
    const param = blockParam(value);
    if ("number" in param) return Math.min(param.number, latest + 1);
    return "tag" in param && param.tag === "earliest" ? 0 : latest;
  };
  const from = numberOf(filter["fromBlock"]);
  const to = Math.min(numberOf(filter["toBlock"]), latest);
  if (to - from >= context.maxLogBlocks)
    throw new JsonRpcError(RpcCode.limit, `a range has at most ${context.maxLogBlocks} blocks`);
  const blocks: RpcBlock[] = [];
  for (let n = from; n <= to; n++) blocks.push(requireBlock(context, { number: n }));
  return blocks;
}
