/** A whole transaction around the interpreter's call: admission to the block, gas, authorizations, refunds, fees. */
import { type Address, bytesToUnprefixedHex } from "@ethereumjs/util";
import { CodeFlag } from "@velarium/slots";
import { AUTHORIZATION_REFUND, gasDue } from "./gas.ts";
import { encodeLogs, NO_LOGS } from "./logs.ts";
import { addressOf, type SlotEvm } from "./slot-evm.ts";
import type {
  BlockContext,
  ExecutableTransaction,
  ExecuteOptions,
  OutcomeKind,
  OutcomeReason,
} from "./types.ts";
import { isZero } from "./words.ts";

const MAX_UINT64 = 2n ** 64n - 1n;
const BLOB_GAS = 131_072n;
const EMPTY = new Uint8Array(0);

export interface TransactionOutcome {
  readonly outcome: OutcomeKind;
  readonly reason?: OutcomeReason;
  readonly status: 0 | 1;
  readonly gasUsed: number;
  readonly refund: number;
  readonly logs: Uint8Array;
  readonly returnData: Uint8Array;
  readonly createdAddress: Uint8Array | undefined;
  readonly beneficiaryFee: bigint;
}

const refuse = (outcome: OutcomeKind, reason: OutcomeReason): TransactionOutcome => ({
  outcome,
  reason,
  status: 0,
  gasUsed: 0,
  refund: 0,
  logs: NO_LOGS,
  returnData: EMPTY,
  createdAddress: undefined,
  beneficiaryFee: 0n,
});

/** Checks that need no state. */
export function checkStatic(
  context: BlockContext,
  tx: ExecutableTransaction,
  options: ExecuteOptions,
): TransactionOutcome | undefined {
  const { rules, baseFee } = context;
  if (tx.type > rules.maxTransactionType) return refuse("rejected", "type-unsupported");
  if (tx.chainId !== undefined && tx.chainId !== rules.chainId) return refuse("rejected", "chain-id");
  if (
    tx.gasLimit > context.gasLimit ||
    tx.gasLimit > (rules.limits.transactionGas ?? Number.POSITIVE_INFINITY)
  )
    return refuse("rejected", "gas-limit");
  if (tx.to === undefined && tx.data.length > (rules.limits.initcodeBytes ?? Number.POSITIVE_INFINITY))
    return refuse("rejected", "initcode-size");
  if (tx.maxPriorityFeePerGas > tx.maxFeePerGas) return refuse("rejected", "priority-fee-above-cap");
  if (tx.maxFeePerGas < baseFee && options.skipFeeCheck !== true) return refuse("returned", "fee-cap");
  if (tx.type === 3) {
    const hashes = tx.blobVersionedHashes ?? [];
    const wrong =
      hashes.length === 0 || hashes.length > rules.limits.blobsPerTransaction || tx.to === undefined;
    if (wrong || hashes.some((hash) => hash[0] !== 1)) return refuse("rejected", "blobs-invalid");
    if (tx.maxFeePerBlobGas! < context.blobBaseFee && options.skipFeeCheck !== true)
      return refuse("returned", "blob-fee-cap");
  }
  if (tx.type === 4 && ((tx.authorizations?.length ?? 0) === 0 || tx.to === undefined))
    return refuse("rejected", "authorizations-invalid");
  return undefined;
}

const isDelegation = (code: Uint8Array): boolean =>
  code.length === 23 && code[0] === 0xef && code[1] === 0x01 && code[2] === 0x00;

function warmUp(evm: SlotEvm, context: BlockContext, tx: ExecutableTransaction): void {
  const { journal } = evm;
  journal.cleanJournal();
  evm.transientStorage.clear();
  if (!context.rules.eip2929) return;
  for (const name of evm.precompiles.keys()) journal.addAlwaysWarmAddress(name);
  journal.addAlwaysWarmAddress(bytesToUnprefixedHex(tx.sender));
  if (tx.to !== undefined) journal.addAlwaysWarmAddress(bytesToUnprefixedHex(tx.to));
  if (context.rules.shanghai) journal.addAlwaysWarmAddress(bytesToUnprefixedHex(context.beneficiary));
  for (const { address, storageKeys } of tx.accessList ?? []) {
    const name = bytesToUnprefixedHex(address);
    journal.addAlwaysWarmAddress(name);
    for (const key of storageKeys) journal.addAlwaysWarmSlot(name, bytesToUnprefixedHex(key));
  }
}

