/** Runs code in the reference interpreter and records its outermost frame, step by step. */
import { createEVM, type EVM } from "@ethereumjs/evm";
import { Account, createAddressFromString } from "@ethereumjs/util";
import { type BlockRules, createCommon } from "@velarium/chain-rules";

export interface Step {
  readonly pc: number;
  readonly mnemonic: string;
  /** Before anything of the step is charged. */
  readonly gas: bigint;
  /** Bottom first. */
  readonly stack: readonly bigint[];
  readonly memoryBytes: number;
  /** Only of steps at which the evaluator looks at it: boundaries, what follows them, logs. */
  readonly memory: Uint8Array | undefined;
  /** What the last call or create has returned. */
  readonly returnData: Uint8Array;
}

export type Status = "success" | "revert" | "failure";

export interface ReferenceRun {
  readonly steps: readonly Step[];
  readonly status: Status;
  readonly gasLeft: bigint;
  readonly output: Uint8Array;
}

export const CONTRACT = "0x00000000000000000000000000000000c0de0001";
export const CALLEE = "0x00000000000000000000000000000000c0de0002";
export const CALLER = "0xca11e4ca11e4ca11e4ca11e4ca11e4ca11e4ca11";
export const ORIGIN = "0x0419100419100419100419100419100419100419";
export const COINBASE = "0xc014ba5ec014ba5ec014ba5ec014ba5ec014ba5e";

export const BLOCK = {
  number: 1234n,
  timestamp: 99_999n,
  gasLimit: 30_000_000n,
  difficulty: 0n,
  prevRandao: 0x1234567890abcdefn,
  baseFee: 7n,
  blobBaseFee: 3n,
} as const;

export interface Run {
  readonly code: Uint8Array;
  readonly data: Uint8Array;
  readonly gas: bigint;
  /** Code of `CALLEE`. */
  readonly callee?: Uint8Array;
  readonly storage?: ReadonlyMap<bigint, bigint>;
}

const word = (value: bigint): Uint8Array =>
  Uint8Array.from(Buffer.from(value.toString(16).padStart(64, "0"), "hex"));

const BOUNDARIES = new Set([
  "CALL",
  "CALLCODE",
  "DELEGATECALL",
  "STATICCALL",
  "CREATE",
  "CREATE2",
  "EXTCODECOPY",
]);

async function prepare(rules: BlockRules, run: Run): Promise<EVM> {
  const evm = (await createEVM({ common: createCommon(rules) })) as EVM;
  for (const [name, code] of [
    [CONTRACT, run.code],
    [CALLEE, run.callee ?? new Uint8Array()],
  ] as const) {
    const address = createAddressFromString(name);
    await evm.stateManager.putAccount(address, new Account(1n, 1000n));
    await evm.stateManager.putCode(address, code);
  }
  const contract = createAddressFromString(CONTRACT);
  for (const [slot, value] of run.storage ?? [])
    await evm.stateManager.putStorage(contract, word(slot), word(value));
  return evm;
}

function blockOf(rules: BlockRules): object {
  const randao = word(BLOCK.prevRandao);
  const header = {
    number: BLOCK.number,
    coinbase: createAddressFromString(COINBASE),
    timestamp: BLOCK.timestamp,
    difficulty: rules.header.prevRandao ? 0n : BLOCK.prevRandao,
    prevRandao: randao,
    gasLimit: BLOCK.gasLimit,
    baseFeePerGas: BLOCK.baseFee,
    getBlobGasPrice: () => BLOCK.blobBaseFee,
  };
  return { header };
}

/** Runs `run.code` at `CONTRACT` with 2929's sets empty. */
export async function runReference(rules: BlockRules, run: Run): Promise<ReferenceRun> {
  const evm = await prepare(rules, run);
  const steps: Step[] = [];
  let returnData: Uint8Array = new Uint8Array();
  const messages: { depth: number; isCreate: boolean }[] = [];
  evm.events.on("beforeMessage", (message, resolve) => {
    messages.push({ depth: message.depth, isCreate: message.to === undefined });
    resolve?.();
  });
  evm.events.on("afterMessage", (result, resolve) => {
    const message = messages.pop()!;
    const { returnValue, exceptionError } = result.execResult;
    const isKept = !message.isCreate || exceptionError?.error === "revert";
    if (message.depth === 1) returnData = isKept ? returnValue : new Uint8Array();
    resolve?.();
  });
  let afterBoundary = false;
  evm.events.on("step", (step, resolve) => {
    if (step.depth === 0) {
      const mnemonic = step.opcode.name;
      const isBoundary = BOUNDARIES.has(mnemonic);
      const keepsMemory = isBoundary || afterBoundary || mnemonic.startsWith("LOG");
      steps.push({
        pc: step.pc,
        mnemonic,
        gas: step.gasLeft,
        stack: step.stack.slice(),
        memoryBytes: Number(step.memoryWordCount) * 32,
        memory: keepsMemory ? step.memory.slice() : undefined,
        returnData,
      });
      afterBoundary = isBoundary;
      if (isBoundary && mnemonic !== "EXTCODECOPY") returnData = new Uint8Array();
    }
    resolve?.();
  });
  const result = await evm.runCall({
    to: createAddressFromString(CONTRACT),
    caller: createAddressFromString(CALLER),
    origin: createAddressFromString(ORIGIN),
    gasPrice: 11n,
    value: 0n,
    data: run.data,
    gasLimit: run.gas,
    blobVersionedHashes: [],
    block: blockOf(rules) as never,
  });
  const { exceptionError, executionGasUsed, returnValue } = result.execResult;
  const status =
    exceptionError === undefined ? "success" : exceptionError.error === "revert" ? "revert" : "failure";
  return { steps, status, gasLeft: run.gas - executionGasUsed, output: returnValue };
}
