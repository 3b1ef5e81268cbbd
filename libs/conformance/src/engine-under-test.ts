/** The engines that the suites can be run on, by name. */
import { createReferenceEngine, type Engine } from "@velarium/engine";
import { createWasmEngine } from "@velarium/engine-wasm";
import { opcodeTableOf } from "@velarium/evm-opcodes";
import { loadFastCurves } from "@velarium/precompiles";

export const ENGINE_NAMES = ["wasm-interpreter", "reference"] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

/** What an engine says of its own work, summed up since it was made. */
export interface EngineAccount {
  /** Executions that ran elsewhere than where they were wanted, by reason. */
  readonly elsewhere: Readonly<Record<string, number>>;
}

export interface EngineUnderTest {
  readonly engine: Engine;
  account(): EngineAccount;
  /** Mnemonic of the opcode that waits at the moment, inside `fetch`; undefined where the engine cannot tell. */
  waitingOpcode(): string | undefined;
}

/**
 * Bytes of EVM memory over all frames of one execution. Tests with the gas of many blocks nest calls whose memories
 * take more than a gigabyte together.
 */
const EVM_MEMORY_BYTES = 1.5 * 2 ** 30;
const names = opcodeTableOf("osaka");
/** Where the transaction itself, not its code, looks at an account. */
const OUTSIDE_CODE = "transaction";

const occurred = (counts: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));

async function createInterpreter(): Promise<EngineUnderTest> {
  await loadFastCurves();
  const engine = createWasmEngine({
    keepsEmptyAccounts: true,
    kernel: { memoryBytes: EVM_MEMORY_BYTES },
  });
  return {
    engine,
    account: () => ({ elsewhere: occurred(engine.stats.fallbacks) }),
    waitingOpcode: () => {
      const { opcode } = engine.kernel.miss();
      return opcode === 0 ? OUTSIDE_CODE : (names.opcode(opcode)?.mnemonic ?? `0x${opcode.toString(16)}`);
    },
  };
}

function createReference(): EngineUnderTest {
  return {
    engine: createReferenceEngine({ keepsEmptyAccounts: true }),
    account: () => ({ elsewhere: {} }),
    waitingOpcode: () => undefined,
  };
}

export const createEngineUnderTest = async (name: EngineName): Promise<EngineUnderTest> =>
  name === "reference" ? createReference() : createInterpreter();
