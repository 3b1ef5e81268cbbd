/** Traces of the kernel, record by record, against those made of the reference interpreter's events. */
import { describe, expect, it } from "@jest/globals";
import { createBlockRules, type Fork, isAtLeast } from "@velarium/chain-rules";
import {
  bigIntToWord,
  codeHash,
  createReferenceEngine,
  type Engine,
  MemoryState,
  type StateView,
} from "@velarium/engine";
import { createCompiler } from "@velarium/evm-compiler";
import {
  padded,
  RERUN_BYTES,
  RecordKind,
  RerunField,
  RerunKind,
  TraceError,
  traceEvents,
} from "@velarium/evm-trace";
import { Domain, encodeCodeWord, fieldKey } from "@velarium/slots";
import fc from "fast-check";
import { createWasmEngine } from "../src/index.ts";
import { TracedEngine } from "../src/traced-engine.ts";
import { comparable, exported, type Traced, text, trace } from "./traces.ts";

const address = (n: number): Uint8Array => new Uint8Array(20).fill(n);
const [SENDER, CALLER, CALLEE, MINER] = [address(1), address(2), address(3), address(4)] as const;
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"));
const contextOf = (fork: Fork) => ({
  rules: createBlockRules(fork, 7),
  number: 9,
  timestamp: 90,
  beneficiary: MINER,
  gasLimit: 30_000_000,
  baseFee: isAtLeast(fork, "london") ? 7n : 0n,
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

const reference = createReferenceEngine();
const wasm = createWasmEngine();

/** An engine that traces compiled code, initcode included. */
function compiling(): Pick<Engine, "execute"> {
  const engine = new TracedEngine({
    keepsEmptyAccounts: false,
    reference,
    prepare: (entry, rules) => void compiler.force(entry, rules),
  });
  const compiler = createCompiler({ kernel: engine.kernel, background: false });
  return {
    execute: (context, transaction, state, options) =>
      engine.execute(context, transaction, state, { ...options, trace: options!.trace! }),
  };
}

interface Input {
  readonly to: Uint8Array | undefined;
  readonly data: Uint8Array;
  readonly gasLimit: number;
}

const compiled = compiling();

async function compare(
  fork: Fork,
  codes: readonly (readonly [Uint8Array, Uint8Array])[],
  input: Input,
): Promise<Traced> {
  const tx = {
    type: 0,
    sender: SENDER,
    nonce: 0n,
    value: 3n,
    maxFeePerGas: 10n,
    maxPriorityFeePerGas: 10n,
    ...input,
  };
  const context = contextOf(fork);
  const expected = await trace(reference, context, tx, stateOf(codes));
  const actual = await trace(wasm, context, tx, stateOf(codes));
  expect(comparable(actual.events, fork)).toEqual(comparable(expected.events, fork));
  expect(exported(actual, fork)).toEqual(exported(expected, fork));
  expect(actual.result.gasUsed).toBe(expected.result.gasUsed);
  const suspended = await trace(wasm, context, tx, new Reluctant(stateOf(codes)));
  expect(suspended.events.map(text)).toEqual(actual.events.map(text));
  if (isAtLeast(fork, "berlin")) {
    const other = await trace(compiled, context, tx, new Reluctant(stateOf(codes)));
    expect(other.events.map(text)).toEqual(actual.events.map(text));
  }
  return actual;
}

/** Where each record to be run again stands. */
function* recordsOf(packed: Uint8Array): Generator<{ at: number; kind: RerunKind }> {
  const view = new DataView(packed.buffer, packed.byteOffset);
  for (let at = 0; at < packed.length; ) {
    const kind = packed[at] as RerunKind;
    yield { at, kind };
    const number = view.getUint32(at + RerunField.number, true);
    const behind = {
      [RerunKind.begin]: number * 32 + padded(view.getUint32(at + RerunField.inputBytes, true)),
      [RerunKind.code]: padded(number),
      [RerunKind.call]: 0,
      [RerunKind.end]: padded(number),
      [RerunKind.result]: 0,
    };
    at += RERUN_BYTES[kind] + behind[kind];
  }
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

  // Before Byzantium the third call is an invalid opcode, so only what comes before it runs.
  it.each([
    ["chainstart", 3],
    ["homestead", 3],
    ["tangerineWhistle", 3],
    ["spuriousDragon", 3],
    ["byzantium", 9],
    ["petersburg", 9],
    ["istanbul", 9],
    ["berlin", 9],
    ["osaka", 9],
  ] as const)("is the reference's in calls and creations of %s", async (fork, frames) => {
    const input = { to: CALLER, data: hex("01"), gasLimit: 600_000 };
    const { events } = await compare(fork, codes, input);
    expect(events.filter(({ kind }) => kind === RecordKind.enter)).toHaveLength(frames);
  });

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
    // Most data of memory operations is short, so most programs come far.
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

  it("is far shorter than what it stands for", async () => {
    // 256 turns of a loop.
    const code = hex("6000 5b 6001 01 80 610100 14 15 6002 57 00");
    const { events, packed } = await compare("osaka", [[CALLER, code]], {
      to: CALLER,
      data: hex(""),
      gasLimit: 90_000,
    });
    expect(events.length).toBeGreaterThan(2000);
    expect(packed.length).toBeLessThan(600);
    expect(() => [...traceEvents(packed, { maxSteps: 1000 })]).toThrow(/more than 1000 steps/);
  });

  it("is refused when it is cut off or contradicts its code", async () => {
    const { packed } = await compare("osaka", codes, { to: CALLER, data: hex("01"), gasLimit: 600_000 });
    const refused = (bytes: Uint8Array, which?: object): void => {
      let error: unknown;
      try {
        for (const _ of traceEvents(bytes));
      } catch (caught) {
        error = caught;
      }
      expect({ which, refused: error instanceof TraceError }).toEqual({ which, refused: true });
    };
    for (let end = 8; end < packed.length; end += 8) refused(packed.subarray(0, end));
    refused(new Uint8Array(Buffer.concat([packed, packed])));
    const kinds = new Set<number>();
    for (const { at, kind } of recordsOf(packed)) {
      kinds.add(kind);
      const other = packed.slice();
      // An unknown fork, a code that is not named, another operation, no failure that there is.
      other[at + (kind === RerunKind.code ? RerunField.codeNumber : RerunField.detail)]! ^= 0x20;
      refused(other, { at, kind });
      if (kind === RerunKind.call && other[at + RerunField.depth] === 1 && packed[at + 1] === 0xf1) {
        const elsewhere = packed.slice();
        elsewhere[at + RerunField.address]! ^= 1;
        refused(elsewhere);
      }
      // More gas than there was, or than the code left.
      const isLast = at + RERUN_BYTES[kind] === packed.length;
      const isInner = kind === RerunKind.call && packed[at + RerunField.depth]! > 0;
      if (kind !== RerunKind.result && !isInner && !isLast) continue;
      const richer = packed.slice();
      new DataView(richer.buffer).setUint8(at + RerunField.gas + 4, 1);
      refused(richer, { at, kind, gas: "richer" });
    }
    expect([...kinds].sort()).toEqual(Object.values(RerunKind).sort());
  });

  it("ends where it grows too long", async () => {
    const endless = hex("5b6000545060005600");
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
      { trace: { memory: false, maxBytes: 1 << 12, restart: () => {}, write: () => {} } },
    );
    await expect(run).rejects.toMatchObject({ code: "TRACE_LIMIT" });
  });
});
