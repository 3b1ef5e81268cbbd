import { describe, expect, it } from "@jest/globals";
import { createBlockRules } from "@velarium/chain-rules";
import {
  AccessKind,
  CodeFlag,
  Domain,
  encodeCodeWord,
  fieldKey,
  SLOT_KEY_BYTES,
  storageKey,
} from "@velarium/slots";
import {
  type AccessColumns,
  bigIntToWord,
  codeHash,
  createAccessList,
  createReferenceEngine,
  diverges,
  type ExecutableTransaction,
  type ExecutionResult,
  estimateGas,
  MemoryState,
  runCall,
  type StateView,
  simulateTransaction,
} from "../src/index.ts";

const rules = createBlockRules("osaka", 7);
const address = (n: number): Uint8Array => new Uint8Array(20).fill(n);
const [SENDER, CONTRACT, MINER, PLAIN] = [address(1), address(2), address(3), address(4)] as const;
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
const engine = createReferenceEngine();
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

function stateWith(code: string): MemoryState {
  const state = new MemoryState();
  const bytes = hex(code);
  state.set(fieldKey(Domain.balance, SENDER), bigIntToWord(10n ** 20n));
  state.addCode(bytes);
  const hashPrefix = codeHash(bytes).subarray(0, 28);
  state.set(fieldKey(Domain.code, CONTRACT), encodeCodeWord({ flags: 0, incarnation: 0, hashPrefix }));
  state.set(fieldKey(Domain.nonce, CONTRACT), bigIntToWord(1n));
  return state;
}

const transaction = (fields: Partial<ExecutableTransaction> = {}): ExecutableTransaction => ({
  type: 2,
  sender: SENDER,
  nonce: 0n,
  gasLimit: 200_000,
  to: CONTRACT,
  value: 0n,
  data: new Uint8Array(0),
  maxFeePerGas: 10n,
  maxPriorityFeePerGas: 2n,
  ...fields,
});

const name = (key: Uint8Array): string => Buffer.from(key).toString("hex");
function kinds(columns: AccessColumns): Map<string, number> {
  const out = new Map<string, number>();
  for (let i = 0; i < columns.count; i++)
    out.set(name(columns.keys.subarray(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES)), columns.kinds[i]!);
  return out;
}
const SLOT0 = storageKey(CONTRACT, new Uint8Array(32));
const SLOT1 = storageKey(CONTRACT, bigIntToWord(1n));

/** SSTORE(0, SLOAD(0) + 1) */
const COUNTER = "600054600101600055";

