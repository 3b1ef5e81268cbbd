/** Traces of the kernel, record by record, against those made of the reference interpreter's events. */
import { describe, expect, it } from "@jest/globals";
import { createBlockRules, type Fork } from "@velarium/chain-rules";
import {
  bigIntToWord,
  codeHash,
  createReferenceEngine,
  type Engine,
  type ExecutionResult,
  MemoryState,
  type StateView,
} from "@velarium/engine";
import { opcodeTableOf } from "@velarium/evm-opcodes";
import { RecordKind, type TraceEvent, traceEvents } from "@velarium/evm-trace";
import { Domain, encodeCodeWord, fieldKey } from "@velarium/slots";
import fc from "fast-check";
import { createWasmEngine } from "../src/index.ts";

const address = (n: number): Uint8Array => new Uint8Array(20).fill(n);
const [SENDER, CALLER, CALLEE, MINER] = [address(1), address(2), address(3), address(4)] as const;
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"));
const contextOf = (fork: Fork) => ({
  rules: createBlockRules(fork, 7),
  number: 9,
  timestamp: 90,
  beneficiary: MINER,
  gasLimit: 30_000_000,
  baseFee: fork === "istanbul" ? 0n : 7n,
  prevRandao: new Uint8Array(32),
  difficulty: 0n,
  blobBaseFee: 1n,
});

function stateOf(codes: readonly (readonly [Uint8Array, Uint8Array])[]): MemoryState {
  const state = new MemoryState();
  state.set(fieldKey(Domain.balance, SENDER), bigIntToWord(10n ** 20n));
  for (const [account, code] of codes) {
    if (code.length > 0) {
      state.addCode(code);
      const hashPrefix = codeHash(code).subarray(0, 28);
      state.set(fieldKey(Domain.code, account), encodeCodeWord({ flags: 0, incarnation: 0, hashPrefix }));
    }
    state.set(fieldKey(Domain.nonce, account), bigIntToWord(1n));
    state.set(fieldKey(Domain.balance, account), bigIntToWord(1000n));
  }
  return state;
}

/** Answers nothing at once. */
class Reluctant implements StateView {
  private readonly state: MemoryState;
  constructor(state: MemoryState) {
    this.state = state;
  }
  read(): undefined {}
  codeByPrefix(): undefined {}
  fetch = (key: Uint8Array) => this.state.fetch(key);
  fetchCode = (prefix: Uint8Array) => this.state.fetchCode(prefix);
}

interface Traced {
  readonly events: TraceEvent[];
  readonly result: ExecutionResult;
}

async function trace(
  engine: Engine,
  fork: Fork,
  state: StateView,
  input: { to: Uint8Array | undefined; data: Uint8Array; gasLimit: number },
): Promise<Traced> {
  const chunks: Uint8Array[] = [];
  const result = await engine.execute(
    contextOf(fork),
    {
      type: 0,
      sender: SENDER,
      nonce: 0n,
      value: 3n,
      maxFeePerGas: 10n,
      maxPriorityFeePerGas: 10n,
      ...input,
    },
    state,
    {
      trace: {
        memory: true,
        maxBytes: 1 << 26,
        restart: () => void (chunks.length = 0),
        write: (records) => void chunks.push(records.slice()),
      },
    },
  );
  return { events: [...traceEvents(new Uint8Array(Buffer.concat(chunks)))], result };
}

const text = (event: TraceEvent): string =>
  JSON.stringify(event, (_, value) =>
    typeof value === "bigint"
      ? value.toString()
      : value instanceof Uint8Array
        ? Buffer.from(value).toString("hex")
        : value,
  );

/**
 * What both tell alike. The reference calls opcodes that a fork has not INVALID, shows only bytes of memory that changed,
 * shows no STOP behind the end of code nor a REVERT without operands, and gives some failures other names.
 */
function comparable(events: readonly TraceEvent[], fork: Fork): string[] {
  const table = opcodeTableOf(fork);
  return events
    .filter((event) => event.kind !== RecordKind.memory && !isOurs(event))
    .map((event) => {
      if (event.kind === RecordKind.exit)
        return text({ ...event, failure: Math.min(event.failure, 2) as 0 | 1 | 2 });
      if (event.kind !== RecordKind.step) return text(event);
      return text(table.opcode(event.op) === undefined ? { ...event, op: 0xfe } : event);
    });
}
const isOurs = (event: TraceEvent): boolean =>
  event.kind === RecordKind.step && (event.op === 0 || (event.op === 0xfd && event.stackHeight < 2));

/** Contents of each open frame's memory, step by step, as the memory records tell them. */
function memories(events: readonly TraceEvent[]): string[] {
  const frames: Uint8Array[] = [];
  const out: string[] = [];
  let written: { depth: number; offset: number; bytes: Uint8Array }[] = [];
  for (const event of events) {
    if (event.kind === RecordKind.memory) {
      written.push(event);
      continue;
    }
    for (const { depth, offset, bytes } of written) frames[depth]!.set(bytes, offset);
    written = [];
    if (event.kind === RecordKind.enter) frames.push(new Uint8Array(1 << 14));
    else if (event.kind === RecordKind.exit) frames.pop();
    else if (!isOurs(event))
      out.push(
        Buffer.from(frames.at(-1)!.subarray(0, Math.min(event.memoryWords * 32, 1 << 14))).toString("hex"),
      );
  }
  return out;
}

