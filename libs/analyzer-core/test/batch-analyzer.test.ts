import { describe, expect, it } from "@jest/globals";
import { configOfFork, createEthereumRules } from "@velarium/chain-rules";
import { BytesVector, decode, encode, fixedAt, type Message } from "@velarium/columns";
import { createEngine, ENGINE_KINDS, type EngineKind } from "@velarium/engine-wasm";
import { AccessKind, blockHashKey, Domain, fieldKey, SlotIds, storageKey } from "@velarium/slots";
import { Analyzed, Reason, Shape, TxBatch } from "@velarium/wire";
import fc from "fast-check";
import { BatchAnalyzer } from "../src/index.ts";
import { allKeys } from "./all-keys.ts";
import { MemorySource } from "./committed.ts";
import {
  addressOf,
  encodeTransaction,
  keccakOf,
  placeholderSignature,
  signTransaction,
  type TxFields,
} from "./transactions.ts";

const CHAIN = 8317;
const slotIds = new SlotIds(new Uint8Array(32).fill(3), 64);
const beneficiary = new Uint8Array(20).fill(0xbe);
const account = (n: number): Uint8Array => {
  const out = new Uint8Array(20).fill(0xaa);
  new DataView(out.buffer).setUint32(16, n);
  return out;
};
const key = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

interface Entry {
  readonly raw: Uint8Array;
  /** Verified records name their sender. */
  readonly sender?: Uint8Array;
}

function batchOf(entries: readonly Entry[]): Message<typeof TxBatch> {
  const raw = new BytesVector();
  const verified = new Uint8Array(entries.length);
  const senders = new Uint8Array(entries.length * 20);
  const hashes = new Uint8Array(entries.length * 32);
  entries.forEach((entry, i) => {
    raw.push(entry.raw);
    if (!entry.sender) return;
    verified[i] = 1;
    senders.set(entry.sender, i * 20);
    hashes.set(keccakOf(entry.raw), i * 32);
  });
  return decode(
    TxBatch,
    encode(TxBatch, { batch: 1, receivedMs: 0, verified, raw: raw.view(), senders, hashes }),
  );
}

const transfer = (to: Uint8Array, over: Partial<TxFields> = {}): TxFields => ({
  type: 2,
  chainId: CHAIN,
  nonce: 5,
  gasLimit: 21_000,
  maxFeePerGas: 3_000_000_000n,
  maxPriorityFeePerGas: 7n,
  to,
  value: 1n,
  ...over,
});
const call = (to: Uint8Array, over: Partial<TxFields> = {}): TxFields =>
  transfer(to, { gasLimit: 200_000, value: 0n, data: hex("01020304"), ...over });

function analyzerOn(source: MemorySource, engine: EngineKind = "reference"): BatchAnalyzer {
  const rules = createEthereumRules(configOfFork("prague", CHAIN));
  return new BatchAnalyzer({
    slotIds,
    rules,
    source,
    beneficiary,
    gasLimit: 30_000_000,
    knownRecipients: 1024,
    engine: createEngine(engine),
  });
}

async function analyse(
  entries: readonly Entry[],
  source = new MemorySource(),
  analyzer = analyzerOn(source),
) {
  const analyzed = decode(Analyzed, await analyzer.analyzeBatch(batchOf(entries), 4, 99));
  return { analyzed, analyzer, source };
}

const verified = (fields: TxFields, sender: Uint8Array): Entry => ({
  raw: encodeTransaction(fields, placeholderSignature(sender)),
  sender,
});

