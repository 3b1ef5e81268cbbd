/** The engines that the suites can be run on, by name. */
import { createReferenceEngine, type Engine } from "@velarium/engine";
import { createWasmEngine, type WasmEngine, type WasmEngineOptions } from "@velarium/engine-wasm";
import { opcodeTableOf } from "@velarium/evm-opcodes";
import { loadFastCurves } from "@velarium/precompiles";
import { CompiledEngine } from "./compiled-engine.ts";

export const ENGINE_NAMES = ["wasm-interpreter", "compiled", "reference"] as const;
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
  /** Why the execution that has just ended does not count, although its result is right. */
  objection(): string | undefined;
}

/**
 * Bytes of EVM memory over all frames of one execution. Tests with the gas of many blocks nest calls whose memories
 * take more than a gigabyte together.
 */
const EVM_MEMORY_BYTES = 1.5 * 2 ** 30;
/** Bytes of code in memory: so few that codes are forgotten several times in the course of a run. */
const CODE_BYTES = 16 * 2 ** 20;
const names = opcodeTableOf("osaka");
/** Where the transaction itself, not its code, looks at an account. */
const OUTSIDE_CODE = "transaction";

const occurred = (counts: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));

const OPTIONS: WasmEngineOptions = {
  keepsEmptyAccounts: true,
  kernel: { memoryBytes: EVM_MEMORY_BYTES, codeBytes: CODE_BYTES },
};

function waitingOpcode({ kernel }: WasmEngine): string {
  const { opcode } = kernel.miss();
  return opcode === 0 ? OUTSIDE_CODE : (names.opcode(opcode)?.mnemonic ?? `0x${opcode.toString(16)}`);
}

function createInterpreter(): EngineUnderTest {
  const engine = createWasmEngine(OPTIONS);
  return {
    engine,
    account: () => ({ elsewhere: occurred(engine.stats.fallbacks) }),
    waitingOpcode: () => waitingOpcode(engine),
    objection: () => undefined,
  };
}

function createCompiled(): EngineUnderTest {
  const compiled = new CompiledEngine(OPTIONS);
  const { engine } = compiled;
  return {
    engine,
    account: () => ({ elsewhere: { ...occurred(engine.stats.fallbacks), ...compiled.refused } }),
    waitingOpcode: () => waitingOpcode(engine),
    objection: () => compiled.objection(),
  };
}

function createReference(): EngineUnderTest {
  return {
    engine: createReferenceEngine({ keepsEmptyAccounts: true }),
    account: () => ({ elsewhere: {} }),
    waitingOpcode: () => undefined,
    objection: () => undefined,
  };
}

export async function createEngineUnderTest(name: EngineName): Promise<EngineUnderTest> {
  if (name === "reference") return createReference();
  await loadFastCurves();
  return name === "compiled" ? createCompiled() : createInterpreter();
}
