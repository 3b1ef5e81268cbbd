/** Runs against committed state that changes nothing: access sets for the analyzer, and the calls of JSON-RPC. */
import { AccessKind, addressOf, Domain, domainOf, SLOT_KEY_BYTES, storageSlotOf } from "@velarium/slots";
import { gasDue } from "./gas.ts";
import type {
  AccessColumns,
  AccessListEntry,
  BlockContext,
  Engine,
  ExecutableTransaction,
  ExecuteOptions,
  ExecutionResult,
  StateView,
} from "./types.ts";

/**
 * Runs a transaction whose nonce, funds and fees may fit only later. Its accesses are a declaration: attempted writes
 * are W even where they left the value as it was.
 */
export function simulateTransaction(
  engine: Engine,
  context: BlockContext,
  transaction: ExecutableTransaction,
  state: StateView,
): Promise<ExecutionResult> | ExecutionResult {
  return engine.execute(context, transaction, state, {
    skipNonceCheck: true,
    skipFundsCheck: true,
    skipFeeCheck: true,
    reportAttemptedWrites: true,
  });
}

/** A call object of JSON-RPC. Absent: zero address, all gas, no price, no value, no data. */
export interface CallRequest {
  readonly from?: Uint8Array | undefined;
  readonly to?: Uint8Array | undefined;
  readonly gas?: number | undefined;
  readonly gasPrice?: bigint | undefined;
  readonly value?: bigint | undefined;
  readonly data?: Uint8Array | undefined;
  readonly accessList?: readonly AccessListEntry[] | undefined;
}

const ZERO_ADDRESS = new Uint8Array(20);
const EMPTY = new Uint8Array(0);

/** Most gas that a call may use in `context`. */
export const callGasCap = (context: BlockContext): number =>
  Math.min(context.gasLimit, context.rules.limits.transactionGas ?? Number.POSITIVE_INFINITY);

function transactionOf(call: CallRequest, gasLimit: number): ExecutableTransaction {
  const price = call.gasPrice ?? 0n;
  return {
    type: call.accessList === undefined ? 0 : 1,
    sender: call.from ?? ZERO_ADDRESS,
    nonce: 0n,
    gasLimit,
    to: call.to,
    value: call.value ?? 0n,
    data: call.data ?? EMPTY,
    maxFeePerGas: price,
    maxPriorityFeePerGas: price,
    accessList: call.accessList,
  };
}

/**
 * `eth_call`. A failed execution is a result with status 0 and the revert data; a call that could not run at all
 * (funds, intrinsic gas) has outcome `rejected` or `returned` and a reason.
 */
export function runCall(
  engine: Engine,
  context: BlockContext,
  call: CallRequest,
  state: StateView,
  options: Pick<ExecuteOptions, "trace"> = {},
): Promise<ExecutionResult> | ExecutionResult {
  const gasLimit = Math.min(call.gas ?? callGasCap(context), callGasCap(context));
  return engine.execute(context, transactionOf(call, gasLimit), state, {
    skipNonceCheck: true,
    skipFeeCheck: true,
    skipSenderCodeCheck: true,
    ...options,
  });
}

export type GasEstimate =
  | { readonly kind: "gas"; readonly gas: number }
  /** Fails however much gas it gets; `result` tells why. */
  | { readonly kind: "failed"; readonly result: ExecutionResult };

/** Where the search ends: estimates are at most this part above the least gas, as geth's are. */
const ESTIMATE_TOLERANCE = 0.015;

/** `eth_estimateGas`: the least gas limit, within tolerance, with which the call succeeds. */
export async function estimateGas(
  engine: Engine,
  context: BlockContext,
  call: CallRequest,
  state: StateView,
): Promise<GasEstimate> {
  const most = Math.min(call.gas ?? callGasCap(context), callGasCap(context));
  const attempt = (gas: number) => runCall(engine, context, { ...call, gas }, state);
  const succeeded = (result: ExecutionResult) => result.outcome === "included" && result.status === 1;
  const first = await attempt(most);
  if (!succeeded(first)) return { kind: "failed", result: first };
  const due = gasDue(transactionOf(call, most), context.rules);
  // Refunds are paid at the end, so more than the gas used may be needed on the way.
  let low = Math.max(due.intrinsic, due.floor, first.gasUsed) - 1;
  let high = most;
  // Calls keep back a 64th of their gas: what they used and that much more is nearly always enough.
  const guess = Math.ceil(((first.gasUsed + first.refund) * 64) / 63) + 2_300;
  if (guess < high) {
    if (succeeded(await attempt(guess))) high = guess;
    else low = Math.max(low, guess);
  }
  // First the least possible: exact for transfers and most calls.
  if (low + 1 < high && succeeded(await attempt(low + 1))) return { kind: "gas", gas: low + 1 };
  while (low + 1 < high && (high - low) / high > ESTIMATE_TOLERANCE) {
    const middle = Math.floor((low + high) / 2);
    if (succeeded(await attempt(middle))) high = middle;
    else low = middle;
  }
  return { kind: "gas", gas: high };
}

/** Addresses and storage keys of accesses in the form of EIP-2930; `free` addresses are listed only with storage. */
export function accessListOf(accesses: AccessColumns, free: readonly Uint8Array[]): AccessListEntry[] {
  const entries = new Map<string, { address: Uint8Array; storageKeys: Uint8Array[] }>();
  const names = new Set(free.map((address) => Buffer.from(address).toString("hex")));
  for (let i = 0; i < accesses.count; i++) {
    const at = i * SLOT_KEY_BYTES;
    const domain = domainOf(accesses.keys, at);
    if (domain === Domain.blockHash || accesses.kinds[i] === AccessKind.D) continue;
    const address = addressOf(accesses.keys, at).slice();
    const name = Buffer.from(address).toString("hex");
    if (domain !== Domain.storage && names.has(name)) continue;
    let entry = entries.get(name);
    if (entry === undefined) entries.set(name, (entry = { address, storageKeys: [] }));
    if (domain === Domain.storage) entry.storageKeys.push(storageSlotOf(accesses.keys, at).slice());
  }
  return [...entries.values()];
}

/** Rounds after which an access list that keeps growing is taken as it is. */
const MAX_LIST_ROUNDS = 8;

/** `eth_createAccessList`: runs the call with the list found so far until the list no longer changes. */
export async function createAccessList(
  engine: Engine,
  context: BlockContext,
  call: CallRequest,
  state: StateView,
): Promise<{ accessList: AccessListEntry[]; gasUsed: number; result: ExecutionResult }> {
  const free = [call.from ?? ZERO_ADDRESS, context.beneficiary];
  if (call.to !== undefined) free.push(call.to);
  let accessList: AccessListEntry[] = [...(call.accessList ?? [])];
  for (let round = 1; ; round++) {
    const result = await runCall(engine, context, { ...call, accessList }, state);
    const found = accessListOf(result.accesses, free);
    const size = (list: readonly AccessListEntry[]) => list.reduce((n, e) => n + 1 + e.storageKeys.length, 0);
    if (result.outcome !== "included" || size(found) === size(accessList) || round === MAX_LIST_ROUNDS)
      return { accessList: found, gasUsed: result.gasUsed, result };
    accessList = found;
  }
}