const reference = createReferenceEngine();
const wasm = createWasmEngine();

async function compare(
  fork: Fork,
  codes: readonly (readonly [Uint8Array, Uint8Array])[],
  input: { to: Uint8Array | undefined; data: Uint8Array; gasLimit: number },
): Promise<Traced> {
  const expected = await trace(reference, fork, stateOf(codes), input);
  const actual = await trace(wasm, fork, stateOf(codes), input);
  expect(comparable(actual.events, fork)).toEqual(comparable(expected.events, fork));
  expect(memories(actual.events)).toEqual(memories(expected.events));
  expect(actual.result.gasUsed).toBe(expected.result.gasUsed);
  const suspended = await trace(wasm, fork, new Reluctant(stateOf(codes)), input);
  expect(suspended.events.map(text)).toEqual(actual.events.map(text));
  return actual;
}

const CALLEE_CODE = hex(
  "36 15 6012 57  63deadbeef 6000 52 6004 601c fd  5b 602a 6007 55  6007 54 6000 52 6001 6020 6000 a1 6020 6000 f3",
);
/** Calls of all kinds: plain, with data, static, delegated, to a precompile, to nobody; creations good and bad. */
const CALLER_CODE = hex(
  `6020 6040 6000 6000 6005 73${"03".repeat(20)} 61ffff f1
   6020 6040 6001 6000 6000 73${"03".repeat(20)} 61ffff f1
   6000 6000 6000 6000 73${"03".repeat(20)} 61ffff fa
   6020 6000 6000 6000 73${"03".repeat(20)} 61ffff f4
   6020 6000 6000 6000 6000 73${"03".repeat(20)} 61ffff f2
   6020 6000 6020 6000 6000 6002 61ffff f1
   6000 6000 6000 6000 6001 7309${"08".repeat(19)} 61ffff f1
   6000 6000 6001 f0 5b
   60ef 6000 53 6001 6000 f3
   6000`,
);

describe("a trace of the kernel", () => {
  const codes = [
    [CALLER, CALLER_CODE],
    [CALLEE, CALLEE_CODE],
  ] as const;

  it.each(["istanbul", "berlin", "osaka"] as const)(
    "is the reference's in calls and creations of %s",
    async (fork) => {
      const input = { to: CALLER, data: hex("01"), gasLimit: 600_000 };
      const { events } = await compare(fork, codes, input);
      const enters = events.filter(({ kind }) => kind === RecordKind.enter);
      expect(enters).toHaveLength(9);
    },
  );

  it("is the reference's in creations by a transaction", async () => {
    for (const data of ["6001600c60003960016000f300", "60ef60005360016000f3", "fe", "", "60006000fd"])
      await compare("osaka", codes, { to: undefined, data: hex(data), gasLimit: 120_000 });
  });

  it("is the reference's whatever the gas", async () => {
    for (let gasLimit = 21_016; gasLimit < 130_000; gasLimit += 3_001)
      await compare("osaka", codes, { to: CALLER, data: hex("01"), gasLimit });
  });

  it("is the reference's on random code", async () => {
    const push = fc.integer({ min: 0, max: 70 }).map((value) => [0x60, value]);
    const plain = fc
      .oneof(fc.integer({ min: 0x00, max: 0x1f }), fc.integer({ min: 0x30, max: 0x5f }))
      .map((op) => [op]);
    const move = fc.integer({ min: 0x80, max: 0x9f }).map((op) => [op]);
    // No REVERT: the reference reads its data for the step event before it is paid, and throws on a size that no memory has.
    const other = fc.constantFrom([0x20], [0xa0], [0xa2], [0xf0], [0xf1], [0xfa], [0xf3], [0xff], [0xfe]);
    const ops = fc.array(
      fc.oneof({ weight: 10, arbitrary: push }, { weight: 4, arbitrary: plain }, move, other),
      { maxLength: 80 },
    );
    await fc.assert(
      fc.asyncProperty(ops, fc.constantFrom<Fork>("berlin", "shanghai", "osaka"), async (program, fork) => {
        const code = Uint8Array.from(program.flat());
        await compare(fork, [[CALLER, code]], { to: CALLER, data: hex("0102"), gasLimit: 90_000 });
      }),
      { numRuns: 200 },
    );
  });

  it("ends where it grows too long", async () => {
    const endless = hex("5b600056");
    const run = createWasmEngine().execute(
      contextOf("osaka"),
      {
        type: 0,
        sender: SENDER,
        nonce: 0n,
        gasLimit: 1_000_000,
        to: CALLER,
        value: 0n,
        data: new Uint8Array(0),
        maxFeePerGas: 10n,
        maxPriorityFeePerGas: 10n,
      },
      stateOf([[CALLER, endless]]),
      { trace: { memory: false, maxBytes: 1 << 20, restart: () => {}, write: () => {} } },
    );
    await expect(run).rejects.toMatchObject({ code: "TRACE_LIMIT" });
  });
});
