/** Grants against a plain model: per slot, the list of everything that happened to it. */

import { describe, expect, it } from "@jest/globals";
import { decode } from "@velarium/columns";
import { AccessKind } from "@velarium/slots";
import { CloseBlock, GrantMode, Seals, Shape } from "@velarium/wire";
import fc from "fast-check";
import * as kernel from "../assembly/interface.ts";
import {
  closeBytes,
  frameBytes,
  idOf,
  openBytes,
  PARTITIONS,
  resultsBytes,
  type Tx,
  World,
} from "./harness.ts";

const { R, W, D, P, H } = AccessKind;

interface Generation {
  first: number;
  last: number;
  count: number;
  block: number;
}
/** What is true of a slot: its newest version, if any was written, and the open generation. */
interface Truth {
  version: number | undefined;
  generation: Generation | undefined;
}

const access = fc.record({
  slot: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 300 }), fc.constant(99)),
  kind: fc.constantFrom<number>(R, W, D, P, H),
});
const tx = fc
  .uniqueArray(access, { selector: (a) => a.slot, maxLength: 6 })
  .map((accesses): Tx => ({ accesses, shape: accesses.length === 5 ? Shape.transfer : Shape.general }));
const frame = fc.record({
  txs: fc.array(tx, { minLength: 1, maxLength: 8 }),
  /** What happens after the frame: how many of the oldest unfinished transactions finish, and whether hashes arrive. */
  finish: fc.integer({ min: 0, max: 12 }),
  hashes: fc.boolean(),
});
const blocks = fc.array(fc.array(frame, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 });

