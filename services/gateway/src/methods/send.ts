/** `eth_sendRawTransaction`: refuses what cannot be right, acknowledges what is stored. */
import { toHex } from "@velarium/blocks";
import { Domain, fieldKey } from "@velarium/slots";
import { decodeTransaction, recoverSender, TxError } from "@velarium/tx-codec";
import { Reason } from "@velarium/wire";
import type { RpcMethod } from "../json-rpc-server.ts";
import { bytesParam } from "../params.ts";
import { refusal } from "../rpc-error.ts";
import { nextBaseFee } from "./chain.ts";
import type { GatewayContext } from "./context.ts";

export function sendMethods(context: GatewayContext): [string, RpcMethod][] {
  return [["eth_sendRawTransaction", ([raw]) => send(context, bytesParam(raw, "transaction"))]];
}

async function send(context: GatewayContext, raw: Uint8Array): Promise<string> {
  const refused = context.admission.refusalOf(raw);
  if (refused) throw refusal(refused.reason, refused.message);
  const tx = decodeTransaction(raw);
  const hash = toHex(tx.hash());
  if (context.pending.has(hash) || context.index.findTransaction(tx.hash())) throw refusal(Reason.duplicate);
  const sender = senderOf(tx);
  await checkAccount(context, tx, sender);
  context.pending.add(hash, { raw, sender, nonce: tx.nonce, sinceMs: Date.now() });
  try {
    await context.submit(raw);
  } catch (error) {
    context.pending.remove(hash);
    throw error;
  }
  return hash;
}

function senderOf(tx: ReturnType<typeof decodeTransaction>): Uint8Array {
  try {
    return recoverSender(tx);
  } catch (error) {
    if (error instanceof TxError) throw refusal(Reason.badSignature, error.message);
    throw error;
  }
}

/** How far ahead of the account's next nonce a transaction may be; the pool has its own limit. */
const MAX_NONCE_DISTANCE = 4096;

/** What committed state says already. The pool and the execution have the last word. */
async function checkAccount(
  context: GatewayContext,
  tx: ReturnType<typeof decodeTransaction>,
  sender: Uint8Array,
): Promise<void> {
  const [balanceWord, nonceWord] = await context.state.words(
    [fieldKey(Domain.balance, sender), fieldKey(Domain.nonce, sender)],
    -1,
  );
  const nonce = Number(BigInt(toHex(nonceWord!)));
  if (tx.nonce < nonce) throw refusal(Reason.nonceTooLow, `next nonce ${nonce}, tx nonce ${tx.nonce}`);
  if (tx.nonce > nonce + MAX_NONCE_DISTANCE)
    throw refusal(Reason.nonceTooFar, `next nonce ${nonce}, tx nonce ${tx.nonce}`);
  const cost = BigInt(tx.gasLimit) * tx.maxFeePerGas + tx.value;
  const balance = BigInt(toHex(balanceWord!));
  if (balance < cost) throw refusal(Reason.insufficientFunds, `have ${balance} want ${cost}`);
  // The base fee falls by an eighth per block at the most, so a cap below half of it would wait for long.
  if (tx.maxFeePerGas * 2n < nextBaseFee(context))
    throw refusal(Reason.underpriced, `max fee per gas ${tx.maxFeePerGas}, base fee ${nextBaseFee(context)}`);
}
