/** Access sets from profiles of the codes that a call runs, or from their evaluation, without running the call. */
import { buildFunction } from "@velarium/evm-ir";
import { AccessPredictor, type ProfileCache } from "@velarium/evm-profile";
import type { AccessSet } from "./access-set.ts";
import type { AccessQuestion, AccessStrategy, Knowledge } from "./strategies.ts";

export interface ProfileStrategyOptions {
  /** Where analyzers share profiles; each keeps its own when left out. */
  readonly cache?: ProfileCache | undefined;
  /** Instructions that the evaluation of one transaction may take, some 20 per µs; 0: profiles only. 20,000. */
  readonly evaluationSteps?: number;
}

/** Above, a run of the engine costs less than to evaluate. */
const DEFAULT_STEPS = 20_000;

export class ProfileStrategy implements AccessStrategy {
  readonly name = "profile";
  readonly predictor: AccessPredictor;

  constructor(options: ProfileStrategyOptions = {}) {
    const evaluationSteps = options.evaluationSteps ?? DEFAULT_STEPS;
    this.predictor = new AccessPredictor({ build: buildFunction, cache: options.cache, evaluationSteps });
  }

  /** Adds nothing unless it knows everything: what is not known is left to whoever is asked next. */
  async contribute({ transaction, context, view }: AccessQuestion, into: AccessSet): Promise<Knowledge> {
    if (transaction.to === undefined) return "none";
    const failuresBefore = view.failures;
    try {
      const found = await this.predictor.predict(context, transaction, view);
      if (!found.known) return "none";
      found.forEachAccess((key, kind) => into.add(key, 0, kind));
      return "complete";
    } catch (error) {
      throw view.failures !== failuresBefore ? view.lastFailure : error;
    }
  }
}
