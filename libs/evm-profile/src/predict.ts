/** The two ways to find accesses without running a transaction: by its profiles, else by evaluating its codes. */
import type { BlockRules } from "@velarium/chain-rules";
import type { BlockContext, ExecutableTransaction, StateView } from "@velarium/engine";
import type { BuildFunction } from "@velarium/evm-ir";
import { applyProfiles } from "./apply/apply.ts";
import { type ProfileCache, ProfileStore } from "./apply/profile-store.ts";
import { CodePrograms } from "./evaluate/code-programs.ts";
import { type Evaluation, evaluateAccesses } from "./evaluate/evaluate.ts";
import type { UnknownReason } from "./evaluate/unknown.ts";

export interface AccessPredictorOptions {
  readonly build: BuildFunction;
  /** Where replicas share profiles. */
  readonly cache?: ProfileCache | undefined;
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

export interface Knowledge {
  readonly store: ProfileStore;
  readonly programs: CodePrograms;
}

export class AccessPredictor {
  readonly counters: PredictorCounters = { applied: 0, evaluated: 0, unknown: new Map() };
  private readonly options: AccessPredictorOptions;
  private readonly byRules = new Map<BlockRules, Knowledge>();

  constructor(options: AccessPredictorOptions) {
    this.options = options;
  }

  knowledgeOf(rules: BlockRules): Knowledge {
    let knowledge = this.byRules.get(rules);
    if (knowledge === undefined) {
      const { build, cache } = this.options;
      knowledge = {
        store: new ProfileStore(rules, build, { cache }),
        programs: new CodePrograms(rules, build),
      };
      this.byRules.set(rules, knowledge);
    }
    return knowledge;
  }

  /** A sum over all rules that were in force. */
  total(of: (knowledge: Knowledge) => number): number {
    let sum = 0;
    for (const knowledge of this.byRules.values()) sum += of(knowledge);
    return sum;
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