describe("grants", () => {
  it("name exactly the latest version or generation before them, whatever is evicted and whoever executes", () => {
    fc.assert(
      fc.property(
        blocks,
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(16, 64, 4096),
        (run, executors, slotRows) => {
          const world = new World({ slotRows, maxPendingBlocks: 64, windowTransactions: 1e6 }).start(
            executors,
            1e6,
          );
          const epoch = world.core.epoch;
          const truths = new Map<number, Truth>();
          const truthOf = (slot: number): Truth => {
            let t = truths.get(slot);
            if (!t) truths.set(slot, (t = { version: undefined, generation: undefined }));
            return t;
          };
          const owner = new Map<number, number>();
          const unfinished: number[] = [];
          /** Reads that materialise a generation: version → seq of the reader; sealed by the shard: never known. */
          const materialisedBy = new Map<string, number>();
          const lastSeqs: number[] = [];
          let seq = 1;
          let durable = 0;
          let durableSeq = 0;
          let complete = 0;
          const expectedSeals: string[] = [];
          const seenSeals: string[] = [];
          run.forEach((frames, b) => {
            const number = b + 1;
            const firstSeq = seq;
            const versions = new Array<number>(PARTITIONS).fill(0);
            const deltas = new Array<number>(PARTITIONS).fill(0);
            world.core.onFrames(openBytes(number, seq));
            frames.forEach(({ txs, finish, hashes }, f) => {
              world.core.onFrames(frameBytes(number, f, seq, txs));
              const granted = new Map<
                number,
                {
                  e: number;
                  feeGen: number;
                  gasLimit: number;
                  raw: number;
                  keys: number[];
                  grants: [number, number, number, number, number][];
                }
              >();
              for (const { executor, message: m } of world.dispatches()) {
                let g = 0;
                let key = 0;
                let before = 0;
                m.seqs.forEach((s, i) => {
                  if (i > 0) expect(s).toBeGreaterThan(m.seqs[i - 1]!);
                  const grants: [number, number, number, number, number][] = [];
                  const keys: number[] = [];
                  for (let a = before; a < m.accessEnds[i]!; a++) {
                    const mode = m.modes[a]!;
                    const isDelta = mode === GrantMode.deltaFloor || mode === GrantMode.deltaWait;
                    grants.push([
                      mode,
                      m.versions[a]!,
                      isDelta ? m.genSeqs[g]! : -1,
                      isDelta ? m.genCounts[g]! : -1,
                      isDelta ? m.genLasts[g++]! : -1,
                    ]);
                    if (m.shapes[i] !== Shape.transfer) keys.push(m.keys[56 * key++]!);
                  }
                  before = m.accessEnds[i]!;
                  granted.set(s, {
                    e: executor,
                    feeGen: m.feeGens[i]!,
                    gasLimit: m.gasLimits[i]!,
                    raw: m.raw.blob[m.raw.ends[i]! - 1]!,
                    keys,
                    grants,
                  });
                  owner.set(s, executor);
                });
                expect(g).toBe(m.genSeqs.length);
                expect(key * 56).toBe(m.keys.length);
              }
              for (const s of world.take(Seals)) {
                const m = decode(Seals, s.bytes);
                m.genSeqs.forEach((first, i) => {
                  seenSeals.push(`${m.hi[i]}:${m.lo[i]}:${first}:${m.genCounts[i]}:${m.genLasts[i]}`);
                });
              }
              for (const t of txs) {
                const got = granted.get(seq)!;
                expect(got.gasLimit).toBe(21000 + seq);
                expect(got.raw).toBe(seq & 255);
                if (t.shape !== Shape.transfer) expect(got.keys).toEqual(t.accesses.map((a) => a.slot & 255));
                const join = (slot: number): number => {
                  const truth = truthOf(slot);
                  let gen = truth.generation;
                  if (gen && gen.block !== number) {
                    if (gen.last > durableSeq) {
                      const [hi, lo] = idOf(slot);
                      expectedSeals.push(`${hi}:${lo}:${gen.first}:${gen.count}:${gen.last}`);
                    }
                    truth.version = gen.last;
                    materialisedBy.set(`${slot}:${gen.last}`, Number.POSITIVE_INFINITY);
                    gen = undefined;
                  }
                  truth.generation = gen
                    ? { ...gen, last: seq, count: gen.count + 1 }
                    : { first: seq, last: seq, count: 1, block: number };
                  deltas[idOf(slot)[0] >>> 24]!++;
                  return truth.generation.first;
                };
                let feeByWrite = false;
                t.accesses.forEach(({ slot, kind }, a) => {
                  const [mode, version, genSeq, genCount, genLast] = got.grants[a]!;
                  const truth = truthOf(slot);
                  if (kind === H) {
                    expect(mode).toBe(GrantMode.blockHash);
                    return;
                  }
                  if (kind === D) {
                    expect(mode).toBe(GrantMode.contribute);
                    expect(version).toBe(join(slot));
                    return;
                  }
                  if (truth.generation && truth.generation.last <= durableSeq) {
                    truth.version = truth.generation.last;
                    truth.generation = undefined;
                  }
                  const known = truth.version;
                  const completeAt =
                    known === undefined ? -1 : (materialisedBy.get(`${slot}:${known}`) ?? known);
                  const isComplete = known === undefined || completeAt <= complete || known <= durableSeq;
                  // A floor names some seq from which on nothing was written and through which all is complete.
                  if (isComplete) {
                    expect(version).toBeGreaterThanOrEqual(known ?? 0);
                    expect(version).toBeLessThanOrEqual(complete);
                  } else expect(version).toBe(known);
                  const gen = truth.generation;
                  if (gen) {
                    expect([mode, genSeq, genCount, genLast]).toEqual([
                      isComplete ? GrantMode.deltaFloor : GrantMode.deltaWait,
                      gen.first,
                      gen.count,
                      gen.last,
                    ]);
                    truth.version = gen.last;
                    materialisedBy.set(`${slot}:${gen.last}`, seq);
                    truth.generation = undefined;
                  } else if (isComplete) expect(mode).toBe(GrantMode.floor);
                  else
                    expect(mode).toBe(
                      owner.get(known!) === got.e && !materialisedBy.has(`${slot}:${known}`)
                        ? GrantMode.local
                        : GrantMode.wait,
                    );
                  if (kind === W) {
                    truth.version = seq;
                    truth.generation = undefined;
                    versions[idOf(slot)[0] >>> 24]!++;
                    if (slot === 99) feeByWrite = true;
                  }
                });
                expect(got.feeGen).toBe(feeByWrite ? -1 : join(99));
                unfinished.push(seq++);
              }
              for (const s of unfinished.splice(0, finish))
                world.core.onExecutor(owner.get(s)!, resultsBytes(epoch, [s]));
              complete = (unfinished[0] ?? seq) - 1;
              if (hashes) {
                while (durable < lastSeqs.length && lastSeqs[durable]! <= complete) {
                  durableSeq = lastSeqs[durable]!;
                  world.blockHash(++durable);
                }
              }
            });
            world.core.onFrames(closeBytes(number, seq - 1, seq - firstSeq));
            lastSeqs.push(seq - 1);
            for (const s of unfinished.splice(0))
              world.core.onExecutor(owner.get(s)!, resultsBytes(epoch, [s]));
            complete = seq - 1;
            const close = decode(CloseBlock, world.take(CloseBlock)[0]!.bytes);
            world.take(CloseBlock);
            expect([...close.versionCounts]).toEqual(versions);
            expect([...close.deltaCounts]).toEqual(deltas);
          });
          expect(seenSeals.sort()).toEqual(expectedSeals.sort());
        },
      ),
      { numRuns: 300 },
    );
  });

  it("evicts within its bound", () => {
    const world = new World({ slotRows: 64, slotGroups: 1 }).start();
    let seq = 1;
    for (let n = 1; n <= 200; n++) {
      world.core.onFrames(openBytes(n, seq));
      world.core.onFrames(
        frameBytes(n, 0, seq, [
          {
            accesses: [
              { slot: n, kind: W },
              { slot: n + 200, kind: D },
            ],
          },
        ]),
      );
      world.core.onFrames(closeBytes(n, seq, 1));
      world.core.onExecutor(0, resultsBytes(1, [seq]));
      world.blockHash(n);
      seq++;
    }
    const stats = world.core.stats();
    expect(stats.slotRows).toBeLessThanOrEqual(64);
    expect(stats.slotEvictions).toBeGreaterThan(300);
    expect(stats.slotGrowths).toBe(0);
  });

  it("takes transactions that are larger than the room for a frame, beside what is known of slots", () => {
    const world = new World().start(2);
    world.core.onFrames(openBytes(1, 1));
    world.core.onFrames(frameBytes(1, 0, 1, [{ accesses: [{ slot: 7, kind: W }] }]));
    const many = Array.from({ length: 20_000 }, (_, slot) => ({ slot, kind: slot % 3 === 0 ? R : W }));
    world.core.onFrames(frameBytes(1, 1, 2, [{ accesses: [{ slot: 8, kind: W }] }, { accesses: many }]));
    world.core.onFrames(frameBytes(1, 2, 4, [{ accesses: [{ slot: 19_999, kind: R }] }]));
    const versions = new Map<number, number[]>();
    for (const { message } of world.dispatches())
      message.seqs.forEach((seq, i) => {
        const from = i === 0 ? 0 : message.accessEnds[i - 1]!;
        versions.set(seq, [...message.versions.subarray(from, message.accessEnds[i])]);
      });
    const expected = many.map((a) => (a.slot === 7 ? 1 : a.slot === 8 ? 2 : 0));
    expect(versions.get(3)).toEqual(expected);
    expect(versions.get(4)).toEqual([3]);
    expect(world.core.stats().slotRows).toBe(1 + many.filter((a) => a.kind === W).length);
  });

  it("are named in the kernel as on the wire", () => {
    expect(kernel).toMatchObject({
      READ: R,
      WRITE: W,
      DELTA: D,
      PREDICATE: P,
      WIPE: AccessKind.X,
      BLOCK_HASH: H,
      SHAPE_BLOCK_OPEN: Shape.blockOpen,
      SHAPE_BLOCK_CLOSE: Shape.blockClose,
      MODE_FLOOR: GrantMode.floor,
      MODE_WAIT: GrantMode.wait,
      MODE_LOCAL: GrantMode.local,
      MODE_DELTA_FLOOR: GrantMode.deltaFloor,
      MODE_DELTA_WAIT: GrantMode.deltaWait,
      MODE_CONTRIBUTE: GrantMode.contribute,
      MODE_BLOCK_HASH: GrantMode.blockHash,
      MODE_SETTLED: GrantMode.settled,
    });
  });

  it("measures parallelism as transactions over the longest chain", () => {
    const world = new World().start();
    world.core.onFrames(openBytes(1, 1));
    // Ten in a chain by slot 4, thirty alone.
    for (let i = 0; i < 10; i++)
      world.core.onFrames(
        frameBytes(1, i, 1 + 4 * i, [
          { accesses: [{ slot: 4, kind: W }] },
          ...[0, 1, 2].map((k) => ({ accesses: [{ slot: 100 + 4 * i + k, kind: W }] })),
        ]),
      );
    expect(world.core.stats().meanTlp).toBe(4);
    expect(world.core.stats().hottest[0]).toMatchObject({ lo: idOf(4)[1], heat: 8 });
  });
});
