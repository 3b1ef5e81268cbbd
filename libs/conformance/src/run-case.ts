/** One case through one engine, with everything checked that the suites allow to check. */
import { type Fork, forkByName } from "@velarium/chain-rules";
import {
  type BlockContext,
  type Engine,
  type ExecutableTransaction,
  type ExecutionResult,
  keccak256,
  type StateView,
} from "@velarium/engine";
import { TxError } from "@velarium/tx-codec";
import { blockContextOf } from "./block-context.ts";
import { type CaseState, caseStateOf } from "./case-state.ts";
import { transactionOf } from "./case-transaction.ts";
import { describeRefusal, type Refusal, rejectionMismatch } from "./rejection.ts";
import { stateRootOf } from "./state-root.ts";
import { hexOf, type StateCase } from "./state-test.ts";

const NO_LOGS_HASH = hexOf(keccak256(Uint8Array.of(0xc0)));

/** A case made ready: what the engine is given, and the state that it works on. */
export interface PreparedCase {
  readonly stateCase: StateCase;
  readonly fork: Fork;
  readonly context: BlockContext;
  readonly transaction: ExecutableTransaction;
  readonly state: CaseState;
}

/** Executes a prepared case; the default hands the engine the state itself. */
export type Execute = (engine: Engine, prepared: PreparedCase) => Promise<ExecutionResult> | ExecutionResult;

export type CaseVerdict =
  | { readonly status: "passed" }
  | { readonly status: "failed"; readonly why: string }
  | { readonly status: "skipped"; readonly why: string };

const PASSED: CaseVerdict = { status: "passed" };
const failed = (why: string): CaseVerdict => ({ status: "failed", why });

export const executeDirectly = (
  engine: Engine,
  { context, transaction, state }: PreparedCase,
  view: StateView = state,
): Promise<ExecutionResult> | ExecutionResult => engine.execute(context, transaction, view);

/** Throws TxError where the transaction itself is refused by the decoder. Undefined for a fork that is not known. */
export function prepareCase(stateCase: StateCase): PreparedCase | undefined {
  const fork = forkByName(stateCase.fork);
  if (fork === undefined) return undefined;
  const context = blockContextOf(stateCase.test, fork, stateCase.fork);
  const transaction = transactionOf(stateCase, context.rules);
  return { stateCase, fork, context, transaction, state: caseStateOf(stateCase.test) };
}

/**
 * Suites without transaction bytes are older than `expectException`. There a rejection is expected exactly when the
 * root is that of the untouched pre-state: a valid transaction at least raises a nonce.
 */
function isRejectionExpected({ test, post }: StateCase): boolean {
  if (post.expectException !== undefined) return true;
  if (post.txbytes !== undefined || post.logs !== NO_LOGS_HASH) return false;
  return hexOf(stateRootOf(caseStateOf(test))) === post.hash;
}

function judgeRejection(stateCase: StateCase, refusal: Refusal): CaseVerdict {
  const { post, test } = stateCase;
  if (!isRejectionExpected(stateCase))
    return failed(`rejected (${describeRefusal(refusal)}), but it is valid`);
  const mismatch =
    post.expectException === undefined ? undefined : rejectionMismatch(post.expectException, refusal);
  if (mismatch !== undefined) return failed(mismatch);
  if (post.logs !== NO_LOGS_HASH) return failed(`rejected, but logs are expected: ${post.logs}`);
  const root = hexOf(stateRootOf(caseStateOf(test)));
  return root === post.hash
    ? PASSED
    : failed(`rejected; root of the pre-state ${root}, expected ${post.hash}`);
}

function judgeInclusion({ stateCase, state }: PreparedCase, result: ExecutionResult): CaseVerdict {
  const { post } = stateCase;
  if (post.expectException !== undefined)
    return failed(`included, expected to be rejected: ${post.expectException}`);
  const logs = hexOf(keccak256(result.logs));
  if (logs !== post.logs) return failed(`logs ${logs}, expected ${post.logs}`);
  state.apply(result);
  const root = hexOf(stateRootOf(state));
  if (root !== post.hash)
    return failed(`root ${root}, expected ${post.hash} (status ${result.status}, gas ${result.gasUsed})`);
  return PASSED;
}

/** Runs one case. Errors of the engine are failures of the case. */
export async function runCase(
  engine: Engine,
  stateCase: StateCase,
  execute: Execute = executeDirectly,
): Promise<CaseVerdict> {
  let prepared: PreparedCase | undefined;
  try {
    prepared = prepareCase(stateCase);
  } catch (error) {
    if (!(error instanceof TxError)) throw error;
    return judgeRejection(stateCase, { by: "decoder", error });
  }
  if (prepared === undefined) return { status: "skipped", why: `there is no fork ${stateCase.fork}` };
  let result: ExecutionResult;
  try {
    result = await execute(engine, prepared);
  } catch (error) {
    return failed(`the engine failed: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (result.outcome === "included") return judgeInclusion(prepared, result);
  return judgeRejection(stateCase, { by: "engine", reason: result.reason! });
}
