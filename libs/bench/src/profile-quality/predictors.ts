/** Ways to predict the accesses of a call from the parent state. */
import {
  type BlockContext,
  bytesToMapKey,
  type Engine,
  EngineError,
  type ExecutableTransaction,
  type StateView,
  simulateTransaction,
} from "@velarium/engine";
import { buildFunction } from "@velarium/evm-ir";
import { AccessPredictor, applyProfiles, type Evaluation, UNKNOWN_REASONS } from "@velarium/evm-profile";
import { type AccessKind, joinKinds } from "@velarium/slots";
import { declarable } from "./comparison.ts";

export type Prediction =
  | { readonly known: true; readonly kinds: ReadonlyMap<string, AccessKind> }
  /** An explicit answer: someone else is to be asked. */
  | { readonly known: false; readonly reason: string };

export interface Predictor {
  readonly name: string;
  predict(context: BlockContext, transaction: ExecutableTransaction, state: StateView): Promise<Prediction>;
}

export function simulationPredictor(engine: Engine): Predictor {
  return {
    name: "simulation",
    async predict(context, transaction, state) {
      try {
        const { accesses } = await simulateTransaction(engine, context, transaction, state);
        return { known: true, kinds: declarable(accesses, context.beneficiary) };
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        return { known: false, reason: `the engine could not finish (${error.code})` };
      }
    },
  };
}

function predictionOf(evaluation: Evaluation): Prediction {
  if (!evaluation.known) return { known: false, reason: `unknown: ${UNKNOWN_REASONS[evaluation.reason]}` };
  const map = new KindMap();
  evaluation.forEachAccess((key, kind) => map.add(key, kind));
  return { known: true, kinds: map.kinds };
}

/** Both kinds of prediction by profiles; they share what is known of codes. */
export function profilePredictors(): Predictor[] {
  const predictor = new AccessPredictor({ build: buildFunction });
  return [
    {
      name: "profiles alone",
      async predict(context, transaction, state) {
        const { store: profiles } = predictor.knowledgeOf(context.rules);
        return predictionOf(
          await applyProfiles(context, transaction, { profiles, state, readsState: false }),
        );
      },
    },
    {
      name: "profiles with state reads",
      async predict(context, transaction, state) {
        return predictionOf(await predictor.predict(context, transaction, state));
      },
    },
  ];
}

/** Kinds by key, joined where a key comes twice. */
export class KindMap {
  readonly kinds = new Map<string, AccessKind>();

  add(key: Uint8Array, kind: AccessKind): void {
    const name = bytesToMapKey(key);
    const known = this.kinds.get(name);
    this.kinds.set(name, known === undefined ? kind : joinKinds(known, kind));
  }
}
