/** Bad input against running clusters: nothing is lost, nothing stops. Every acknowledged transaction has one outcome. */
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { decodeTransaction, recoverSender } from "@velarium/tx-codec";
import { MAX_TRANSACTION_BYTES, Reason, reasonName } from "@velarium/wire";
import { scrape } from "../libs/cli/src/drive/metrics.ts";
import { type Bench, settle, startBench, stopBench } from "./support/bench.ts";
import { hasServers, toHex } from "./support/cluster.ts";
import { contractAt, FUNDED, signed } from "./support/hostile.ts";
import { IngestClient } from "./support/ingest.ts";
import type { Outcome } from "./support/outcomes.ts";

// Whole processes start here, maybe beside others.
jest.setTimeout(120_000);

const names = (verdicts: readonly number[]): string[] =>
  verdicts.map((v) => (v === Reason.none ? "admitted" : reasonName(v)));
const whats = (outcomes: readonly Outcome[]): string[] => outcomes.map((o) => o.what);
const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

/** r without a point on the curve: well formed for the door, and nobody's signature. */
function withoutSigner(account: number, nonce: number): Uint8Array {
  const raw = signed(account, { nonce });
  // The list ends with r (32 bytes behind its prefix), then s.
  for (let tries = 0; tries < 256; tries++) {
    raw[raw.length - 34] = tries;
    try {
      recoverSender(decodeTransaction(raw));
    } catch {
      return raw;
    }
  }
  throw new Error("every r is on the curve");
}

async function framerMetric(bench: Bench, name: string): Promise<number> {
  const page = await scrape(bench.running.cluster.endpointsNamed("metrics")[0]!);
  return page.get(`velarium_framer_${name}`)!;
}

