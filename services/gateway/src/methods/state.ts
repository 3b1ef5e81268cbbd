/** Methods that read committed state, and those that run calls on it. */
import { toHex, toQuantity } from "@velarium/blocks";
import { Domain, decodeCodeWord, fieldKey, hasCode, storageKey } from "@velarium/slots";
import type { RpcMethod } from "../json-rpc-server.ts";
import { addressParam, blockParam, slotParam } from "../params.ts";
import { JsonRpcError } from "../rpc-error.ts";
import { type GatewayContext, heightOf } from "./context.ts";

const wordToBigInt = (word: Uint8Array): bigint => BigInt(toHex(word));

export function stateMethods(context: GatewayContext): [string, RpcMethod][] {
  const word = async (key: Uint8Array, block: unknown): Promise<Uint8Array> =>
    (await context.state.words([key], heightOf(context, blockParam(block))))[0]!;
  const simulate =
    (method: string): RpcMethod =>
    async (params) => {
      const [tx, block] = params;
      const height = heightOf(context, blockParam(block));
      const reply = (await context.simulate({ method, tx, block: height })) as SimulationReply;
      if (reply.error) throw new JsonRpcError(reply.error.code, reply.error.message, reply.error.data);
      return reply.result;
    };
  return [
    [
      "eth_getBalance",
      async ([address, block]) =>
        toQuantity(wordToBigInt(await word(fieldKey(Domain.balance, addressParam(address)), block))),
    ],
    [
      "eth_getTransactionCount",
      async ([address, block]) => {
        const sender = addressParam(address);
        const committed = Number(wordToBigInt(await word(fieldKey(Domain.nonce, sender), block)));
        return toQuantity(block === "pending" ? context.pending.pendingNonce(sender, committed) : committed);
      },
    ],
    [
      "eth_getCode",
      async ([address, block]) => {
        const field = await word(fieldKey(Domain.code, addressParam(address)), block);
        if (!hasCode(field)) return "0x";
        const code = await context.state.code(decodeCodeWord(field).hashPrefix);
        return code ? toHex(code) : "0x";
      },
    ],
    [
      "eth_getStorageAt",
      async ([address, slot, block]) => {
        const owner = addressParam(address);
        const key = slotParam(slot);
        const { incarnation } = decodeCodeWord(await word(fieldKey(Domain.code, owner), block));
        return toHex(await word(storageKey(owner, key, incarnation), block));
      },
    ],
    ["eth_call", simulate("call")],
    ["eth_estimateGas", simulate("estimateGas")],
    ["eth_createAccessList", simulate("createAccessList")],
  ];
}

interface SimulationReply {
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}
