/** Traces of the reference engine, and what is made of them, against the interpreter's own step events. */
import { createEVM, type InterpreterStep } from "@ethereumjs/evm";
import { SimpleStateManager } from "@ethereumjs/statemanager";
import { Account, Address } from "@ethereumjs/util";
import { describe, expect, it } from "@jest/globals";
import { createBlockRules, createCommon } from "@velarium/chain-rules";
import {
  bigIntToWord,
  codeHash,
  createReferenceEngine,
  type EngineError,
  type ExecutionResult,
  MemoryState,
} from "@velarium/engine";
import { Domain, encodeCodeWord, fieldKey, storageKey } from "@velarium/slots";
import fc from "fast-check";
import {
  type CallFrame,
  callTree,
  Failure,
  prestateOf,
  RecordKind,
  replayTrace,
  structLogs,
  TraceError,
  TraceWriter,
  traceEvents,
  writeEip3155,
} from "../src/index.ts";

const rules = createBlockRules("osaka", 7);
const address = (n: number): Uint8Array => new Uint8Array(20).fill(n);
const [SENDER, CALLER, CALLEE, MINER] = [address(1), address(2), address(3), address(4)] as const;
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"));
const GAS = 300_000;
const context = {
  rules,
  number: 9,
  timestamp: 90,
  beneficiary: MINER,
  gasLimit: 30_000_000,
  baseFee: 7n,
  prevRandao: new Uint8Array(32),
  difficulty: 0n,
  blobBaseFee: 1n,
};

function stateOf(codes: readonly (readonly [Uint8Array, Uint8Array])[]): MemoryState {
  const state = new MemoryState();
  state.set(fieldKey(Domain.balance, SENDER), bigIntToWord(10n ** 20n));
  for (const [account, code] of codes) {
    state.addCode(code);
    const hashPrefix = codeHash(code).subarray(0, 28);
    state.set(fieldKey(Domain.code, account), encodeCodeWord({ flags: 0, incarnation: 0, hashPrefix }));
    state.set(fieldKey(Domain.nonce, account), bigIntToWord(1n));
    state.set(fieldKey(Domain.balance, account), bigIntToWord(1000n));
  }
  return state;
}

interface Traced {
  readonly trace: Uint8Array;
  readonly result: ExecutionResult;
}

async function traceCall(
  state: MemoryState,
  options: { data?: Uint8Array; memory?: boolean; maxBytes?: number } = {},
): Promise<Traced> {
  let trace = new Uint8Array(0);
  const result = await createReferenceEngine().execute(
    context,
    {
      type: 2,
      sender: SENDER,
      nonce: 0n,
      gasLimit: GAS,
      to: CALLER,
      value: 0n,
      data: options.data ?? new Uint8Array(0),
      maxFeePerGas: 10n,
      maxPriorityFeePerGas: 1n,
    },
    state,
    {
      trace: {
        memory: options.memory ?? true,
        maxBytes: options.maxBytes ?? 1 << 24,
        restart: () => {},
        write: (records) => void (trace = records.slice()),
      },
    },
  );
  return { trace, result };
}

// Pops what it was given, stores, emits a log, and reverts with 4 bytes when there is calldata.
const CALLEE_CODE = hex(
  "36 15 6012 57  63deadbeef 6000 52 6004 601c fd  5b 602a 6007 55  6007 54 6000 52 6001 6020 6000 a1 6020 6000 f3",
);
// CALL without data, CALL with a byte of data, STATICCALL (fails: it writes), CREATE of code that returns nothing.
const CALLER_CODE = hex(
  `6020 6040 6000 6000 6005 73${"03".repeat(20)} 61ffff f1
   6020 6040 6001 6000 6000 73${"03".repeat(20)} 61ffff f1
   6000 6000 6000 6000 73${"03".repeat(20)} 61ffff fa
   6000 6000 6001 f0 50 5a 50 00`,
);