/** Kinds by key of a general row that stands alone in its message. */
function accessesOf(analyzed: Message<typeof Analyzed>): Map<string, number> {
  const out = new Map<string, number>();
  const [keys] = allKeys(analyzed);
  for (const [i, key] of keys!.entries()) out.set(named(key), analyzed.accessKinds[i]!);
  expect(out.size).toBe(analyzed.accessKinds.length);
  return out;
}
const named = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("transfers", () => {
  it("have the ids of their five keys, whatever stands around them", async () => {
    const kinds = fc.constantFrom("transfer", "self", "bad", "call");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(kinds, fc.nat(20), fc.nat(20)), { maxLength: 12 }), async (plan) => {
        const entries = plan.map(([kind, a, b]): Entry => {
          const sender = account(a);
          const to = account(kind === "self" ? a : b + 100);
          if (kind === "bad") return { raw: hex("c0"), sender };
          return verified(kind === "call" ? call(to) : transfer(to), sender);
        });
        const { analyzed } = await analyse(entries);
        const all = allKeys(analyzed);
        plan.forEach(([kind, a, b], row) => {
          const from = row === 0 ? 0 : analyzed.accessEnds[row - 1]!;
          const end = analyzed.accessEnds[row]!;
          expect(analyzed.shapes[row]).toBe(
            kind === "transfer" ? Shape.transfer : kind === "bad" ? Shape.general : Shape.call,
          );
          const count = end - from;
          let keys: Uint8Array;
          if (kind === "bad") {
            expect([count, analyzed.verdicts[row]]).toEqual([0, Reason.malformed]);
            return;
          }
          expect(analyzed.verdicts[row]).toBe(0);
          if (kind === "transfer") {
            const [s, r] = [account(a), account(b + 100)];
            keys = Buffer.concat([
              fieldKey(Domain.balance, s),
              fieldKey(Domain.nonce, s),
              fieldKey(Domain.code, s),
              fieldKey(Domain.code, r),
              fieldKey(Domain.balance, r),
            ]);
            const { W, R, D } = AccessKind;
            expect([...analyzed.accessKinds.subarray(from, end)]).toEqual([W, W, R, R, D]);
          } else {
            keys = Buffer.concat(all[row]!);
            expect(all[row]!.length).toBe(count);
            expect(count).toBeGreaterThanOrEqual(3);
          }
          const [hi, lo] = [new Uint32Array(count), new Uint32Array(count)];
          slotIds.idsOf(keys, count, hi, lo);
          expect([...analyzed.accessHi.subarray(from, end)]).toEqual([...hi]);
          expect([...analyzed.accessLo.subarray(from, end)]).toEqual([...lo]);
        });
      }),
      { numRuns: 40 },
    );
  });

  it("look unknown recipients up in one request, and then no more", async () => {
    const source = new MemorySource();
    const entries = [1, 2, 3, 2].map((n) => verified(transfer(account(n)), account(50 + n)));
    const { analyzer } = await analyse(entries, source);
    expect([source.requests, source.keysRead]).toEqual([1, 4]);
    await analyse(entries, source, analyzer);
    expect(source.requests).toBe(1);
    expect(analyzer.counters).toMatchObject({ transactions: 8, transfers: 8, simulation: 0, lookups: 4 });
  });

  it("are general to contracts, to precompiles, from the beneficiary and with an access list", async () => {
    const source = new MemorySource();
    source.deploy(account(9), hex("00"));
    const listed = transfer(account(1), {
      gasLimit: 60_000,
      accessList: [{ address: account(2), storageKeys: [key(1)] }],
    });
    const entries = [
      verified(transfer(account(9), { gasLimit: 90_000 }), account(1)),
      verified(transfer(new Uint8Array(20).fill(4, 19), { gasLimit: 90_000 }), account(1)),
      verified(transfer(account(1)), beneficiary),
      verified(listed, account(3)),
    ];
    const { analyzed, analyzer } = await analyse(entries, source);
    expect([...analyzed.shapes]).toEqual(new Array(4).fill(Shape.call));
    expect(analyzer.counters).toMatchObject({ declared: 1, profile: 4, simulation: 0, transfers: 0 });
  });

  it("recover senders, take nonces, gas and fees, and refuse bad signatures and other chains", async () => {
    const good = signTransaction(transfer(account(1), { maxFeePerGas: 2n ** 90n }), key(7));
    const flawed = encodeTransaction(transfer(account(1)), {
      yParity: 0,
      r: new Uint8Array(32).fill(0xff),
      s: new Uint8Array(32).fill(1),
    });
    const foreign = signTransaction(transfer(account(1), { chainId: 1 }), key(7));
    const { analyzed } = await analyse([{ raw: good }, { raw: flawed }, { raw: foreign }]);
    expect([...analyzed.verdicts]).toEqual([Reason.none, Reason.badSignature, Reason.wrongChain]);
    expect(named(fixedAt(analyzed.senders, 20, 0))).toBe(named(addressOf(key(7))));
    expect(named(fixedAt(analyzed.senders, 20, 1))).toBe("00".repeat(20));
    expect(named(fixedAt(analyzed.hashes, 32, 0))).toBe(named(keccakOf(good)));
    expect([analyzed.nonces[0], analyzed.gasLimits[0]]).toEqual([5, 21_000]);
    expect([analyzed.feeCaps[0], analyzed.tipCaps[0]]).toEqual([2 ** 53, 7]);
    expect([analyzed.term, analyzed.streamSeq]).toEqual([4, 99]);
  });
});