describe("accesses of the reference engine", () => {
  it("reports exactly the slots of a call, the fee as a delta", async () => {
    const result = await engine.execute(context, transaction(), stateWith(COUNTER));
    expect(result.status).toBe(1);
    expect(kinds(result.accesses)).toEqual(
      new Map([
        [name(fieldKey(Domain.balance, SENDER)), AccessKind.W],
        [name(fieldKey(Domain.nonce, SENDER)), AccessKind.W],
        [name(fieldKey(Domain.code, SENDER)), AccessKind.R],
        [name(fieldKey(Domain.code, CONTRACT)), AccessKind.R],
        [name(SLOT0), AccessKind.W],
        [name(fieldKey(Domain.balance, MINER)), AccessKind.D],
      ]),
    );
    expect(result.beneficiaryFee).toBe(BigInt(result.gasUsed) * 2n);
  });

  it("credits a plain account blindly and a contract by reading", async () => {
    const plain = await engine.execute(context, transaction({ to: PLAIN, value: 5n }), stateWith(COUNTER));
    expect(kinds(plain.accesses).get(name(fieldKey(Domain.balance, PLAIN)))).toBe(AccessKind.D);
    const contract = await engine.execute(context, transaction({ value: 5n }), stateWith(COUNTER));
    expect(kinds(contract.accesses).get(name(fieldKey(Domain.balance, CONTRACT)))).toBe(AccessKind.W);
  });

  it("keeps the reads of a reverted frame and drops its writes", async () => {
    const result = await engine.execute(context, transaction(), stateWith(`${COUNTER}60006000fd`));
    expect(result.status).toBe(0);
    expect(kinds(result.accesses).get(name(SLOT0))).toBe(AccessKind.R);
    const declared = await simulateTransaction(
      engine,
      context,
      transaction(),
      stateWith(`${COUNTER}60006000fd`),
    );
    expect(kinds(declared.accesses).get(name(SLOT0))).toBe(AccessKind.W);
  });

  it("folds the fee into the balance when the code looks at the beneficiary", async () => {
    const code = `73${Buffer.from(MINER).toString("hex")}31600055`;
    const state = stateWith(code);
    state.set(fieldKey(Domain.balance, MINER), bigIntToWord(1000n));
    const result = await engine.execute(context, transaction(), state);
    expect(kinds(result.accesses).get(name(fieldKey(Domain.balance, MINER)))).toBe(AccessKind.W);
    expect(result.deltas.count).toBe(0);
    state.apply(result);
    expect(state.read(fieldKey(Domain.balance, MINER))).toEqual(bigIntToWord(1000n + result.beneficiaryFee));
    expect(state.read(SLOT0)).toEqual(bigIntToWord(1000n));
  });

  it("gives a pre-Cancun selfdestruct the next incarnation in one write", async () => {
    const paris = { ...context, rules: createBlockRules("paris", 7) };
    const state = stateWith(`73${Buffer.from(PLAIN).toString("hex")}ff`);
    state.set(SLOT0, bigIntToWord(5n));
    const result = await engine.execute(paris, transaction(), state);
    const key = fieldKey(Domain.code, CONTRACT);
    expect(kinds(result.accesses).get(name(key))).toBe(AccessKind.X);
    state.apply(result);
    expect(state.read(key)).toEqual(
      encodeCodeWord({ flags: 0, incarnation: 1, hashPrefix: new Uint8Array(28) }),
    );
    expect(CodeFlag.exists & state.read(key)[0]!).toBe(0);
  });
});

describe("divergence", () => {
  it("has no effect and reports what was seen", async () => {
    const state = stateWith(`${COUNTER}60015450`);
    const full = await simulateTransaction(engine, context, transaction(), state);
    const same = await engine.execute(context, transaction(), state, { declared: full.accesses });
    expect(same.outcome).toBe("included");
    const at = [...kinds(full.accesses).keys()].indexOf(name(SLOT1));
    const missing: AccessColumns = {
      count: full.accesses.count - 1,
      keys: Uint8Array.from([
        ...full.accesses.keys.subarray(0, at * SLOT_KEY_BYTES),
        ...full.accesses.keys.subarray((at + 1) * SLOT_KEY_BYTES),
      ]),
      kinds: Uint8Array.from([
        ...full.accesses.kinds.subarray(0, at),
        ...full.accesses.kinds.subarray(at + 1),
      ]),
    };
    const result = await engine.execute(context, transaction(), state, { declared: missing });
    expect([result.outcome, result.reason, result.writes.count]).toEqual(["returned", "diverged", 0]);
    expect(kinds(result.accesses).has(name(SLOT1))).toBe(true);
    expect(diverges(missing, full.accesses)).toBe(true);
    expect(diverges(full.accesses, full.accesses)).toBe(false);
  });

  it("stops a transaction that reads on and on", async () => {
    // JUMPDEST; SLOAD(i) with i counting up, for ever.
    const state = stateWith("60005b80545060010160025600");
    const declared = (await simulateTransaction(engine, context, transaction({ to: PLAIN }), state)).accesses;
    const result = await engine.execute(context, transaction({ gasLimit: 16_000_000 }), state, { declared });
    expect(result.reason).toBe("diverged");
    expect(result.accesses.count).toBeLessThan(100);
  });
});

/** Answers nothing at once: everything has to be fetched. */
class SlowState implements StateView {
  readonly fetched: string[] = [];
  private readonly inner: MemoryState;
  constructor(inner: MemoryState) {
    this.inner = inner;
  }
  read(): undefined {
    return undefined;
  }
  async fetch(key: Uint8Array): Promise<Uint8Array> {
    this.fetched.push(name(key));
    return this.inner.read(key);
  }
  codeByPrefix(): undefined {
    return undefined;
  }
  fetchCode(prefix: Uint8Array): Promise<Uint8Array> {
    return this.inner.fetchCode(prefix);
  }
}