describe("a trace of calls", () => {
  const state = stateOf([
    [CALLER, CALLER_CODE],
    [CALLEE, CALLEE_CODE],
  ]);

  it("tells frames, values, outputs and failures", async () => {
    const { trace, result } = await traceCall(state);
    expect(result.status).toBe(1);
    const gas = { gasLimit: GAS, gasUsed: result.gasUsed };
    const top = callTree(traceEvents(trace), gas, { withLog: true })!;
    expect(top).toMatchObject({
      type: "CALL",
      from: `0x${"01".repeat(20)}`,
      to: `0x${"02".repeat(20)}`,
      gas: "0x493e0",
      gasUsed: `0x${result.gasUsed.toString(16)}`,
    });
    const calls = top.calls as CallFrame[];
    expect(calls.map(({ type, value, error }) => [type, value, error])).toEqual([
      ["CALL", "0x5", undefined],
      ["CALL", "0x0", "execution reverted"],
      ["STATICCALL", undefined, "write protection"],
      ["CREATE", "0x1", undefined],
    ]);
    expect(calls[0]!.output).toBe(`0x${"2a".padStart(64, "0")}`);
    expect(calls[0]!.logs).toEqual([
      {
        address: `0x${"03".repeat(20)}`,
        topics: [`0x${"1".padStart(64, "0")}`],
        data: `0x${"2a".padStart(64, "0")}`,
        position: "0x0",
      },
    ]);
    expect(calls[1]).toMatchObject({ input: "0x00", output: "0xdeadbeef" });
    expect(calls[1]!.logs).toBeUndefined();
    expect(callTree(traceEvents(trace), gas, { onlyTopCall: true })!.calls).toBeUndefined();
  });

  it("keeps what the frames' gas adds up to", async () => {
    const { trace } = await traceCall(state);
    const open: bigint[] = [];
    replayTrace(traceEvents(trace), {
      enter: (event) => void open.push(event.gas),
      exit(event) {
        const given = open.pop()!;
        expect(event.gasLeft).toBeGreaterThanOrEqual(0n);
        expect(event.gasLeft).toBeLessThanOrEqual(given);
      },
      step({ step, next }) {
        if (next?.kind === RecordKind.step && next.depth === step.depth && step.op !== 0xf1)
          expect(next.gas).toBeLessThan(step.gas);
      },
    });
    expect(open).toEqual([]);
  });

  it("shows storage with the opcodes that touch it, and memory when it was recorded", async () => {
    const { trace } = await traceCall(state);
    const logs = structLogs(traceEvents(trace), { enableMemory: true });
    const slot = "7".padStart(64, "0");
    const value = "2a".padStart(64, "0");
    expect(logs.find(({ op }) => op === "SSTORE")!.storage).toEqual({ [slot]: value });
    expect(logs.find(({ op }) => op === "SLOAD")!.storage).toEqual({ [slot]: value });
    expect(logs.find(({ op }) => op === "LOG1")!.memory).toEqual([value]);
    // Output of the first call, at 0x40 of the caller.
    const after = logs.filter(({ depth, op }) => depth === 1 && op === "PUSH1")[8]!;
    expect(after.memory?.[2]).toBe(value);
    expect(structLogs(traceEvents(trace), { limit: 3 })).toHaveLength(3);
    expect(logs[0]!.stack).toEqual([]);
  });

  it("is exported in lines of EIP-3155 that end with the outcome", async () => {
    const { trace, result } = await traceCall(state);
    const lines: string[] = [];
    const outcome = { output: result.returnData, gasUsed: result.gasUsed, pass: result.status === 1 };
    writeEip3155(traceEvents(trace), outcome, { memory: true }, (line) => void lines.push(line));
    const first = JSON.parse(lines[0]!);
    expect(first).toMatchObject({ pc: 0, op: 0x60, gasCost: "0x3", memSize: 0, stack: [], depth: 1 });
    expect(first.opName).toBe("PUSH1");
    expect(JSON.parse(lines.at(-1)!)).toEqual({
      output: "0x",
      gasUsed: `0x${result.gasUsed.toString(16)}`,
      pass: true,
    });
  });

  it("gives accounts and slots before, and what changed", async () => {
    const { result } = await traceCall(state);
    const before = {
      word: async (key: Uint8Array) => state.read(key),
      code: (prefix: Uint8Array) => state.fetchCode(prefix),
    };
    const pre = (await prestateOf(result, before, {})) as Record<string, unknown>;
    expect(pre[`0x${"03".repeat(20)}`]).toMatchObject({
      balance: "0x3e8",
      nonce: 1,
      storage: { [`0x${"7".padStart(64, "0")}`]: `0x${"0".repeat(64)}` },
    });
    const diff = (await prestateOf(result, before, { diffMode: true })) as {
      pre: Record<string, unknown>;
      post: Record<string, { storage?: unknown; balance?: string; nonce?: number }>;
    };
    expect(diff.post[`0x${"03".repeat(20)}`]).toEqual({
      balance: "0x3ed",
      storage: { [`0x${"7".padStart(64, "0")}`]: `0x${"2a".padStart(64, "0")}` },
    });
    expect(diff.post[`0x${"01".repeat(20)}`]!.nonce).toBe(1);
    expect(diff.post[`0x${"04".repeat(20)}`]!.balance).toBe(`0x${result.beneficiaryFee.toString(16)}`);
    expect(result.writes.count).toBeGreaterThan(0);
    expect(state.read(storageKey(CALLEE, bigIntToWord(7n)))).toEqual(new Uint8Array(32));
  });

  it("ends an execution whose trace grows too long", async () => {
    await expect(traceCall(state, { maxBytes: 1000 })).rejects.toMatchObject({
      code: "TRACE_LIMIT",
    } satisfies Partial<EngineError>);
  });
});

