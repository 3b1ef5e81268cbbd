/** The accesses of a transaction by profiles, with state fetched as they ask for it. */
import type { BlockContext, ExecutableTransaction, StateView } from "@velarium/engine";
import { type Evaluation, settled } from "../evaluate/evaluate.ts";
import { FetchedState } from "../evaluate/fetched-state.ts";
import type { ProfileSource } from "./profile-source.ts";
import { ProfileRun } from "./run.ts";

export interface ApplyOptions {
  readonly profiles: ProfileSource;
  readonly state: StateView;
  /** False: only code is read, no value of state. */
  readonly readsState: boolean;
}

/** Rejects only when the state does not answer. */
export async function applyProfiles(
  context: BlockContext,
  transaction: ExecutableTransaction,
  options: ApplyOptions,
): Promise<Evaluation> {
  const state = new FetchedState(options.state);
  return settled(state, () => applyOnce(context, transaction, state, options));
}

function applyOnce(
  context: BlockContext,
  transaction: ExecutableTransaction,
  state: StateView,
  options: ApplyOptions,
): Evaluation {
  const run = new ProfileRun(context, transaction, state, options.profiles, options.readsState);
  run.run();
  return { known: true, succeeded: true, forEachAccess: (visit) => run.forEachAccess(visit) };
}
