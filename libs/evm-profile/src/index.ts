export { CodePrograms } from "./evaluate/code-programs.ts";
export {
  type AccessVisitor,
  type Evaluation,
  type EvaluationOptions,
  evaluateAccesses,
} from "./evaluate/evaluate.ts";
export { UNKNOWN_REASONS, type UnknownReason } from "./evaluate/unknown.ts";
