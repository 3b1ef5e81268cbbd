export { type ApplyOptions, applyProfiles } from "./apply/apply.ts";
export { type KnownProfile, ProfileMiss, type ProfileSource } from "./apply/profile-source.ts";
export { type ProfileCache, ProfileStore, type ProfileStoreOptions } from "./apply/profile-store.ts";
export { CodePrograms } from "./evaluate/code-programs.ts";
export {
  type AccessVisitor,
  type Evaluation,
  type EvaluationOptions,
  evaluateAccesses,
} from "./evaluate/evaluate.ts";
export { UNKNOWN_REASONS, type UnknownReason } from "./evaluate/unknown.ts";
export { type Graph, type GraphOptions, graphOf } from "./graph/svg.ts";
export { PackedCodes } from "./packed/packed-codes.ts";
export { type PackedCall, PackedOutcome, PackedRun } from "./packed/packed-run.ts";
export type { AccessSink } from "./packed/packed-touched.ts";
export type { PackedState } from "./packed/packed-values.ts";
export { WordArena } from "./packed/word-arena.ts";
export { AccessPredictor, type AccessPredictorOptions, type PredictorCounters } from "./predict.ts";
export { compacted } from "./profile/compact.ts";
export * from "./profile/format.ts";
export {
  ProfileError,
  profileFromJson,
  profileFromText,
  profileToJson,
  profileToText,
} from "./profile/json.ts";
export { selectorOf, signatureOf } from "./profile/signatures.ts";
export { profileLines, selectorName } from "./profile/words.ts";
export {
  type AnalysisOptions,
  analyzeCode,
  analyzeFunction,
  analyzeSelector,
  blocksOf,
  selectorsOf,
} from "./symbolic/analyze.ts";
