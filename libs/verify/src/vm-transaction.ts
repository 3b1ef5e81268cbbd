/** Transactions for `@ethereumjs/vm` from raw ones. Signatures are checked apart; the sender is given. */
import type { Common } from "@ethereumjs/common";
import {
  createAccessList2930Tx,
  createBlob4844Tx,
  createEOACode7702Tx,
  createFeeMarket1559Tx,
  createLegacyTx,
  type TypedTransaction,
} from "@ethereumjs/tx";
import { Address, bytesToHex } from "@ethereumjs/util";
import { type BlockRules, createCommon } from "@velarium/chain-rules";
import { fastCrypto } from "@velarium/engine";
import type { DecodedTransaction } from "@velarium/tx-codec";

/**
 * Parameters that all transactions of a fork share. Their constructors copy the parameters and load their own into the
 * copy, which would cost more than running a transfer.
 */
export function createTransactionCommon(rules: BlockRules): Common {
  const common = createCommon(rules, fastCrypto);
  common.copy = () => common;
  createLegacyTx({}, { common, freeze: false });
  common.updateParams = () => {};
  return common;
}

const hex = (value: bigint): `0x${string}` => `0x${value.toString(16)}`;

export function createVmTransaction(
  tx: DecodedTransaction,
  sender: Uint8Array,
  common: Common,
): TypedTransaction {
  const options = { common, freeze: false, allowUnlimitedInitCodeSize: true };
  const base = {
    nonce: BigInt(tx.nonce),
    gasLimit: BigInt(tx.gasLimit),
    ...(tx.to === null ? {} : { to: new Address(tx.to) }),
    value: tx.value,
    data: tx.data,
  };
  const accessList = tx.accessList.map(({ address, storageKeys }) => ({
    address: bytesToHex(address),
    storageKeys: storageKeys.map(bytesToHex),
  }));
  const typed = { ...base, chainId: BigInt(tx.chainId ?? 0), accessList };
  const fees = { maxFeePerGas: tx.maxFeePerGas, maxPriorityFeePerGas: tx.maxPriorityFeePerGas };
  let made: TypedTransaction;
  if (tx.type === 0) made = createLegacyTx({ ...base, gasPrice: tx.gasPrice }, options);
  else if (tx.type === 1) made = createAccessList2930Tx({ ...typed, gasPrice: tx.gasPrice }, options);
  else if (tx.type === 2) made = createFeeMarket1559Tx({ ...typed, ...fees }, options);
  else if (tx.type === 3)
    made = createBlob4844Tx(
      {
        ...typed,
        ...fees,
        maxFeePerBlobGas: tx.maxFeePerBlobGas,
        blobVersionedHashes: tx.blobHashes.map(bytesToHex),
      },
      options,
    );
  else
    made = createEOACode7702Tx(
      {
        ...typed,
        ...fees,
        authorizationList: tx.authorizationList.map((each) => ({
          chainId: hex(each.chainId),
          address: bytesToHex(each.address),
          nonce: hex(each.nonce),
          yParity: hex(BigInt(each.yParity)),
          r: hex(each.r),
          s: hex(each.s),
        })),
      },
      options,
    );
  const from = new Address(sender);
  made.getSenderAddress = () => from;
  return made;
}
