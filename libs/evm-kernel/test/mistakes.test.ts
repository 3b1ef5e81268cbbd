/** Mistakes that other engines shipped, each as a program that the kernel and the reference must agree on. */
import { describe, expect, test } from "@jest/globals";
import { createBlockRules, type Fork } from "@velarium/chain-rules";
import {
  type BlockContext,
  bigIntToWord,
  codeHash,
  createReferenceEngine,
  type ExecutableTransaction,
  type ExecutionResult,
  MemoryState,
} from "@velarium/engine";
import { CodeFlag, Domain, encodeCodeWord, fieldKey } from "@velarium/slots";
import { createKernel, type Kernel } from "../src/index.ts";
import { executeOn } from "./support/kernel-engine.ts";

const address = (n: number): Uint8Array => {
  const bytes = new Uint8Array(20).fill(0x11);
  bytes[19] = n;
  return bytes;
};
const SENDER = address(1);
const TARGET = address(2);
const OTHER = address(3);
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

function contextOf(fork: Fork): BlockContext {
  return {
    rules: createBlockRules(fork, 1),
    number: 100,
    timestamp: 1_700_000_000,
    beneficiary: address(9),
    gasLimit: 30_000_000,
    baseFee: createBlockRules(fork, 1).eip1559 ? 7n : 0n,
    prevRandao: new Uint8Array(32).fill(5),
    difficulty: 0n,
    blobBaseFee: 1n,
  };
}

function put(state: MemoryState, who: Uint8Array, code: Uint8Array, balance: bigint, flags = 0): void {
  const hashPrefix = code.length === 0 ? new Uint8Array(28) : codeHash(code).subarray(0, 28);
  state.set(fieldKey(Domain.balance, who), bigIntToWord(balance));
  state.set(fieldKey(Domain.nonce, who), bigIntToWord(code.length === 0 ? 0n : 1n));
  state.set(fieldKey(Domain.code, who), encodeCodeWord({ flags, incarnation: 0, hashPrefix }));
  if (code.length > 0) state.addCode(code);
}

interface Program {
  readonly code: string;
  /** Code of the account that the program calls. */
  readonly other?: string;
  readonly gasLimit?: number;
  readonly fork?: Fork;
  readonly data?: string;
}

const transactionOf = ({ gasLimit = 300_000, data = "" }: Program): ExecutableTransaction => ({
  type: 0,
  sender: SENDER,
  nonce: 0n,
  gasLimit,
  to: TARGET,
  value: 0n,
  data: bytesOf(data),
  maxFeePerGas: 10n,
  maxPriorityFeePerGas: 10n,
});

function stateOf({ code, other = "" }: Program): MemoryState {
  const state = new MemoryState();
  put(state, SENDER, new Uint8Array(0), 10n ** 18n);
  put(state, TARGET, bytesOf(code), 5n);
  put(state, OTHER, bytesOf(other), 0n);
  return state;
}

/** Keys and words, sorted, so that orders do not matter. */
const columnsOf = ({ count, keys, words }: ExecutionResult["writes"]): string[] =>
  Array.from(
    { length: count },
    (_, i) => `${hexOf(keys.subarray(i * 56, i * 56 + 56))}=${hexOf(words.subarray(i * 32, i * 32 + 32))}`,
  ).sort();

const comparable = (result: ExecutionResult) => ({
  outcome: result.outcome,
  reason: result.reason,
  status: result.status,
  gasUsed: result.gasUsed,
  refund: result.refund,
  returnData: hexOf(result.returnData),
  logs: hexOf(result.logs),
  writes: columnsOf(result.writes),
  deltas: columnsOf(result.deltas),
});

const newKernel = (): Kernel =>
  createKernel({ precompile: () => undefined, accounts: 1024, slots: 4096, codeBytes: 2 ** 22 });
const kernel = newKernel();

/** Runs on both; on the kernel once straight and once with another execution in its memory at every miss. */
async function agree(program: Program): Promise<ExecutionResult> {
  const context = contextOf(program.fork ?? "prague");
  const tx = transactionOf(program);
  const expected = await createReferenceEngine().execute(context, tx, stateOf(program));
  const straight = executeOn(kernel, context, tx, stateOf(program));
  expect(comparable(straight)).toEqual(comparable(expected));
  const interrupted = executeOn(kernel, context, tx, stateOf(program), {}, () => {
    const saved = kernel.save();
    kernel.begin({ ...tx, nonce: 7n, data: new Uint8Array(99) });
    kernel.run();
    kernel.restore(saved);
    kernel.drop();
  });
  expect(comparable(interrupted)).toEqual(comparable(expected));
  return straight;
}

