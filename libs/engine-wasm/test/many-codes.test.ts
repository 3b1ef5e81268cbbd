/** More codes than the kernel has room for: they are forgotten, whoever waits meanwhile begins again, results stay right. */
import { describe, expect, it } from "@jest/globals";
import { createBlockRules } from "@velarium/chain-rules";
import {
  type BlockContext,
  bigIntToWord,
  codeHash,
  type ExecutableTransaction,
  MemoryState,
  type StateView,
} from "@velarium/engine";
import { CodeFlag, Domain, encodeCodeWord, fieldKey } from "@velarium/slots";
import { createWasmEngine, type WasmEngine } from "../src/index.ts";

const CODES = 6_000;
/** Room for some 3,500 codes of that size. */
const CODE_BYTES = 1 << 20;

const context: BlockContext = {
  rules: createBlockRules("prague", 1),
  number: 10,
  timestamp: 1_700_000_000,
  beneficiary: new Uint8Array(20).fill(0xbe),
  gasLimit: 30_000_000,
  baseFee: 1n,
  prevRandao: new Uint8Array(32),
  difficulty: 0n,
  blobBaseFee: 1n,
};

const SENDER = new Uint8Array(20).fill(0xaa);
const addressOf = (n: number): Uint8Array =>
  Uint8Array.from([0xc0, ...new Uint8Array(15), ...bigIntToWord(BigInt(n)).subarray(28)]);
/** Returns its number, behind a read of a slot. */
const codeOf = (n: number): Uint8Array =>
  Uint8Array.from([
    0x5f,
    0x54,
    0x50,
    0x63,
    ...bigIntToWord(BigInt(n)).subarray(28),
    0x5f,
    0x52,
    0x60,
    0x20,
    0x5f,
    0xf3,
  ]);

function world(): MemoryState {
  const state = new MemoryState();
  state.set(fieldKey(Domain.balance, SENDER), bigIntToWord(10n ** 24n));
  for (let n = 0; n < CODES; n++) {
    const code = codeOf(n);
    const hashPrefix = codeHash(code).subarray(0, 28);
    state.set(fieldKey(Domain.nonce, addressOf(n)), bigIntToWord(1n));
    state.set(
      fieldKey(Domain.code, addressOf(n)),
      encodeCodeWord({ flags: CodeFlag.storage, incarnation: 0, hashPrefix }),
    );
    state.addCode(code);
  }
  return state;
}

const callOf = (n: number): ExecutableTransaction => ({
  type: 2,
  sender: SENDER,
  chainId: 1,
  nonce: 0n,
  gasLimit: 100_000,
  to: addressOf(n),
  value: 0n,
  data: new Uint8Array(0),
  maxFeePerGas: 10n,
  maxPriorityFeePerGas: 1n,
});

/** Storage comes when `release` is called. */
class HeldState implements StateView {
  release!: () => void;
  private readonly state: MemoryState;
  private readonly held = new Promise<void>((resolve) => {
    this.release = resolve;
  });
  constructor(state: MemoryState) {
    this.state = state;
  }
  read = (key: Uint8Array) => (key[0] === Domain.storage ? undefined : this.state.read(key));
  codeByPrefix = (prefix: Uint8Array) => this.state.codeByPrefix(prefix);
  fetchCode = (prefix: Uint8Array) => this.state.fetchCode(prefix);
  async fetch(key: Uint8Array) {
    await this.held;
    return this.state.fetch(key);
  }
}

async function callAll(engine: WasmEngine, state: StateView): Promise<void> {
  for (let n = 0; n < CODES; n++) {
    const { outcome, status, returnData } = await engine.execute(context, callOf(n), state);
    expect({ n, outcome, status, returned: Buffer.from(returnData).readUInt32BE(28) }).toEqual({
      n,
      outcome: "included",
      status: 1,
      returned: n,
    });
  }
}

describe("more codes than there is room for", () => {
  it("are forgotten and asked for again, twice over", async () => {
    const engine = createWasmEngine({ kernel: { codeBytes: CODE_BYTES } });
    const state = world();
    await callAll(engine, state);
    await callAll(engine, state);
    expect(engine.kernel.codeEpoch).toBeGreaterThan(2);
    expect(engine.stats.fallbacks).toEqual({ limit: 0 });
  });

  it("do not keep executions from being right that wait all along", async () => {
    const engine = createWasmEngine({ kernel: { codeBytes: CODE_BYTES } });
    const state = world();
    const held = new HeldState(state);
    const waiting = [1, 2, 3].map((n) => engine.execute(context, callOf(n), held));
    await callAll(engine, state);
    expect(engine.kernel.codeEpoch).toBeGreaterThan(0);
    held.release();
    const results = await Promise.all(waiting);
    expect(results.map(({ returnData }) => Buffer.from(returnData).readUInt32BE(28))).toEqual([1, 2, 3]);
    expect(engine.stats.restarts).toBeGreaterThanOrEqual(3);
    expect(engine.stats.fallbacks).toEqual({ limit: 0 });
  });
});
