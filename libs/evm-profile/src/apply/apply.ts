/** The accesses of a transaction by profiles, with state fetched as they ask for it. */
import type { BlockContext, ExecutableTransaction, StateView } from "@velarium/engine";
import { type Evaluation, settled } from "../evaluate/evaluate.ts";
import { FetchedState } from "../evaluate/fetched-state.ts";
import { StateMiss, UnknownAccess } from "../evaluate/unknown.ts";
import { ProfileMiss, type ProfileSource } from "./profile-source.ts";
import { ProfileRun } from "./run.ts";

export interface ApplyOptions {
  readonly profiles: ProfileSource;
  readonly state: StateView;
  /** False: only code is read, no value of state. */
  readonly readsState: boolean;
}

/** Profiles that one transaction may wait for. */
const MAX_PROFILES = 64;

/** Rejects only when the state does not answer. */
export async function applyProfiles(
  context: BlockContext,
  transaction: ExecutableTransaction,
  options: ApplyOptions,
): Promise<Evaluation> {
  try {
    // Mostly everything is at hand.
    return applyOnce(context, transaction, options.state, options);
  } catch (thrown) {
    if (thrown instanceof UnknownAccess) return { known: false, reason: thrown.reason };
    if (!(thrown instanceof StateMiss) && !(thrown instanceof ProfileMiss)) throw thrown;
  }
  return applyPatiently(context, transaction, options);
}

async function applyPatiently(
  context: BlockContext,
  transaction: ExecutableTransaction,
  options: ApplyOptions,
): Promise<Evaluation> {
  const state = new FetchedState(options.state);
  for (let round = 0; round < MAX_PROFILES; round++) {
    try {
      return await settled(state, () => applyOnce(context, transaction, state, options));
    } catch (thrown) {
      if (!(thrown instanceof ProfileMiss)) throw thrown;
      await options.profiles.load(thrown);
    }
  }
  return { known: false, reason: "misses" };
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
