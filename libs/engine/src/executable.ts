/** From decoded transactions to what the engine executes. */
import {
  type DecodedTransaction,
  RlpWriter,
  type Authorization as SignedAuthorization,
} from "@velarium/tx-codec";
import { keccak256, recoverAddress } from "./crypto.ts";
import type { Authorization, ExecutableTransaction } from "./types.ts";
import { bigIntToWord } from "./words.ts";

/** EIP-2: an s above half the order is no signature. */
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;
const AUTHORIZATION_MAGIC = 0x05;

/** The authority that signed an EIP-7702 authorization; undefined when nobody did. */
export function recoverAuthority(authorization: SignedAuthorization): Uint8Array | undefined {
  const { chainId, address, nonce, yParity, r, s } = authorization;
  if (yParity > 1 || s > HALF_ORDER) return undefined;
  const writer = new RlpWriter(64);
  writer.byte(AUTHORIZATION_MAGIC);
  const list = writer.openList();
  writer.integer(chainId);
  writer.string(address);
  writer.integer(nonce);
  writer.closeList(list);
  return recoverAddress(keccak256(writer.bytes()), yParity, bigIntToWord(r), bigIntToWord(s));
}

const withAuthority = (signed: SignedAuthorization): Authorization => ({
  chainId: signed.chainId,
  address: signed.address,
  nonce: signed.nonce,
  authority: recoverAuthority(signed),
});

/** `sender` has 20 bytes. Byte fields stay views into the raw transaction. */
export function toExecutable(tx: DecodedTransaction, sender: Uint8Array): ExecutableTransaction {
  return {
    type: tx.type,
    sender,
    chainId: tx.chainId ?? undefined,
    nonce: BigInt(tx.nonce),
    gasLimit: tx.gasLimit,
    to: tx.to ?? undefined,
    value: tx.value,
    data: tx.data,
    maxFeePerGas: tx.maxFeePerGas,
    maxPriorityFeePerGas: tx.maxPriorityFeePerGas,
    accessList: tx.accessList.length === 0 ? undefined : tx.accessList,
    maxFeePerBlobGas: tx.type === 3 ? tx.maxFeePerBlobGas : undefined,
    blobVersionedHashes: tx.type === 3 ? tx.blobHashes : undefined,
    authorizations: tx.type === 4 ? tx.authorizationList.map(withAuthority) : undefined,
  };
}