/** Steps as the interpreter itself tells them, with whole stacks. */
async function stepsOf(code: Uint8Array): Promise<InterpreterStep[]> {
  const stateManager = new SimpleStateManager();
  const to = new Address(CALLER);
  await stateManager.putAccount(to, new Account());
  await stateManager.putCode(to, code);
  const evm = await createEVM({ common: createCommon(rules), stateManager });
  const steps: InterpreterStep[] = [];
  evm.events.on("step", (step: InterpreterStep) => void steps.push({ ...step, stack: [...step.stack] }));
  await evm.runCall({ caller: new Address(SENDER), to, gasLimit: BigInt(GAS - 21_000) });
  return steps;
}

describe("a rebuilt stack", () => {
  it("is the interpreter's, whatever straight code ran", async () => {
    const push = fc.integer({ min: 0, max: 255 }).map((value) => [0x60, value]);
    const plain = fc
      .oneof(fc.integer({ min: 0x01, max: 0x0a }), fc.integer({ min: 0x10, max: 0x1e }))
      .map((op) => [op]);
    const move = fc.integer({ min: 0x80, max: 0x9f }).map((op) => [op]);
    const other = fc.constantFrom([0x50], [0x30], [0x36], [0x59], [0x5a], [0x5f], [0x20]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 6, arbitrary: push }, plain, move, other), { maxLength: 60 }),
        async (ops) => {
          const code = Uint8Array.from(ops.flat());
          const expected = await stepsOf(code);
          const { trace } = await traceCall(stateOf([[CALLER, code]]));
          const stacks: bigint[][] = [];
          replayTrace(traceEvents(trace), { step: ({ frame }) => void stacks.push([...frame.stack]) });
          expect(stacks).toEqual(expected.map(({ stack }) => stack));
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("records", () => {
  it("read back as written", () => {
    const writer = new TraceWriter(1 << 20);
    const enter = {
      op: 0xf1,
      depth: 0,
      gas: 100n,
      callerGas: -1n,
      value: (1n << 255n) + 5n,
      from: SENDER,
      to: CALLER,
      input: hex("010203"),
    };
    const step = {
      op: 1,
      depth: 0,
      pc: 3,
      gas: 99n,
      memoryWords: 2,
      stackHeight: 1,
      refund: -5n,
      top: (1n << 200n) + 1n,
    };
    const memory = { depth: 0, offset: 5, bytes: hex("0a0b") };
    const exit = { failure: Failure.revert, depth: 0, gasLeft: 4n, output: hex("ff") };
    writer.enter(enter);
    writer.step(step);
    writer.memory(memory);
    writer.exit(exit);
    expect([...traceEvents(writer.trace)]).toEqual([
      { kind: RecordKind.enter, ...enter },
      { kind: RecordKind.step, ...step },
      { kind: RecordKind.memory, ...memory },
      { kind: RecordKind.exit, ...exit },
    ]);
  });

  it("are refused when cut off, of no kind, or contradicting each other", () => {
    const writer = new TraceWriter(1 << 20);
    const exit = { failure: Failure.none, depth: 0, gasLeft: 4n, output: hex("ff") };
    writer.exit(exit);
    const { trace } = writer;
    expect(() => [...traceEvents(trace.subarray(0, trace.length - 8))]).toThrow(TraceError);
    expect(() => replayTrace(traceEvents(trace), {})).toThrow(TraceError);
    const other = trace.slice();
    other[0] = 9;
    expect(() => [...traceEvents(other)]).toThrow(TraceError);
    expect(() => new TraceWriter(10).exit(exit)).toThrow(TraceError);
  });
});
