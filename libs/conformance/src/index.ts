export {
  createEngineUnderTest,
  ENGINE_NAMES,
  type EngineName,
  type EngineUnderTest,
} from "./engine-under-test.ts";
export {
  type CaseVerdict,
  type Execute,
  executeDirectly,
  type PreparedCase,
  prepareCase,
  runCase,
} from "./run-case.ts";
export { stateRootOf } from "./state-root.ts";
export { readStateCases, type StateCase, StateTestError, stateTestFiles } from "./state-test.ts";
export { runSuite, type SuiteOptions } from "./suite.ts";
export { suiteJson, suiteLines } from "./suite-report.ts";
export type { SuiteResult } from "./suite-result.ts";
export { type TrieItem, trieRoot } from "./trie-root.ts";