/** EIP-7702. Returns the gas to refund. */
async function applyAuthorizations(
  evm: SlotEvm,
  context: BlockContext,
  tx: ExecutableTransaction,
): Promise<number> {
  const { slots, journal } = evm;
  let refund = 0;
  for (const { chainId, address, nonce, authority } of tx.authorizations ?? []) {
    if (chainId !== 0n && chainId !== BigInt(context.rules.chainId)) continue;
    if (nonce >= MAX_UINT64 || authority === undefined) continue;
    const account = addressOf(authority);
    journal.addAlwaysWarmAddress(bytesToUnprefixedHex(authority));
    const code = await slots.getCode(account);
    if (code.length > 0 && !isDelegation(code)) continue;
    const record = slots.recordOf(authority);
    if (slots.nonceOf(record) !== nonce) continue;
    if (slots.existsInState(record) || nonce > 0n) refund += AUTHORIZATION_REFUND;
    slots.setNonce(record, nonce + 1n);
    evm.touch(account);
    await slots.putCode(account, isZero(address) ? EMPTY : Uint8Array.of(0xef, 0x01, 0x00, ...address));
  }
  return refund;
}

/** Removes accounts that selfdestructed and, from EIP-158 on, those that were touched while empty. */
async function cleanUp(
  evm: SlotEvm,
  context: BlockContext,
  destroyed: Iterable<string>,
  created: ReadonlySet<string>,
  keepsEmptyAccounts: boolean,
): Promise<void> {
  const { slots } = evm;
  for (const name of destroyed) {
    if (context.rules.eip6780 && !created.has(name)) continue;
    await slots.deleteAccount(addressOf(Uint8Array.from(Buffer.from(name.slice(2), "hex"))));
  }
  if (!context.rules.eip158 || !keepsEmptyAccounts) return;
  for (const name of evm.touched) {
    const address = addressOf(Uint8Array.from(Buffer.from(name, "hex")));
    const record = slots.recordOf(address.bytes);
    if (record.delta !== 0n || (slots.codeOf(record).word.flags & CodeFlag.exists) === 0) continue;
    if (slots.codeOf(record).isEmpty && slots.nonceOf(record) === 0n && slots.balanceOf(record) === 0n)
      await slots.deleteAccount(address);
  }
}

/** Pays the beneficiary: blindly where the transaction has not looked at that balance. */
function payBeneficiary(evm: SlotEvm, context: BlockContext, fee: bigint, keepsEmptyAccounts: boolean): void {
  const { slots } = evm;
  const record = slots.recordOf(context.beneficiary);
  if (fee > 0n) {
    slots.addDelta(record, fee);
    if (!context.rules.eip158 && record.exists === false) record.exists = true;
    return;
  }
  // A fee of zero still touches the account, which creates it before EIP-158 and clears an empty one after.
  if (!context.rules.eip158 && !slots.existsInState(record)) {
    slots.nonceOf(record);
    slots.balanceOf(record);
    record.exists = true;
  }
  if (context.rules.eip158 && keepsEmptyAccounts) evm.touch(addressOf(context.beneficiary));
}

export function blockFor(context: BlockContext, beneficiary: Address) {
  return {
    header: {
      number: BigInt(context.number),
      coinbase: beneficiary,
      timestamp: BigInt(context.timestamp),
      difficulty: context.difficulty,
      prevRandao: context.prevRandao,
      gasLimit: context.exactGasLimit ?? BigInt(context.gasLimit),
      baseFeePerGas: context.baseFee,
      getBlobGasPrice: () => context.blobBaseFee,
    },
  };
}

