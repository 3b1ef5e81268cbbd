import { describe, expect, it } from "@jest/globals";
import { AccessKind } from "@velarium/slots";
import { arrivalOf, Reason } from "@velarium/wire";
import fc from "fast-check";
import { type AnalyzedMessage, analyzedOf, ClusterModel, type TestTx } from "./cluster-model.ts";

const feed = (model: ClusterModel, seq: number, txs: readonly TestTx[]): void =>
  model.framer.analyzed(analyzedOf(seq, txs) as unknown as AnalyzedMessage);

const transaction: fc.Arbitrary<TestTx> = fc.record(
  {
    sender: fc.integer({ min: 1, max: 6 }),
    nonce: fc.integer({ min: 0, max: 9 }),
    to: fc.integer({ min: 1, max: 40 }),
    fee: fc.constantFrom(100, 105, 120),
    gasLimit: fc.constantFrom(21000, 100_000),
    verdict: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, Reason.badSignature),
    storage: fc
      .array(
        fc.tuple(fc.integer({ min: 0, max: 5 }), fc.constantFrom(AccessKind.R, AccessKind.W, AccessKind.D)),
        {
          minLength: 1,
          maxLength: 3,
        },
      )
      .map((a) => [...new Map(a)] as const),
    diverges: fc.constantFrom(0, 0, 0, 1, 5),
    poor: fc.constantFrom(false, false, false, false, true),
  },
  { requiredKeys: ["sender", "nonce", "to"] },
);

function outcomesOf(model: ClusterModel): Map<number, number> {
  const counts = new Map<number, number>();
  for (const record of model.records)
    for (const arrival of [...record.arrivals, ...record.rejectedArrivals])
      counts.set(arrival, (counts.get(arrival) ?? 0) + 1);
  return counts;
}

const conflicts = (a: number, b: number): boolean =>
  a === AccessKind.W || b === AccessKind.W || (a !== b && (a === AccessKind.D || b === AccessKind.D));

function checkFrames(model: ClusterModel): void {
  let nextSeq = 1;
  for (const frame of model.frames) {
    expect(frame.firstSeq).toBe(nextSeq);
    nextSeq += frame.shapes.length;
    if (frame.tail) continue;
    const seen = new Map<string, number[]>();
    let at = 0;
    for (let i = 0; i < frame.shapes.length; i++) {
      for (; at < frame.accessEnds[i]!; at++) {
        const id = `${frame.accessHi[at]}:${frame.accessLo[at]}`;
        const others = seen.get(id) ?? [];
        for (const packed of others)
          if (packed % 1000 !== i)
            expect(conflicts(Math.floor(packed / 1000), frame.accessKinds[at]!)).toBe(false);
        others.push(frame.accessKinds[at]! * 1000 + i);
        seen.set(id, others);
      }
    }
  }
}

