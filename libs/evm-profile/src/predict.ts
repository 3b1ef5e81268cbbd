/** The two ways to find accesses without running a transaction: by its profiles, else by evaluating its codes. */
import type { BlockRules } from "@velarium/chain-rules";
import type { BlockContext, ExecutableTransaction, StateView } from "@velarium/engine";
import type { BuildFunction } from "@velarium/evm-ir";
import { applyProfiles } from "./apply/apply.ts";
import { ProfileStore } from "./apply/profile-store.ts";
import { CodePrograms } from "./evaluate/code-programs.ts";
import { type Evaluation, evaluateAccesses } from "./evaluate/evaluate.ts";
import type { UnknownReason } from "./evaluate/unknown.ts";

export interface AccessPredictorOptions {
  readonly build: BuildFunction;
  /** Instructions of one evaluation; 0: profiles only. */
  readonly evaluationSteps?: number;
}

export interface PredictorCounters {
  /** Calls whose accesses followed from profiles, and from evaluation. */
  applied: number;
  evaluated: number;
  /** Calls of which neither knew all accesses, by the reason of the last one asked. */
  readonly unknown: Map<UnknownReason, number>;
}

interface Knowledge {
  readonly store: ProfileStore;
  readonly programs: CodePrograms;
}

export class AccessPredictor {
  readonly counters: PredictorCounters = { applied: 0, evaluated: 0, unknown: new Map() };
  private readonly options: AccessPredictorOptions;
  private readonly byRules = new WeakMap<BlockRules, Knowledge>();

  constructor(options: AccessPredictorOptions) {
    this.options = options;
  }

  knowledgeOf(rules: BlockRules): Knowledge {
    let knowledge = this.byRules.get(rules);
    if (knowledge === undefined) {
      const { build } = this.options;
      knowledge = { store: new ProfileStore(rules, build), programs: new CodePrograms(rules, build) };
      this.byRules.set(rules, knowledge);
    }
    return knowledge;
  }

  /** Rejects only when the state does not answer. */
  async predict(
    context: BlockContext,
    transaction: ExecutableTransaction,
    state: StateView,
  ): Promise<Evaluation> {
    const { store, programs } = this.knowledgeOf(context.rules);
    const { counters } = this;
    const applied = await applyProfiles(context, transaction, { profiles: store, state, readsState: true });
    if (applied.known) {
      counters.applied++;
      return applied;
    }
    const { evaluationSteps: steps } = this.options;
    const evaluated =
      steps === 0
        ? applied
        : await evaluateAccesses(context, transaction, {
            programs,
            state,
            ...(steps === undefined ? {} : { steps }),
          });
    if (evaluated.known) counters.evaluated++;
    else counters.unknown.set(evaluated.reason, (counters.unknown.get(evaluated.reason) ?? 0) + 1);
    return evaluated;
  }
}
