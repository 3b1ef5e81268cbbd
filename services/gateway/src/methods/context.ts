/** What the JSON-RPC methods work with, and how they find blocks. */
import { type RpcBlock, toHex } from "@velarium/blocks";
import type { ChainRules } from "@velarium/chain-rules";
import type { Admission } from "../admission.ts";
import type { BlockIndex } from "../block-index.ts";
import type { BlockParam } from "../params.ts";
import type { PendingTransactions } from "../pending.ts";
import { JsonRpcError, RpcCode } from "../rpc-error.ts";
import type { StateReader } from "../state-reader.ts";

export interface GatewayContext {
  readonly chainId: number;
  readonly rules: ChainRules;
  readonly blockGasLimit: number;
  readonly clientVersion: string;
  /** Block 0, which is in no stream. */
  readonly genesis: RpcBlock;
  readonly index: BlockIndex;
  readonly pending: PendingTransactions;
  readonly admission: Admission;
  readonly state: StateReader;
  /** Appends an admitted raw transaction to the tx stream; resolves when it is stored. @throws JsonRpcError when the stream refuses */
  readonly submit: (raw: Uint8Array) => Promise<void>;
  /** `Analyzer.Simulate`. */
  readonly simulate: (request: unknown) => Promise<unknown>;
  /** `Analyzer.Trace`, packed. */
  readonly trace: (request: Uint8Array) => Promise<Uint8Array>;
  /** Most transactions before the one traced in its block, each of which is run again. */
  readonly maxTraceDepth: number;
  readonly maxTraceBytes: number;
  readonly maxLogs: number;
  readonly maxLogBlocks: number;
}

/** The block that a parameter names. Announced blocks are durable, so safe and finalized are the latest. */
export function findBlock(context: GatewayContext, param: BlockParam): RpcBlock | undefined {
  if ("hash" in param) {
    const hash = toHex(param.hash);
    return hash === context.genesis.hash ? context.genesis : context.index.byBlockHash(hash);
  }
  if ("number" in param) return param.number === 0 ? context.genesis : context.index.byNumber(param.number);
  return param.tag === "earliest" ? context.genesis : (context.index.latest ?? context.genesis);
}

export function requireBlock(context: GatewayContext, param: BlockParam): RpcBlock {
  const block = findBlock(context, param);
  if (!block)
    throw new JsonRpcError(RpcCode.notFound, "block not found: it is not announced yet, or no longer kept");
  return block;
}

/** Height to read state at: −1 for the newest. */
export function heightOf(context: GatewayContext, param: BlockParam): number {
  if ("tag" in param && param.tag !== "earliest") return -1;
  return requireBlock(context, param).header.number;
}
