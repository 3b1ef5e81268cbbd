export { type ApplyOptions, applyProfiles } from "./apply/apply.ts";
export type { KnownProfile, ProfileSource } from "./apply/profile-source.ts";
export { ProfileStore } from "./apply/profile-store.ts";
export { CodePrograms } from "./evaluate/code-programs.ts";
export {
  type AccessVisitor,
  type Evaluation,
  type EvaluationOptions,
  evaluateAccesses,
} from "./evaluate/evaluate.ts";
export { UNKNOWN_REASONS, type UnknownReason } from "./evaluate/unknown.ts";
export { AccessPredictor, type AccessPredictorOptions, type PredictorCounters } from "./predict.ts";
export * from "./profile/format.ts";
export { type AnalysisOptions, analyzeCode, analyzeFunction, analyzeSelector } from "./symbolic/analyze.ts";
