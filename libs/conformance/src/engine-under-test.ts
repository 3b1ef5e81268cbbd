/** The engines that the suites can be run on, by name. */
import { createReferenceEngine, type Engine } from "@velarium/engine";

export const ENGINE_NAMES = ["reference"] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

/** What an engine says of its own work, summed up since it was made. */
export interface EngineAccount {
  /** Suspensions by mnemonic of the opcode at which execution left; empty where the engine cannot tell. */
  readonly suspensions: Readonly<Record<string, number>>;
  /** Executions that ran elsewhere than where they were wanted, by reason. */
  readonly elsewhere: Readonly<Record<string, number>>;
}

export interface EngineUnderTest {
  readonly engine: Engine;
  account(): EngineAccount;
}

export function createEngineUnderTest(_name: EngineName): EngineUnderTest {
  return {
    engine: createReferenceEngine({ keepsEmptyAccounts: true }),
    account: () => ({ suspensions: {}, elsewhere: {} }),
  };
}