describe("one cluster under bad input", () => {
  let bench: Bench;
  const goodSender = 0;
  let goodNonce = 0;
  const submit = (transactions: readonly Uint8Array[]) => bench.ingest.submit(transactions);
  const outcomesOf = async (transactions: readonly Uint8Array[]): Promise<Outcome[]> => {
    const { verdicts, arrivals } = await submit(transactions);
    expect(names(verdicts)).toEqual(times(transactions.length, () => "admitted"));
    return bench.outcomes.of(arrivals);
  };
  const expectWorking = async (): Promise<void> => {
    const [good] = await outcomesOf([signed(goodSender, { nonce: goodNonce++ })]);
    expect(good).toMatchObject({ what: "included", status: 1, gasUsed: 21_000 });
  };

  beforeAll(async () => {
    bench = await startBench({ "tail-gas": "30000000", "sender-tail-gas": "25000000", "expiry-ms": "6000" });
  }, 120_000);
  afterAll(async () => {
    await stopBench(bench);
  }, 60_000);
  // What was bad must not have stopped what is good.
  const badThen = (what: string, test: () => Promise<void>): void => {
    it(`${what}; then a good transfer`, async () => {
      await test();
      await expectWorking();
    });
  };

  badThen(
    "refuses what is malformed at the gRPC door, each by its reason, and takes the rest of the batch",
    async () => {
      const good = signed(1);
      const large = new Uint8Array(MAX_TRANSACTION_BYTES);
      const cases: [Uint8Array, string][] = [
        [Uint8Array.of(0x02, 0xc0), "malformed"],
        [new Uint8Array(0), "malformed"],
        [Uint8Array.of(0x7f, 0xc0), "unsupportedType"],
        [good.subarray(0, -1), "malformed"],
        [good, "admitted"],
        [Uint8Array.of(...good, 0), "malformed"],
        [signed(1, { chainId: 1 }), "wrongChain"],
        [signed(1, { gas: 20_999 }), "intrinsicGas"],
        [signed(1, { data: Uint8Array.of(255) }), "intrinsicGas"],
        [signed(1, { gas: 40_000_001 }), "gasLimitOverBlock"],
        [signed(1, { maxPriorityFeePerGas: 10n ** 12n }), "feeCapBelowTip"],
        [signed(1, { data: large, gas: 5_000_000 }), "oversized"],
        [signed(1, { to: null, data: large.subarray(0, 49_153), gas: 5_000_000 }), "oversized"],
        [signed(1, { type: 3 }), "malformed"],
        [signed(1, { type: 4 }), "malformed"],
      ];
      const { verdicts, arrivals } = await submit(cases.map(([raw]) => raw));
      expect(names(verdicts)).toEqual(cases.map(([, verdict]) => verdict));
      expect(whats(await bench.outcomes.of([arrivals[4]!]))).toEqual(["included"]);
    },
  );

  badThen("refuses batches that are too large or inconsistent, and takes an empty one", async () => {
    const transfer = signed(1);
    expect(new Set(names((await submit(times(1025, () => transfer))).verdicts))).toEqual(
      new Set(["oversized"]),
    );
    const large = signed(1, { data: new Uint8Array(100_000), gas: 5_000_000 });
    expect(new Set(names((await submit(times(10, () => large))).verdicts))).toEqual(new Set(["oversized"]));
    const cut = await bench.ingest.submit([transfer], { senders: new Uint8Array(0) });
    expect(names(cut.verdicts)).toEqual(["malformed"]);
    expect((await submit([])).verdicts).toEqual([]);
  });

  badThen("ends a stream that carries no batches, and only that one", async () => {
    for (const garbage of [
      new Uint8Array(0),
      new TextEncoder().encode("not a batch"),
      new Uint8Array(4096).fill(255),
    ]) {
      const other = await IngestClient.connect(bench.running.cluster.ingestAddress);
      other.sendBytes(garbage);
      expect((await other.end)?.code).toBe("malformed");
      other.close();
    }
  });

  badThen("refuses verified records where they are not configured", async () => {
    const { verdicts } = await bench.ingest.submit([signed(1)], { verified: Uint8Array.of(1) });
    expect(names(verdicts)).toEqual(["badSignature"]);
  });

  badThen("records that a signature is nobody's, and says so over JSON-RPC", async () => {
    const raw = withoutSigner(1, 1);
    expect(whats(await outcomesOf([raw]))).toEqual(["badSignature"]);
    const body = JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "eth_sendRawTransaction",
      params: [toHex(raw)],
    });
    const answer = (await (await fetch(bench.running.url, { method: "POST", body })).json()) as {
      error?: { message: string };
    };
    expect(answer.error?.message).toMatch(/signature/);
  });

  badThen("records nonces that are too low or too far ahead", async () => {
    expect(whats(await outcomesOf([signed(2), signed(2, { nonce: 1 })]))).toEqual(["included", "included"]);
    const bad = [
      signed(2, { nonce: 0, value: 1n }),
      signed(2, { nonce: 1000 }),
      signed(2, { nonce: Number.MAX_SAFE_INTEGER }),
    ];
    expect(whats(await outcomesOf(bad))).toEqual(["nonceTooLow", "nonceTooFar", "nonceTooFar"]);
  });

  badThen("records a duplicate", async () => {
    const raw = signed(3);
    expect(whats(await outcomesOf([raw, raw])).sort()).toEqual(["duplicate", "included"]);
    expect(whats(await outcomesOf([raw]))).toEqual(["nonceTooLow"]);
  });

  badThen("records which of two transactions with one nonce has lost", async () => {
    const ahead = { nonce: 1, maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 9n };
    const first = await submit([signed(4, ahead)]);
    expect(
      whats(await outcomesOf([signed(4, { ...ahead, value: 1n, maxFeePerGas: 10n ** 11n + 1n })])),
    ).toEqual(["underpriced"]);
    const better = await submit([
      signed(4, {
        ...ahead,
        value: 2n,
        maxFeePerGas: 2n * 10n ** 11n,
        maxPriorityFeePerGas: 2n * 10n ** 9n,
      }),
    ]);
    expect(whats(await bench.outcomes.of(first.arrivals))).toEqual(["replaced"]);
    expect(whats(await outcomesOf([signed(4)]))).toEqual(["included"]);
    expect(whats(await bench.outcomes.of(better.arrivals))).toEqual(["included"]);
  });

  badThen("records that a sender cannot pay, and goes on with that sender", async () => {
    const poor = FUNDED + 1;
    expect(whats(await outcomesOf([signed(poor)]))).toEqual(["insufficientFunds"]);
    const spend = await outcomesOf([
      signed(5, { value: 999n * 10n ** 18n }),
      signed(5, { nonce: 1, value: 10n ** 19n }),
      signed(5, { nonce: 1, value: 1n }),
    ]);
    expect(spend[0]!.what).toBe("included");
    // Of the two with nonce 1 the pool keeps one; it is the first that cannot be paid.
    expect(whats(spend.slice(1)).sort()).toEqual(["insufficientFunds", "underpriced"]);
    expect(whats(await outcomesOf([signed(5, { nonce: 1, value: 3n })]))).toEqual(["included"]);
  });

  badThen("includes a contract that burns all its gas, for all its gas", async () => {
    const [burnt] = await outcomesOf([signed(6, { to: contractAt("endless"), gas: 3_000_000 })]);
    expect(burnt).toMatchObject({ what: "included", status: 0, gasUsed: 3_000_000 });
  });

  badThen("includes by the marked tail what diverges for ever", async () => {
    const tails = () => framerMetric(bench, "tail_frames_total");
    const before = await tails();
    // Two attempts do not fit into one block, and every block has another parent: no prediction holds.
    const diverging = await outcomesOf([signed(7, { to: contractAt("parentHash"), gas: 21_000_000 })]);
    expect(diverging[0]).toMatchObject({ what: "included", status: 1 });
    const after = await tails();
    expect(after).toBeGreaterThan(before);
    // All simulated on the same count; only some of the many can ever have guessed theirs. The tail takes three a block.
    const racing = await outcomesOf(
      times(12, (i) => signed(10 + i, { to: contractAt("counter"), gas: 9_000_000 })),
    );
    for (const outcome of racing) expect(outcome).toMatchObject({ what: "included", status: 1 });
    expect(await tails()).toBeGreaterThan(after + 1);
  });

  badThen("records that a diverging transaction is too large for the tail", async () => {
    expect(whats(await outcomesOf([signed(8, { to: contractAt("parentHash"), gas: 26_000_000 })]))).toEqual([
      "tailLimit",
    ]);
    expect(whats(await outcomesOf([signed(8)]))).toEqual(["included"]);
  });

  badThen("survives damaged transactions of every kind", async () => {
    const raws = times(600, (i) => {
      const to = i % 5 === 0 ? null : contractAt("counter");
      const raw = signed(30 + (i % 20), { nonce: i % 3, data: Uint8Array.of(1, 2, 3), gas: 60_000, to });
      // Every position is damaged several times, by values that depend on it.
      raw[i % raw.length]! ^= 1 + ((i * 37) % 255);
      return raw;
    });
    const { verdicts, arrivals } = await submit(raws);
    expect(new Set(names(verdicts)).size).toBeGreaterThan(2);
    // Most signatures are somebody else's now. Some wait for a nonce until they expire: the account at the end has them.
    expect(arrivals.filter((arrival) => arrival >= 0).length).toBeGreaterThan(100);
  });

  badThen("expires what waits for a fee or a nonce that never comes", async () => {
    const waiting = [signed(9, { maxFeePerGas: 1n, maxPriorityFeePerGas: 1n }), signed(51, { nonce: 5 })];
    expect(whats(await outcomesOf(waiting))).toEqual(["expired", "expired"]);
    expect(whats(await outcomesOf([signed(9), signed(51)]))).toEqual(["included", "included"]);
  });

  it("has given every acknowledged transaction one outcome, in blocks that the reference confirms", async () => {
    const { included, rejected } = await settle(bench);
    expect(included).toBeGreaterThan(20);
    expect(rejected).toBeGreaterThan(10);
  });
});

