/** Errors of JSON-RPC: code, message, optional data. Codes as clients know them (EIP-1474; geth where that is silent). */
import { Reason, reasonName } from "@velarium/wire";

export const RpcCode = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  server: -32000,
  notFound: -32001,
  unavailable: -32002,
  refused: -32003,
  limit: -32005,
  /** Execution reverted; `data` holds the revert data. */
  reverted: 3,
} as const;

export class JsonRpcError extends Error {
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.name = "JsonRpcError";
    this.code = code;
    this.data = data;
  }
}

/** Texts that client libraries match on when they choose their own error classes. */
const MESSAGES: Readonly<Record<number, string>> = {
  [Reason.malformed]: "invalid transaction: cannot be decoded",
  [Reason.wrongChain]: "invalid chain id for signer",
  [Reason.badSignature]: "invalid sender: bad signature",
  [Reason.unsupportedType]: "transaction type not supported",
  [Reason.oversized]: "oversized data: transaction too large",
  [Reason.intrinsicGas]: "intrinsic gas too low",
  [Reason.gasLimitOverBlock]: "exceeds block gas limit",
  [Reason.feeCapBelowTip]: "max priority fee per gas higher than max fee per gas",
  [Reason.initcodeTooLarge]: "max initcode size exceeded",
  [Reason.nonceTooLow]: "nonce too low",
  [Reason.nonceTooFar]: "nonce too high: too far ahead of the account's next nonce",
  [Reason.underpriced]: "transaction underpriced",
  [Reason.duplicate]: "already known",
  [Reason.poolFull]: "txpool is full",
  [Reason.insufficientFunds]: "insufficient funds for gas * price + value",
  [Reason.overloaded]: "the cluster is overloaded: try again later",
  [Reason.notReady]: "the cluster is not ready yet",
};

/** What `eth_sendRawTransaction` answers when a transaction is refused. */
export function refusal(reason: number, detail = ""): JsonRpcError {
  const message = MESSAGES[reason] ?? `transaction refused: ${reasonName(reason)}`;
  const code =
    reason === Reason.overloaded || reason === Reason.notReady ? RpcCode.unavailable : RpcCode.server;
  return new JsonRpcError(code, detail ? `${message} (${detail})` : message, { reason: reasonName(reason) });
}