/** Runs `tx` on `evm`, whose slots are open. Throws what the interpreter throws, `SlotMiss` included. */
export async function runTransaction(
  evm: SlotEvm,
  context: BlockContext,
  tx: ExecutableTransaction,
  options: ExecuteOptions,
  keepsEmptyAccounts: boolean,
): Promise<TransactionOutcome> {
  const { rules, baseFee } = context;
  const refused = checkStatic(context, tx, options);
  if (refused !== undefined) return refused;
  const { intrinsic, floor } = gasDue(tx, rules);
  if (tx.gasLimit < intrinsic || tx.gasLimit < floor) return refuse("rejected", "intrinsic-gas");

  const { slots } = evm;
  const sender = slots.recordOf(tx.sender);
  const caller = addressOf(tx.sender);
  const nonce = slots.nonceOf(sender);
  if (options.skipNonceCheck !== true) {
    if (tx.nonce < nonce) return refuse("rejected", "nonce-too-low");
    if (tx.nonce > nonce) return refuse("returned", "nonce-too-high");
    if (nonce >= MAX_UINT64) return refuse("rejected", "nonce-max");
  }
  if (options.skipSenderCodeCheck !== true && !slots.codeOf(sender).isEmpty) {
    if (!rules.eip7702 || !isDelegation(await slots.getCode(caller)))
      return refuse("rejected", "sender-not-eoa");
  }
  const blobGas = BigInt(tx.blobVersionedHashes?.length ?? 0) * BLOB_GAS;
  const gasLimit = tx.exactGasLimit ?? BigInt(tx.gasLimit);
  const balance = slots.balanceOf(sender);
  const most = gasLimit * tx.maxFeePerGas + tx.value + blobGas * (tx.maxFeePerBlobGas ?? 0n);
  if (balance < most && options.skipFundsCheck !== true) return refuse("rejected", "insufficient-funds");

  const headroom = tx.maxFeePerGas - baseFee;
  // biome-ignore lint/complexity/useMathMinMax: these are big integers.
  const tip = tx.maxPriorityFeePerGas < headroom ? tx.maxPriorityFeePerGas : headroom;
  const gasPrice = options.skipFeeCheck === true && headroom < 0n ? tx.maxFeePerGas : baseFee + tip;

  warmUp(evm, context, tx);
  // Whoever skips the funds check buys gas with what is there.
  const purchase = gasLimit * gasPrice + blobGas * context.blobBaseFee;
  const paid = purchase > balance ? balance : purchase;
  slots.setBalance(sender, balance - paid);
  slots.setNonce(sender, nonce + 1n);
  evm.touch(caller);
  if (!rules.eip158) slots.existsInState(sender);
  const authorizationRefund = tx.type === 4 ? await applyAuthorizations(evm, context, tx) : 0;

  const { execResult: result, createdAddress } = await evm.runCall({
    block: blockFor(context, addressOf(context.beneficiary)),
    gasPrice,
    caller,
    gasLimit: gasLimit - BigInt(intrinsic),
    ...(tx.to === undefined ? {} : { to: addressOf(tx.to) }),
    value: tx.value,
    data: tx.data,
    blobVersionedHashes: (tx.blobVersionedHashes ?? []).map(
      (hash) => `0x${bytesToUnprefixedHex(hash)}` as const,
    ),
    skipNonceIncrement: true,
  });
  if (slots.stopped !== undefined) throw slots.stopped;

  const spent = Number(result.executionGasUsed) + intrinsic;
  const refund = Math.min(
    authorizationRefund + Number(result.gasRefund ?? 0n),
    Math.floor(spent / (rules.eip1559 ? 5 : 2)),
  );
  const gasUsed = Math.max(spent - refund, floor);
  const back = (gasLimit - BigInt(gasUsed)) * gasPrice;
  slots.setBalance(sender, slots.balanceOf(sender) + (paid === purchase ? back : paid < back ? paid : back));
  const fee = BigInt(gasUsed) * (rules.eip1559 ? (gasPrice > baseFee ? gasPrice - baseFee : 0n) : gasPrice);
  payBeneficiary(evm, context, fee, keepsEmptyAccounts);
  await cleanUp(
    evm,
    context,
    [...(result.selfdestruct?.keys() ?? [])].sort(),
    result.createdAddresses ?? new Set(),
    keepsEmptyAccounts,
  );
  if (slots.stopped !== undefined) throw slots.stopped;

  const failed = result.exceptionError !== undefined;
  return {
    outcome: "included",
    status: failed ? 0 : 1,
    gasUsed,
    refund,
    logs: encodeLogs((result.logs ?? []).map(([address, topics, data]) => ({ address, topics, data }))),
    returnData: result.returnValue,
    createdAddress: tx.to === undefined && !failed ? createdAddress?.bytes : undefined,
    beneficiaryFee: fee,
  };
}
