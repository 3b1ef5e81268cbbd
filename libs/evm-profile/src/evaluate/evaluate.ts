/**
 * The accesses of one transaction on the parent state, found by evaluating the functions of the codes that it runs:
 * no logs, no refunds, no signatures, no trie of results. When the run fails on the parent state, it is made
 * again under the assumption that guards hold, and both sets are given: an earlier transaction of the same block may
 * make true what is not true yet.
 */
import { type BlockContext, type ExecutableTransaction, gasDue, type StateView } from "@velarium/engine";
import type { AccessKind } from "@velarium/slots";
import { addressWord, loadWord } from "./bytes.ts";
import { CallRunner } from "./calls.ts";
import type { CodePrograms } from "./code-programs.ts";
import { FetchedState } from "./fetched-state.ts";
import { Surroundings } from "./surroundings.ts";
import { StateMiss, UnknownAccess, type UnknownReason } from "./unknown.ts";
import { World } from "./world.ts";

/** Instructions of one evaluation: some 10 ms. */
const DEFAULT_STEPS = 200_000;
/** Rounds of reads that one evaluation may wait for. */
const MAX_ROUNDS = 256;

export interface EvaluationOptions {
  readonly programs: CodePrograms;
  readonly state: StateView;
  readonly steps?: number;
  /** Leave out the second run of what fails on the parent state. */
  readonly onlyAsItIs?: boolean;
}

export type AccessVisitor = (key: Uint8Array, kind: AccessKind) => void;

export type Evaluation =
  | {
      readonly known: true;
      /** Whether the run on the parent state succeeded. */
      readonly succeeded: boolean;
      /** Every slot once for each run: kinds are to be joined. Keys of 56 bytes. */
      readonly forEachAccess: (visit: AccessVisitor) => void;
    }
  | { readonly known: false; readonly reason: UnknownReason };

/** Rejects only when the state does not answer. */
export async function evaluateAccesses(
  context: BlockContext,
  transaction: ExecutableTransaction,
  options: EvaluationOptions,
): Promise<Evaluation> {
  const state = new FetchedState(options.state);
  const first = await settled(state, () => evaluateOnce(context, transaction, state, options, false));
  if (!first.known || first.succeeded || options.onlyAsItIs === true) return first;
  const second = await settled(state, () => evaluateOnce(context, transaction, state, options, true));
  if (!second.known) return first;
  return {
    known: true,
    succeeded: false,
    forEachAccess: (visit) => {
      first.forEachAccess(visit);
      second.forEachAccess(visit);
    },
  };
}

/** Repeats `run` with what it was missing. */
export async function settled(state: FetchedState, run: () => Evaluation): Promise<Evaluation> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    try {
      return run();
    } catch (thrown) {
      if (thrown instanceof UnknownAccess) return { known: false, reason: thrown.reason };
      if (!(thrown instanceof StateMiss)) throw thrown;
      await state.resolve(thrown);
    }
  }
  return { known: false, reason: "misses" };
}

function evaluateOnce(
  context: BlockContext,
  transaction: ExecutableTransaction,
  state: StateView,
  options: EvaluationOptions,
  assumesSuccess: boolean,
): Evaluation {
  const { to } = transaction;
  if (to === undefined) throw new UnknownAccess("create");
  const { rules } = context;
  const world = new World(state, rules);
  const runner = new CallRunner({
    world,
    surroundings: new Surroundings(context, transaction, () => []),
    rules,
    programs: options.programs,
    steps: options.steps ?? DEFAULT_STEPS,
    assumesSuccess,
  });
  const sender = world.account(addressWord(transaction.sender));
  world.hasCode(sender);
  world.setNonce(sender, world.nonceOf(sender) + 1n);
  buyGas(world, transaction, runner.surroundings.gasPrice);
  authorize(world, context, transaction);
  const account = world.account(addressWord(to));
  if (!world.hasCode(account)) throw new UnknownAccess("profile");
  warmUp(world, context, transaction);
  // What the called account delegates to is warm already (EIP-7702).
  const delegate = runner.delegateOf(account);
  if (delegate !== undefined) world.warm(delegate);
  const result = runner.call({
    account,
    codeAccount: account,
    caller: sender.address,
    value: transaction.value,
    transfers: true,
    data: transaction.data,
    isStatic: false,
    depth: 0,
    gas: Math.max(0, transaction.gasLimit - gasDue(transaction, rules).intrinsic),
  });
  const beneficiary = world.account(addressWord(context.beneficiary));
  // Whoever looks at the balance that the fee goes to adds the fee to it himself.
  if (beneficiary.balance !== undefined) world.setBalance(beneficiary, beneficiary.balance.value);
  return {
    known: true,
    succeeded: result.ok,
    forEachAccess: (visit) => world.forEachAccess(visit),
  };
}

/** What is warm from the beginning (EIP-2929, 2930, 3651). */
function warmUp(world: World, { rules, beneficiary }: BlockContext, tx: ExecutableTransaction): void {
  world.warm(world.account(addressWord(tx.sender)));
  if (tx.to !== undefined) world.warm(world.account(addressWord(tx.to)));
  if (rules.shanghai) world.warm(world.account(addressWord(beneficiary)));
  for (const { address, storageKeys } of tx.accessList ?? []) {
    const account = world.account(addressWord(address));
    world.warm(account);
    account.listed ??= new Set();
    for (const key of storageKeys) account.listed.add(loadWord(key, 0));
  }
}

function buyGas(world: World, tx: ExecutableTransaction, price: bigint): void {
  const sender = world.account(addressWord(tx.sender));
  const balance = world.balanceOf(sender);
  const cost = BigInt(tx.gasLimit) * price;
  world.setBalance(sender, cost + tx.value > balance ? balance : balance - cost);
}

/** EIP-7702: the accounts that hand themselves over, whether or not their authorization is any good. */
function authorize(world: World, context: BlockContext, tx: ExecutableTransaction): void {
  if (!context.rules.eip7702) return;
  for (const { chainId, address, nonce, authority } of tx.authorizations ?? []) {
    if (authority === undefined || (chainId !== 0n && chainId !== BigInt(context.rules.chainId))) continue;
    const account = world.account(addressWord(authority));
    world.warm(account);
    const code = world.codeOf(account);
    if (code.length > 0 && !(code.length === 23 && code[0] === 0xef && code[1] === 1)) continue;
    if (world.nonceOf(account) !== nonce) continue;
    // Gas is given back for one that exists already.
    world.isEmpty(account);
    world.setNonce(account, nonce + 1n);
    const clears = address.every((byte) => byte === 0);
    world.setCode(account, clears ? new Uint8Array(0) : Uint8Array.of(0xef, 0x01, 0x00, ...address));
  }
}
