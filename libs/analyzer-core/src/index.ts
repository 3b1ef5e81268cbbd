/**
 * Analysis of admitted transactions: a `TxBatch` becomes the columns of `Analyzed`.
 *
 * Plain transfers are recognised and given their five slot ids without an object per transaction; everything else gets
 * its access set from the first strategy that knows one: declared by the sender, profile of the contract, simulation on
 * committed state. State is read through a port (`SlotSource`), so the analysis itself holds no connection.
 */
export { AccessSet } from "./access-set.ts";
export {
  type AnalysisErrorClass,
  type AnalysisErrorListener,
  AnalysisErrors,
  type AnalysisStage,
} from "./analysis-errors.ts";
export {
  type AnalyzerCounters,
  BatchAnalyzer,
  type BatchAnalyzerOptions,
  simulationContext,
} from "./batch-analyzer.ts";
export { TransferAccess } from "./batch-draft.ts";
export { CodelessSet } from "./codeless-set.ts";
export { CodeCache, CommittedView, type CommittedViewOptions } from "./committed-view.ts";
export { ProfileStrategy, type ProfileStrategyOptions } from "./profile-strategy.ts";
export * from "./replay-transaction.ts";
export { recoverHere, type SenderRecovery } from "./sender-recovery.ts";
export { AnalyzerError, type SlotSource } from "./slot-source.ts";
export {
  type AccessQuestion,
  type AccessStrategy,
  declaredAccesses,
  type Knowledge,
  SimulationStrategy,
} from "./strategies.ts";