if (!hasServers())
  console.log(
    "skipped: large transactions on NATS (nats-server or redis-server is not on PATH); embedded instead",
  );

describe("a pool that is full", () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await startBench({ "pool-transactions": "20", "expiry-ms": "5000" });
  }, 120_000);
  afterAll(async () => {
    await stopBench(bench);
  }, 60_000);

  it("records whom it turns away, lets what can run go before what waits, and loses nothing", async () => {
    const { ingest, outcomes } = bench;
    // Nonce 0 is missing: none of these can run.
    const waiting = await ingest.submit(times(45, (i) => signed(i % 15, { nonce: 1 + Math.floor(i / 15) })));
    // Whether a transaction waits is known when the state has told the sender's nonce.
    while ((await framerMetric(bench, "waiting_transactions")) < 20)
      await new Promise((resolve) => setTimeout(resolve, 20));
    for (let i = 0; i < 30; i += 10) {
      const good = await ingest.submit(times(10, (k) => signed(30 + i + k)));
      expect(new Set(whats(await outcomes.of(good.arrivals)))).toEqual(new Set(["included"]));
    }
    const ends = whats(await outcomes.of(waiting.arrivals));
    expect(new Set(ends)).toEqual(new Set(["poolFull", "evicted", "expired"]));
    expect(ends.filter((what) => what === "poolFull")).toHaveLength(25);
    expect((await settle(bench)).included).toBe(30);
  });
});

// NATS refuses messages above 1 MiB, and so does the embedded hub.
describe("transactions as large as they may be", () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await startBench({}, hasServers() ? "local" : "embedded", 1_500_000_000);
  }, 120_000);
  afterAll(async () => {
    await stopBench(bench);
  }, 60_000);
  const includes = async (...batches: Uint8Array[][]): Promise<void> => {
    const sent = await Promise.all(batches.map((batch) => bench.ingest.submit(batch)));
    const arrivals = sent.flatMap((s) => s.arrivals);
    for (const outcome of await bench.outcomes.of(arrivals))
      expect(outcome).toMatchObject({ what: "included", status: 1 });
  };

  it("takes long access lists", async () => {
    const storageKeys = times(3_700, (i) =>
      new Uint8Array(32).fill(1 + (i % 255), 28).fill(1 + (i >> 8), 24, 28),
    );
    const accessList = [{ address: Buffer.from(contractAt("counter").slice(2), "hex"), storageKeys }];
    await includes(times(6, (i) => signed(i, { gas: 9_000_000, accessList })));
  });

  it("takes large transactions that diverge at the same time", async () => {
    const data = new Uint8Array(100_000);
    const racing = times(12, (i) => signed(10 + i, { to: contractAt("counter"), gas: 2_000_000, data }));
    await includes(racing.slice(0, 6), racing.slice(6));
  });

  it("takes transactions that read hundreds of slots", async () => {
    await includes([signed(30, { to: contractAt("reader"), gas: 1_000_000 })]);
  });

  it("takes transactions that log megabytes", async () => {
    await includes(times(3, (i) => signed(40 + i, { to: contractAt("logger"), gas: 30_000_000 })));
  });

  it("goes on, and the reference agrees", async () => {
    await includes([signed(50)]);
    expect(await settle(bench)).toEqual({ included: 23, rejected: 0 });
  });
});