describe("framer", () => {
  it("gives every transaction exactly one outcome, in nonce order, without conflicts in a frame", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(transaction, { maxLength: 12 }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(8), { minLength: 1, maxLength: 30 }),
        fc.constantFrom<"arrival" | "tip">("arrival", "tip"),
        (messages, schedule, order) => {
          const options = {
            expiryMs: 3000,
            nonceReviewMs: 200,
            frameTransactions: 4,
            blockGasLimit: 400_000,
            tailGas: 200_000,
            senderTailGas: 200_000,
            blockIntervalMs: 300,
            order,
          } as const;
          const run = (): ClusterModel => {
            const model = new ClusterModel(options);
            let now = 0;
            messages.forEach((txs, i) => {
              feed(model, i + 1, txs);
              now += 20;
              model.framer.tick(now);
              for (let k = 0; k < schedule[i % schedule.length]!; k++)
                model.step(schedule[k % schedule.length]!);
            });
            model.settle(now);
            return model;
          };
          const model = run();
          const counts = outcomesOf(model);
          messages.forEach((txs, m) =>
            txs.forEach((_, i) => expect([m, i, counts.get(arrivalOf(m + 1, i))]).toEqual([m, i, 1])),
          );
          expect(counts.size).toBe(messages.reduce((n, txs) => n + txs.length, 0));
          checkFrames(model);
          expect(model.maxInFlight).toBeLessThanOrEqual(8);
          expect(model.framer.pool.slab.size).toBe(0);
          expect(model.framer.pool.hashes.size).toBe(0);
          expect([
            model.framer.pool.rows.size,
            model.framer.pool.rows.waiting,
            model.framer.pool.inFlight,
          ]).toEqual([0, 0, 0]);
          // Included nonces of a sender follow each other in the total order.
          const next = new Map<string, number>();
          for (const record of model.records)
            for (let i = 0; i < record.arrivals.length; i++) {
              const sender = Buffer.from(record.senders.subarray(i * 20, i * 20 + 20)).toString("hex");
              const arrival = record.arrivals[i]!;
              const tx = messages[Math.floor(arrival / 1024) - 1]![arrival % 1024]!;
              expect(tx.nonce).toBe(next.get(sender) ?? 0);
              next.set(sender, tx.nonce + 1);
            }
          // The last record's watermark is past everything.
          expect(model.records.at(-1)?.watermark ?? 1).toBe(
            model.records.length > 0 ? messages.length + 1 : 1,
          );
          // The same inputs give the same blocks.
          expect(run().headerHashes()).toEqual(model.headerHashes());
        },
      ),
      { numRuns: 120 },
    );
  });

  it("rebuilds the same blocks from the frames", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(transaction, { maxLength: 10 }), { minLength: 1, maxLength: 8 }),
        (messages) => {
          const options = {
            expiryMs: 3000,
            nonceReviewMs: 200,
            frameTransactions: 4,
            blockIntervalMs: 300,
          } as const;
          const first = new ClusterModel(options);
          messages.forEach((txs, i) => {
            feed(first, i + 1, txs);
            first.framer.tick(20 * i);
            for (let k = 0; k < 4; k++) first.step(k);
          });
          const log = [...first.log];
          const second = new ClusterModel(options, undefined, false);
          second.framer.replayTermMarker(1);
          for (const bytes of log) second.replay(bytes);
          second.framer.finishReplay();
          messages.forEach((txs, i) => feed(second, i + 1, txs));
          second.settle(1000);
          const counts = outcomesOf(second);
          messages.forEach((txs, m) =>
            txs.forEach((_, i) => expect([m, i, counts.get(arrivalOf(m + 1, i))]).toEqual([m, i, 1])),
          );
          const whole = first.headers();
          second
            .headers()
            .slice(0, whole.length)
            .forEach((header, i) => {
              expect(header.transactionsRoot).toEqual(whole[i]!.transactionsRoot);
              expect(header.receiptsRoot).toEqual(whole[i]!.receiptsRoot);
            });
          expect(second.framer.pool.slab.size).toBe(0);
        },
      ),
      { numRuns: 80 },
    );
  });

  it("refuses duplicates, nonces far ahead and underpriced replacements, each with its reason", () => {
    const model = new ClusterModel({ expiryMs: 2000 });
    feed(model, 1, [
      { sender: 1, nonce: 0, to: 2 },
      { sender: 1, nonce: 0, to: 2 },
      { sender: 3, nonce: 100, to: 2 },
      { sender: 4, nonce: 1, to: 2, fee: 100 },
      { sender: 4, nonce: 1, to: 5, fee: 105 },
      { sender: 4, nonce: 1, to: 6, fee: 120 },
      { sender: 5, nonce: 0, to: 2, gasLimit: 2_000_000_000 },
    ]);
    model.settle(0);
    const reasons = new Map<number, number>();
    for (const record of model.records)
      record.rejectedArrivals.forEach((a, i) => reasons.set(a % 1024, record.rejectedReasons[i]!));
    expect(reasons.get(1)).toBe(Reason.duplicate);
    expect(reasons.get(2)).toBe(Reason.nonceTooFar);
    expect(reasons.get(3)).toBe(Reason.replaced);
    expect(reasons.get(4)).toBe(Reason.underpriced);
    expect(reasons.get(5)).toBe(Reason.expired);
    expect(reasons.get(6)).toBe(Reason.gasLimitOverBlock);
    expect(reasons.has(0)).toBe(false);
  });

  it("takes messages in stream order and within its bounds", () => {
    const model = new ClusterModel({ reorderMessages: 4 });
    feed(model, 3, [{ sender: 1, nonce: 2, to: 9 }]);
    feed(model, 9, [{ sender: 1, nonce: 3, to: 9 }]);
    expect(model.framer.nextStreamSeq).toBe(1);
    feed(model, 2, [{ sender: 1, nonce: 1, to: 9 }]);
    feed(model, 1, [{ sender: 1, nonce: 0, to: 9 }]);
    expect(model.framer.nextStreamSeq).toBe(4);
    model.settle(0);
    expect([...outcomesOf(model).keys()].sort()).toEqual([1, 2, 3].map((s) => arrivalOf(s, 0)));
  });

  it("keeps blocks within their gas limit", () => {
    const model = new ClusterModel({ blockGasLimit: 100_000, tailGas: 50_000, senderTailGas: 50_000 });
    feed(
      model,
      1,
      Array.from({ length: 20 }, (_, i) => ({ sender: i + 1, nonce: 0, to: 100 + i })),
    );
    model.settle(0);
    const sizes = model.records.map((r) => r.arrivals.length);
    expect(sizes.reduce((a, b) => a + b, 0)).toBe(20);
    expect(Math.max(...sizes)).toBe(4);
  });

  it("does not let busy senders wait for the age of frames", () => {
    const model = new ClusterModel({ idleTransactions: 1, frameAgeMs: 10_000 });
    const busy = Array.from({ length: 10 }, (_, sender) =>
      Array.from({ length: 30 }, (_, nonce) => ({ sender: sender + 1, nonce, to: 100 + sender })),
    ).flat();
    feed(model, 1, busy);
    // Time stands still: neither age nor a block boundary ejects anything.
    for (let i = 0; i < 1000 && model.step(i); i++);
    const { stats, pool } = model.framer;
    expect(stats.ejectedAge + stats.ejectedBoundary).toBe(0);
    expect(stats.framedTransactions).toBe(300 - 10);
    expect(pool.rows.blockedSenders).toBe(0);
    model.settle(0);
    expect(outcomesOf(model).size).toBe(300);
    expect(pool.rows.blockedSenders).toBe(0);
  });

  it("lets a sender whose transactions diverge go one at a time, and the others go on", () => {
    const model = new ClusterModel({ tailAttempts: 3 });
    const diverging = Array.from({ length: 30 }, (_, nonce) => ({ sender: 1, nonce, to: 100, diverges: 1 }));
    const plain = Array.from({ length: 30 }, (_, nonce) => ({ sender: 2, nonce, to: 200 }));
    feed(model, 1, [...diverging, ...plain]);
    // Every frame that can be ejected is, before any is executed.
    model.settle(0);
    const { stats } = model.framer;
    expect(stats.included).toBe(60);
    // Each diverges once; only what was in flight before the first divergence is returned on top.
    expect(stats.reasons[Reason.diverged]).toBe(30);
    expect(stats.returned).toBeLessThan(2 * 30 + 5);
  });
});