describe.each(ENGINE_KINDS)("other transactions on the engine %s", (engine) => {
  const token = account(77);
  const analyseOn = (entries: readonly Entry[], source: MemorySource) =>
    analyse(entries, source, analyzerOn(source, engine));

  it("declare what the simulation did: written slots W, top-level credit not listed as a read", async () => {
    const source = new MemorySource();
    source.deploy(token, hex("6000546001016000556001545000")); // slot 0 += 1, read slot 1
    const { analyzed } = await analyseOn([verified(call(token), account(1))], source);
    const accesses = accessesOf(analyzed);
    expect(accesses.get(named(storageKey(token, new Uint8Array(32))))).toBe(AccessKind.W);
    expect(accesses.get(named(storageKey(token, hex("01".padStart(64, "0")))))).toBe(AccessKind.R);
    expect(accesses.get(named(fieldKey(Domain.balance, account(1))))).toBe(AccessKind.W);
    expect(accesses.get(named(fieldKey(Domain.nonce, account(1))))).toBe(AccessKind.W);
    expect(accesses.get(named(fieldKey(Domain.code, token)))).toBe(AccessKind.R);
    expect(accesses.has(named(fieldKey(Domain.balance, beneficiary)))).toBe(false);
  });

  it("declare what they touched although they fail, with no funds and a later nonce", async () => {
    const source = new MemorySource();
    source.deploy(token, hex("60016000556000600060fd5b60006000fd")); // slot 0 := 1, then revert
    const { analyzed } = await analyseOn([verified(call(token, { nonce: 900 }), account(1))], source);
    expect(accessesOf(analyzed).get(named(storageKey(token, new Uint8Array(32))))).toBe(AccessKind.W);
  });

  it("declare only their sender's fields when they touch more slots than a frame can name", async () => {
    const source = new MemorySource();
    source.deploy(token, hex("60005b805450600101" + "5a61271010600257" + "00")); // reads slots while 10,000 gas are left
    const many = verified(call(token, { gasLimit: 20_000_000 }), account(1));
    const some = verified(call(token, { gasLimit: 1_000_000 }), account(2));
    const { analyzed, analyzer } = await analyseOn([many, some], source);
    expect([...analyzed.verdicts]).toEqual([0, 0]);
    expect(analyzed.accessEnds[0]).toBe(3);
    expect(analyzed.accessEnds[1]).toBeGreaterThan(400);
    const [few, all] = allKeys(analyzed);
    expect(few!.length + all!.length).toBe(analyzed.accessEnds[1]!);
    const sender = [Domain.balance, Domain.nonce, Domain.code].map((d) => named(fieldKey(d, account(1))));
    expect(few!.map(named)).toEqual(sender);
    expect(analyzer.simulation.failures).toBe(1);
  });

  it("declare W on the beneficiary's balance when they read it, D when they credit it", async () => {
    const source = new MemorySource();
    source.deploy(token, hex("41315000")); // BALANCE(COINBASE)
    const reads = await analyseOn([verified(call(token), account(1))], source);
    const name = named(fieldKey(Domain.balance, beneficiary));
    expect(accessesOf(reads.analyzed).get(name)).toBe(AccessKind.W);
    const credit = call(beneficiary, { value: 5n });
    source.state.set(fieldKey(Domain.balance, account(1)), new Uint8Array(32).fill(1));
    const credits = await analyseOn([verified(credit, account(1))], source);
    expect(accessesOf(credits.analyzed).get(name)).toBe(AccessKind.D);
  });

  it("declare H for hashes of blocks", async () => {
    const source = new MemorySource();
    source.deploy(token, hex("600143034050")); // BLOCKHASH(NUMBER - 1)
    const { analyzed } = await analyseOn([verified(call(token), account(1))], source);
    expect(accessesOf(analyzed).get(named(blockHashKey(7)))).toBe(AccessKind.H);
  });

  it("add the declared list as reads", async () => {
    const source = new MemorySource();
    const accessList = [{ address: token, storageKeys: [key(9)] }];
    const { analyzed } = await analyseOn([verified(call(account(2), { accessList }), account(1))], source);
    expect(accessesOf(analyzed).get(named(storageKey(token, key(9))))).toBe(AccessKind.R);
  });

  it("ask once per message for what the last run of the same call touched", async () => {
    const source = new MemorySource();
    source.deploy(token, hex("600054600154600254505050"));
    let clock = 1_000_000;
    const analyzer = new BatchAnalyzer({
      slotIds,
      rules: createEthereumRules(configOfFork("prague", CHAIN)),
      source,
      beneficiary,
      gasLimit: 30_000_000,
      knownRecipients: 1024,
      profiles: { name: "profile", contribute: () => "none" },
      engine: createEngine(engine),
      now: () => clock,
    });
    const entries = [verified(call(token), account(1))];
    await analyse(entries, source, analyzer);
    const first = source.requests;
    expect(first).toBeGreaterThan(1);
    clock += 5000; // all words are stale
    await analyse(entries, source, analyzer);
    // With the reference those of the last run are expected; the other way finds them out again, all at once.
    expect(source.requests - first).toBe(engine === "reference" ? 1 : 2);
  });

  it("reject the message when the state does not answer, and go on afterwards", async () => {
    const source = new MemorySource();
    source.deploy(token, hex("600054"));
    const analyzer = analyzerOn(source, engine);
    source.failures = 1;
    const entries = [verified(call(token), account(1))];
    await expect(analyse(entries, source, analyzer)).rejects.toThrow("no answer");
    const { analyzed } = await analyse(entries, source, analyzer);
    expect(analyzed.accessKinds.length).toBeGreaterThan(3);
  });
});
