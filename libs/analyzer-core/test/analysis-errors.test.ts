/** What one way to find access sets throws concerns one transaction: it is left to the next way, the others stay as they are. */
import { describe, expect, it } from "@jest/globals";
import { configOfFork, createEthereumRules } from "@velarium/chain-rules";
import { BytesVector, decode, encode, type Message } from "@velarium/columns";
import type { Engine, PackedSimulation } from "@velarium/engine";
import { createEngine } from "@velarium/engine-wasm";
import { AccessKind, Domain, fieldKey, SlotIds, storageKey } from "@velarium/slots";
import { Analyzed, SENDER_ACCESSES, TxBatch } from "@velarium/wire";
import {
  type AccessStrategy,
  type AnalysisErrorClass,
  AnalysisErrors,
  BatchAnalyzer,
  type BatchAnalyzerOptions,
} from "../src/index.ts";
import { allKeys } from "./all-keys.ts";
import { MemorySource } from "./committed.ts";
import { encodeTransaction, keccakOf, placeholderSignature } from "./transactions.ts";

const CHAIN = 8317;
const token = new Uint8Array(20).fill(0x77);
const bad = new Uint8Array(20).fill(0xb2);
const senders = [new Uint8Array(20).fill(0xb1), bad, new Uint8Array(20).fill(0xb3)];
const named = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
/** slot 0 += 1 */
const ADDS_ONE = new Uint8Array(Buffer.from("600054600101600055", "hex"));

class Broken extends Error {
  override name = "Broken";
}

function batch(): Message<typeof TxBatch> {
  const raw = new BytesVector();
  const hashes = new Uint8Array(senders.length * 32);
  for (const [i, sender] of senders.entries()) {
    const fields = { type: 2, chainId: CHAIN, nonce: 0, gasLimit: 100_000, to: token, value: 0n } as const;
    const fees = { maxFeePerGas: 9n, maxPriorityFeePerGas: 1n, data: Uint8Array.of(1, 2, 3, 4) };
    const bytes = encodeTransaction({ ...fields, ...fees }, placeholderSignature(sender));
    raw.push(bytes);
    hashes.set(keccakOf(bytes), i * 32);
  }
  const verified = new Uint8Array(senders.length).fill(1);
  const columns = { verified, raw: raw.view(), senders: new Uint8Array(Buffer.concat(senders)), hashes };
  return decode(TxBatch, encode(TxBatch, { batch: 1, receivedMs: 0, ...columns }));
}

async function analyse(over: Partial<BatchAnalyzerOptions>) {
  const source = new MemorySource();
  source.deploy(token, ADDS_ONE);
  const analyzer = new BatchAnalyzer({
    slotIds: new SlotIds(new Uint8Array(32).fill(3), 64),
    rules: createEthereumRules(configOfFork("prague", CHAIN)),
    source,
    beneficiary: new Uint8Array(20).fill(0xbe),
    gasLimit: 30_000_000,
    knownRecipients: 1024,
    engine: createEngine("wasm"),
    ...over,
  });
  const analyzed = decode(Analyzed, await analyzer.analyzeBatch(batch(), 1, 1));
  const sets = allKeys(analyzed).map((keys, row) => {
    const from = row === 0 ? 0 : analyzed.accessEnds[row - 1]!;
    return keys.map((key, i) => `${named(key)} ${analyzed.accessKinds[from + i]}`).sort();
  });
  return { analyzer, sets };
}

/** The engine with a packed simulation that fails at `method` of the bad sender's transaction. */
function failing(method: "begin" | "run" | "supplySlot"): Engine {
  const engine = createEngine("wasm");
  const simulation = engine.simulation!;
  let isBad = false;
  const broken = new Proxy(simulation, {
    get(target, property) {
      const value = Reflect.get(target, property, target) as unknown;
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (property === "begin") {
          const [, , all, at] = args as Parameters<PackedSimulation["begin"]>;
          isBad = named(all.subarray(at, at + 20)) === named(bad);
        }
        if (isBad && property === method) throw new Broken("injected");
        return value.apply(target, args) as unknown;
      };
    },
  });
  return new Proxy(engine, {
    get: (target, property) => (property === "simulation" ? broken : Reflect.get(target, property, target)),
  });
}

const throwsForBad = (name: AccessStrategy["name"], error: unknown): AccessStrategy => ({
  name,
  contribute({ transaction }, into) {
    if (named(transaction.sender) !== named(bad)) return "none";
    // What it added before it failed is not to be believed.
    into.addField(Domain.balance, token, AccessKind.W);
    throw error;
  },
});
const isNone: AccessStrategy = { name: "profile", contribute: () => "none" };

describe("an error of one way to find an access set", () => {
  it.each(["begin", "run", "supplySlot"] as const)(
    "leaves one transaction to the next when the packed simulation fails in %s",
    async (method) => {
      const { sets: expected } = await analyse({ profiles: isNone });
      const { analyzer, sets } = await analyse({ profiles: isNone, engine: failing(method) });
      expect(sets).toEqual(expected);
      expect(sets[1]).toContain(`${named(storageKey(token, new Uint8Array(32)))} ${AccessKind.W}`);
      expect(analyzer.errors.classes).toMatchObject([{ stage: "packed-simulation", error: "Broken" }]);
      expect(analyzer.counters).toMatchObject({ transactions: 3, simulation: 3 });
    },
  );

  it("asks the next strategy when one throws, without what it added", async () => {
    const told: AnalysisErrorClass[] = [];
    const { sets: expected } = await analyse({ profiles: isNone, engine: createEngine("reference") });
    const { analyzer, sets } = await analyse({
      profiles: throwsForBad("profile", new TypeError("injected")),
      engine: createEngine("reference"),
      onError: (_error, errorClass) => told.push({ ...errorClass }),
    });
    expect(sets).toEqual(expected);
    expect(told).toEqual([{ stage: "profile", error: "TypeError", count: 1 }]);
    expect(analyzer.errors.total).toBe(1);
  });

  it("declares the sender's fields, and goes on, when every way fails", async () => {
    const engine = failing("begin");
    const { sets: expected } = await analyse({ profiles: isNone });
    const { analyzer, sets } = await analyse({
      profiles: throwsForBad("profile", "not even an error"),
      engine: new Proxy(engine, {
        get: (target, property) =>
          property === "execute"
            ? () => {
                throw new Broken("injected");
              }
            : Reflect.get(target, property, target),
      }),
    });
    expect([sets[0], sets[2]]).toEqual([expected[0], expected[2]]);
    const fields = [
      `${named(fieldKey(Domain.balance, bad))} ${AccessKind.W}`,
      `${named(fieldKey(Domain.nonce, bad))} ${AccessKind.W}`,
      `${named(fieldKey(Domain.code, bad))} ${AccessKind.R}`,
    ];
    expect(sets[1]).toHaveLength(SENDER_ACCESSES);
    expect(sets[1]).toEqual(fields.sort());
    expect(analyzer.errors.classes.map(({ stage, error }) => [stage, error])).toEqual([
      ["packed-simulation", "Broken"],
      ["profile", "string"],
      ["simulation", "Broken"],
    ]);
  });

  it("is counted under a bound of classes", () => {
    const errors = new AnalysisErrors();
    for (let i = 0; i < 200; i++) {
      const error = new Error("of many names");
      error.name = `Error${i}`;
      errors.note("profile", error);
    }
    expect(errors.total).toBe(200);
    expect(errors.classes.length).toBeLessThanOrEqual(65);
    expect(errors.classes.at(-1)).toMatchObject({ stage: "profile", error: "other" });
  });
});