/** `PUSH20 address`. */
const pushOther = `73${hexOf(OTHER)}`;
/** CALL of the other account with all gas, `out` bytes of output to memory 0. */
const callOther = (out = "20"): string => `60${out}6000600060006000${pushOther}5af1`;

describe("mistakes that others shipped", () => {
  test("memory written before a call is there for what follows", async () => {
    const result = await agree({
      code: `602a6040526001606052${callOther()}5060406040f3`,
      other: "600160005260206000f3",
    });
    expect(hexOf(result.returnData).slice(62, 64)).toBe("2a");
  });

  test("a PUSH cut off by the end of code reads zeros; running off the end stops", async () => {
    await agree({ code: "60016000556001600161" });
    await agree({ code: "600160005563ff" });
  });

  test("a jump into the data of a PUSH fails, one to a JUMPDEST behind dead code does not", async () => {
    expect((await agree({ code: "6004565b605b00" })).status).toBe(0);
    expect((await agree({ code: "600656fe605b5b600160005500" })).status).toBe(1);
  });

  test("SELFDESTRUCT in a static frame fails before it costs anything more", async () => {
    await agree({ code: `6000600060006000${pushOther}5afa60005500`, other: "33ff" });
  });

  test("SSTORE wants more than 2300 gas left, prepaid sections or not", async () => {
    for (let gasLimit = 23_300; gasLimit < 23_420; gasLimit += 7)
      await agree({ code: "60016001505a505a506001600055", gasLimit });
  });

  test("GAS sees the gas left at its place", async () => {
    await agree({ code: "5a60005260015050 5a602052 60406000f3" });
  });

  test("return data survives growth of the caller's memory", async () => {
    const result = await agree({
      code: `${callOther("00")}506001617fff5360206000610100 3e 6020610100f3`,
      other: "7faabbccddeeff00112233445566778899aabbccddeeff00112233445566778899 600052 6020 6000 f3",
    });
    expect(result.status).toBe(1);
    const wanted = await agree({
      code: `${callOther("00")}506001617fff53 6020 6000 6101003e 6020 610100 f3`,
      other: "7faabbccddeeff00112233445566778899aabbccddeeff00112233445566778899 600052 6020 6000 f3",
    });
    expect(hexOf(wanted.returnData).slice(0, 8)).toBe("aabbccdd");
  });

  test("out of gas in LOG, KECCAK256, EXP and copies ends alike at every limit", async () => {
    const code = "6001600260036004612000 6000a4 6120006000 20 50 61ffff 6002 0a 50 6120006000600037 00";
    for (let gasLimit = 21_500; gasLimit < 100_000; gasLimit += 3_001) await agree({ code, gasLimit });
  });

  test("an operation of a later fork is invalid", async () => {
    for (const fork of ["berlin", "shanghai", "cancun", "osaka"] as const)
      for (const op of ["5f", "60015c", "600060006000 5e", "60011e", "48", "4a"])
        await agree({ code: `${op}600160005500`, fork });
  });

  test("DELEGATECALL works on the caller's storage", async () => {
    await agree({ code: `6000600060006000${pushOther}5af450`, other: "602a600155" });
  });

  test("SELFDESTRUCT and revert undo what they must", async () => {
    await agree({ code: `${callOther()}600055`, other: "602a600155600060006000a160006000fd" });
    await agree({ code: `${callOther()}600055`, other: "33ff" });
  });
});

describe("creations and collisions", () => {
  // Initcode of five bytes that returns one zero byte as code.
  test("CREATE, CREATE2 and again: the second collides", async () => {
    const code = "6460016000f3600052 6000 6005 601b 6000 f5 600055 6000 6005 601b 6000 f5 600155";
    await agree({ code });
    await agree({ code: "6460016000f3600052 6005 601b 6000 f0 600055" });
  });

  test("storage without code refuses creation (EIP-7610)", async () => {
    const code = "6460016000f3600052 6005 601b 6000 f0 600055";
    const program = { code };
    const context = contextOf("prague");
    const first = executeOn(kernel, context, transactionOf(program), stateOf(program));
    const created = Array.from({ length: first.accesses.count }, (_, i) =>
      first.accesses.keys.slice(i * 56 + 1, i * 56 + 21),
    ).find((bytes) => hexOf(bytes).startsWith("11".repeat(4)) === false)!;
    const state = stateOf(program);
    put(state, created, new Uint8Array(0), 0n, CodeFlag.storage);
    const result = executeOn(kernel, context, transactionOf(program), state);
    expect(result.codes).toHaveLength(0);
    expect(first.codes).toHaveLength(1);
  });
});