describe("a state that is not at hand", () => {
  it("gives the same result, and each slot is fetched once", async () => {
    const expected: ExecutionResult = await engine.execute(
      context,
      transaction({ value: 9n }),
      stateWith(COUNTER),
    );
    const slow = new SlowState(stateWith(COUNTER));
    expect(await engine.execute(context, transaction({ value: 9n }), slow)).toEqual(expected);
    expect(new Set(slow.fetched).size).toBe(slow.fetched.length);
    expect(new Set(slow.fetched)).toEqual(
      new Set([...kinds(expected.accesses)].filter(([, kind]) => kind !== AccessKind.D).map(([key]) => key)),
    );
  });
});

describe("calls", () => {
  it("estimates a transfer exactly and a call closely", async () => {
    const state = stateWith(COUNTER);
    expect(await estimateGas(engine, context, { from: SENDER, to: PLAIN, value: 1n }, state)).toEqual({
      kind: "gas",
      gas: 21_000,
    });
    const estimate = await estimateGas(engine, context, { from: SENDER, to: CONTRACT }, state);
    const used = (await runCall(engine, context, { from: SENDER, to: CONTRACT }, state)).gasUsed;
    expect(estimate.kind).toBe("gas");
    if (estimate.kind === "gas") {
      expect(estimate.gas).toBeGreaterThanOrEqual(used);
      expect(estimate.gas).toBeLessThan(used * 1.1);
    }
  });

  it("tells a revert with its data", async () => {
    const state = stateWith("60ff60005260206000fd");
    const estimate = await estimateGas(engine, context, { from: SENDER, to: CONTRACT }, state);
    expect(estimate.kind).toBe("failed");
    if (estimate.kind === "failed") expect(estimate.result.returnData).toEqual(bigIntToWord(255n));
  });

  it("lists the storage of a call", async () => {
    const { accessList } = await createAccessList(
      engine,
      context,
      { from: SENDER, to: CONTRACT },
      stateWith(COUNTER),
    );
    expect(accessList).toEqual([{ address: CONTRACT, storageKeys: [new Uint8Array(32)] }]);
  });

  it("refuses bad transactions with their reason", async () => {
    const state = stateWith(COUNTER);
    const reasonOf = async (fields: Partial<ExecutableTransaction>) => {
      const { outcome, reason, writes } = await engine.execute(context, transaction(fields), state);
      return [outcome, reason, writes.count];
    };
    expect(await reasonOf({ nonce: 1n })).toEqual(["returned", "nonce-too-high", 0]);
    state.set(fieldKey(Domain.nonce, SENDER), bigIntToWord(2n));
    expect(await reasonOf({ nonce: 1n })).toEqual(["rejected", "nonce-too-low", 0]);
    expect(await reasonOf({ nonce: 2n, value: 10n ** 21n })).toEqual(["rejected", "insufficient-funds", 0]);
    expect(await reasonOf({ nonce: 2n, maxFeePerGas: 6n })).toEqual(["returned", "fee-cap", 0]);
    expect(await reasonOf({ nonce: 2n, gasLimit: 20_000 })).toEqual(["rejected", "intrinsic-gas", 0]);
    expect(await reasonOf({ nonce: 2n, gasLimit: 2 ** 24 + 1 })).toEqual(["rejected", "gas-limit", 0]);
    expect(await reasonOf({ nonce: 2n, chainId: 8 })).toEqual(["rejected", "chain-id", 0]);
    expect(await reasonOf({ nonce: 2n, type: 5 })).toEqual(["rejected", "type-unsupported", 0]);
    expect(await reasonOf({ nonce: 2n, sender: CONTRACT })).toEqual(["returned", "nonce-too-high", 0]);
    expect(await reasonOf({ nonce: 1n, sender: CONTRACT })).toEqual(["rejected", "sender-not-eoa", 0]);
  });
});
