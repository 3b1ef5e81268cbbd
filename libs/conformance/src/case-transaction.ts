/** The transaction of a case: decoded where its bytes are given, put together from its fields in older suites. */
import type { BlockRules } from "@velarium/chain-rules";
import { type ExecutableTransaction, toExecutable } from "@velarium/engine";
import { decodeTransaction, recoverSender, TxError } from "@velarium/tx-codec";
import { bytesOf, type StateCase } from "./state-test.ts";
import { isWideGas, wideGas } from "./wide-gas.ts";

/** Above any transaction of the suites; limits of size are the network's, not the chain's. */
const MAX_BYTES = 2 ** 24;

/** Only legacy and access-list transactions came without bytes, and those have a gas price. */
function fromFields({ test, post }: StateCase): ExecutableTransaction {
  const { transaction } = test;
  const { data, gas, value } = post.indexes;
  const to = bytesOf(transaction.to);
  const gasLimit = BigInt(transaction.gasLimit[gas]!);
  const list = transaction.accessLists?.[data] ?? undefined;
  const priced = transaction.maxFeePerGas === undefined;
  const maxFeePerGas = BigInt(transaction.maxFeePerGas ?? transaction.gasPrice!);
  return {
    type: priced ? (list === undefined ? 0 : 1) : 2,
    sender: bytesOf(transaction.sender),
    nonce: BigInt(transaction.nonce),
    gasLimit: wideGas(gasLimit),
    exactGasLimit: isWideGas(gasLimit) ? gasLimit : undefined,
    to: to.length === 0 ? undefined : to,
    value: BigInt(transaction.value[value]!),
    data: bytesOf(transaction.data[data]!),
    maxFeePerGas,
    maxPriorityFeePerGas: priced ? maxFeePerGas : BigInt(transaction.maxPriorityFeePerGas!),
    accessList: list?.map(({ address, storageKeys }) => ({
      address: bytesOf(address),
      storageKeys: storageKeys.map(bytesOf),
    })),
  };
}

const isWide = ({ test, post }: StateCase): boolean =>
  isWideGas(BigInt(test.transaction.gasLimit[post.indexes.gas]!));

/** Throws TxError for a transaction that is no transaction under `rules`. */
export function transactionOf(stateCase: StateCase, rules: BlockRules): ExecutableTransaction {
  const { txbytes } = stateCase.post;
  // The decoder refuses gas limits above 2^53, which no block can hold.
  if (txbytes === undefined || isWide(stateCase)) return fromFields(stateCase);
  const tx = decodeTransaction(bytesOf(txbytes), { maxBytes: MAX_BYTES });
  if (tx.type === 0 && tx.chainId !== null && !rules.eip155)
    throw new TxError("chain-id", "replay protection (EIP-155) is not active yet");
  return toExecutable(tx, recoverSender(tx));
}
