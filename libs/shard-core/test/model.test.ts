import { describe, expect, it } from "@jest/globals";
import { decode, encode, type Message, schemaIdOf } from "@velarium/columns";
import { CodeFilter as CodeFilterOfKeys, codeKeyHash, Domain, fieldKey, wordsOf } from "@velarium/slots";
import { CloseBlock, CodeFilter, GrantMode, Publish, Seals, SlotReads, SlotValues } from "@velarium/wire";
import fc from "fast-check";
import { ShardCore } from "../src/index.ts";

const SLOTS = 6;
const EXECUTORS = 3;
/** Slots 4 and 5 have different keys under one id. */
const idOf = (slot: number): number => (slot === 5 ? 4 : slot);
const partitionOfSlot = (slot: number): number => idOf(slot) % 2;
const hiOf = (slot: number): number => ((partitionOfSlot(slot) << 24) | idOf(slot)) >>> 0;
const keyOf = (slot: number): Uint8Array => new Uint8Array(56).fill(slot + 1);
const word = (value: bigint): Uint8Array =>
  Uint8Array.from(Buffer.from(value.toString(16).padStart(64, "0"), "hex"));
const MODULUS = 2n ** 256n;

interface Step {
  readonly kind: "R" | "W" | "D";
  readonly slot: number;
  readonly amount: bigint;
  readonly executor: number;
  readonly endsBlock: boolean;
}
interface Read {
  readonly executor: number;
  readonly expected: bigint;
  readonly bytes: Uint8Array;
}
/** `needs`: the read whose answer the sender has seen before. */
type Item = { readonly at: number; readonly needs: number; readonly run: (core: ShardCore) => void };

const noDeltas = {
  deltaHi: new Uint32Array(0),
  deltaLo: new Uint32Array(0),
  deltaGens: new Float64Array(0),
  deltaCounts: new Uint32Array(0),
  deltaKeys: new Uint8Array(0),
  deltaAmounts: new Uint8Array(0),
  codeSeqs: new Float64Array(0),
  codeHashes: new Uint8Array(0),
  codes: { ends: new Uint32Array(0), blob: new Uint8Array(0) },
};
const noVersions = {
  hi: new Uint32Array(0),
  lo: new Uint32Array(0),
  seqs: new Float64Array(0),
  keys: new Uint8Array(0),
  values: new Uint8Array(0),
  codeSeqs: new Float64Array(0),
  codeHashes: new Uint8Array(0),
  codes: { ends: new Uint32Array(0), blob: new Uint8Array(0) },
};
const copy = <M>(schema: Parameters<typeof decode>[0], bytes: Uint8Array): M => decode(schema, bytes) as M;

/** Sequential truth and the messages that a scheduler and executors would send for it. */
function play(steps: readonly Step[], order: readonly number[]) {
  const committed = new Map<number, bigint>();
  const live = Array.from({ length: SLOTS }, (_, i) => BigInt(i) * 7n);
  live.forEach((v, i) => committed.set(i, v));
  const rows = Array.from({ length: SLOTS }, () => ({ version: 0, gen: -1, count: 0, last: -1 }));
  const cumulative = new Map<string, { count: number; amount: bigint }>();
  const items: Item[] = [];
  const reads: Read[] = [];
  const blockEnds: Map<number, bigint>[] = [];
  let seq = 0;
  let block = 1;
  let firstSeq = 1;
  let pick = 0;
  const jitter = (span: number): number => ((order[pick++ % order.length]! % 97) * span) / 97;
  let versionCounts = new Uint32Array(2);
  let deltaCounts = new Uint32Array(2);
  const push = (at: number, run: (core: ShardCore) => void, needs = -1): void => {
    items.push({ at, run, needs });
    if (order[pick++ % order.length]! % 3 === 0) items.push({ at: at + jitter(30), run, needs });
  };
  const pushOnce = (at: number, run: (core: ShardCore) => void): void =>
    void items.push({ at, run, needs: -1 });
  const seal = (slot: number, at: number): void => {
    const row = rows[idOf(slot)]!;
    const bytes = encode(Seals, {
      epoch: 1,
      hi: Uint32Array.of(hiOf(slot)),
      lo: Uint32Array.of(idOf(slot)),
      modes: Uint8Array.of(row.version === 0 ? GrantMode.deltaFloor : GrantMode.deltaWait),
      versions: Float64Array.of(row.version),
      genSeqs: Float64Array.of(row.gen),
      genCounts: Uint32Array.of(row.count),
      genLasts: Float64Array.of(row.last),
    });
    push(at, (core) => core.seals(copy<Message<typeof Seals>>(Seals, bytes)));
    row.version = row.last;
    row.gen = -1;
  };
  const readOf = (slot: number, executor: number, at: number): void => {
    const row = rows[idOf(slot)]!;
    const delta = row.gen >= 0;
    const mode = delta
      ? row.version === 0
        ? GrantMode.deltaFloor
        : GrantMode.deltaWait
      : row.version === 0
        ? GrantMode.floor
        : GrantMode.wait;
    const token = reads.length;
    const bytes = encode(SlotReads, {
      epoch: 1,
      executor,
      tokens: Uint32Array.of(token),
      hi: Uint32Array.of(hiOf(slot)),
      lo: Uint32Array.of(idOf(slot)),
      modes: Uint8Array.of(mode),
      versions: Float64Array.of(row.version),
      keys: keyOf(slot),
      genSeqs: delta ? Float64Array.of(row.gen) : new Float64Array(0),
      genCounts: delta ? Uint32Array.of(row.count) : new Uint32Array(0),
      genLasts: delta ? Float64Array.of(row.last) : new Float64Array(0),
    });
    reads.push({ executor, expected: live[slot]!, bytes });
    pushOnce(at, (core) => core.reads(executor, copy<Message<typeof SlotReads>>(SlotReads, bytes)));
    if (delta) {
      row.version = row.last;
      row.gen = -1;
    }
  };
  const base = (): number => block * 1000;
  const closeBlock = (): void => {
    const bytes = encode(CloseBlock, {
      epoch: 1,
      number: block,
      firstSeq,
      closeSeq: seq,
      versionCounts,
      deltaCounts,
    });
    const number = block;
    blockEnds.push(new Map(live.map((v, i) => [i, v])));
    pushOnce(base() + 500, (core) => core.close(copy<Message<typeof CloseBlock>>(CloseBlock, bytes)));
    pushOnce(base() + jitter(900), (core) => core.stripe(1, number, Uint8Array.of(number)));
    block++;
    firstSeq = seq + 1;
    versionCounts = new Uint32Array(2);
    deltaCounts = new Uint32Array(2);
  };
  for (const step of steps) {
    seq++;
    const { slot, executor } = step;
    const row = rows[idOf(slot)]!;
    if (step.kind === "D") {
      if (row.gen >= 0 && row.gen < firstSeq) seal(slot, base() + jitter(499));
      if (row.gen < 0) Object.assign(row, { gen: seq, count: 0 });
      row.count++;
      row.last = seq;
      live[slot] = (live[slot]! + step.amount) % MODULUS;
      deltaCounts[partitionOfSlot(slot)]!++;
      const name = `${row.gen}/${executor}/${slot}`;
      const sum = cumulative.get(name) ?? { count: 0, amount: 0n };
      cumulative.set(name, { count: sum.count + 1, amount: (sum.amount + step.amount) % MODULUS });
      const now = cumulative.get(name)!;
      const bytes = encode(Publish, {
        epoch: 1,
        executor,
        batch: seq,
        ...noVersions,
        deltaHi: Uint32Array.of(hiOf(slot)),
        deltaLo: Uint32Array.of(idOf(slot)),
        deltaGens: Float64Array.of(row.gen),
        deltaCounts: Uint32Array.of(now.count),
        deltaKeys: keyOf(slot),
        deltaAmounts: word(now.amount),
      });
      push(base() + jitter(999), (core) =>
        core.publish(executor, copy<Message<typeof Publish>>(Publish, bytes)),
      );
    } else {
      readOf(slot, executor, base() + jitter(499));
      if (step.kind === "W") {
        live[slot] = step.amount;
        row.version = seq;
        versionCounts[partitionOfSlot(slot)]!++;
        const bytes = encode(Publish, {
          epoch: 1,
          executor,
          batch: seq,
          ...noDeltas,
          hi: Uint32Array.of(hiOf(slot)),
          lo: Uint32Array.of(idOf(slot)),
          seqs: Float64Array.of(seq),
          keys: keyOf(slot),
          values: word(step.amount),
        });
        push(
          base() + jitter(999),
          (core) => core.publish(executor, copy<Message<typeof Publish>>(Publish, bytes)),
          reads.length - 1,
        );
      }
    }
    if (step.endsBlock) closeBlock();
  }
  closeBlock();
  return { committed, items: items.sort((a, b) => a.at - b.at), reads, blockEnds };
}

const stepArbitrary = fc.record({
  kind: fc.constantFrom<"R" | "W" | "D">("R", "W", "D", "D"),
  slot: fc.integer({ min: 0, max: SLOTS - 1 }),
  amount: fc.oneof(fc.bigInt({ min: 0n, max: 5n }), fc.bigInt({ min: MODULUS - 9n, max: MODULUS - 1n })),
  executor: fc.integer({ min: 0, max: EXECUTORS - 1 }),
  endsBlock: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
});

describe("ShardCore against sequential execution", () => {
  it("answers every read and commits every block the same, whatever the order and repetition of messages", () => {
    fc.assert(
      fc.property(
        fc.array(stepArbitrary, { minLength: 1, maxLength: 60 }),
        fc.array(fc.nat(), { minLength: 40, maxLength: 80 }),
        (steps, order) => {
          const { committed, items, reads, blockEnds } = play(steps, order);
          const got = new Map<number, bigint>();
          const store = new Map(committed);
          const core = new ShardCore({
            state: {
              getBatch(keys, count, out) {
                for (let i = 0; i < count; i++) out.set(word(store.get(keys[i * 56]! - 1)!), i * 32);
              },
              codeByPrefix: () => undefined,
            },
            owned: [0, 1],
            send(_peer, bytes) {
              if (schemaIdOf(bytes) !== SlotValues.id) return;
              const { tokens, values } = decode(SlotValues, bytes);
              tokens.forEach((token, i) =>
                got.set(
                  token,
                  BigInt(`0x${Buffer.from(values.subarray(i * 32, i * 32 + 32)).toString("hex")}`),
                ),
              );
            },
          });
          for (let i = 0; i < EXECUTORS; i++) core.connect();
          core.begin(1, 0, 0);
          let waiting: Item[] = [];
          const queue = [...items];
          while (queue.length > 0) {
            const item = queue.shift()!;
            if (item.needs >= 0 && !got.has(item.needs)) waiting.push(item);
            else item.run(core);
            const able = waiting.filter((w) => got.has(w.needs));
            waiting = waiting.filter((w) => !got.has(w.needs));
            queue.unshift(...able);
            for (let b = core.nextCommit(); b; b = core.nextCommit()) {
              for (let i = 0; i < b.changes.count; i++) {
                const slot = b.changes.keys[i * 56]! - 1;
                const value = BigInt(
                  `0x${Buffer.from(b.changes.values.subarray(i * 32, i * 32 + 32)).toString("hex")}`,
                );
                expect(value).not.toBe(store.get(slot));
                store.set(slot, value);
              }
              expect(b.stripe).toEqual(Uint8Array.of(b.number));
              core.committed();
              expect(store).toEqual(blockEnds[b.number - 1]);
            }
          }
          expect(core.height).toBe(blockEnds.length);
          reads.forEach((read, token) => expect([token, got.get(token)]).toEqual([token, read.expected]));
          expect([core.versionsHeld, core.generationsHeld, core.parkedNow, core.rowsHeld]).toEqual([
            0, 0, 0, 0,
          ]);
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe("code slots told to executors", () => {
  const codeKey = (n: number): Uint8Array => fieldKey(Domain.code, new Uint8Array(20).fill(n));
  const noUpdate = { deltaHi: new Uint32Array(0), deltaLo: new Uint32Array(0) };

  it("are all that were ever written, then what each block adds, in every epoch", () => {
    const filter = new CodeFilterOfKeys();
    filter.add(wordsOf(codeKey(1)), 0);
    const told: Message<typeof CodeFilter>[] = [];
    const core = new ShardCore({
      state: {
        getBatch: (_keys, count, out) => void out.fill(0, 0, count * 32),
        codeFilter: () => filter,
        codeByPrefix: () => undefined,
      },
      owned: [0],
      send: (_peer, bytes) => {
        if (schemaIdOf(bytes) === CodeFilter.id) told.push(decode(CodeFilter, bytes));
      },
    });
    core.connect();
    core.begin(1, 0, 40);
    const last = (): unknown => {
      const { epoch, sinceSeq, throughSeq, added } = told.at(-1)!;
      return { epoch, sinceSeq, throughSeq, added: [...added] };
    };
    const hash = (n: number): number => codeKeyHash(wordsOf(codeKey(n)), 0);
    expect(last()).toEqual({ epoch: 1, sinceSeq: -1, throughSeq: 40, added: [hash(1)] });

    const keys = new Uint8Array(112);
    keys.set(codeKey(2));
    keys.set(fieldKey(Domain.balance, new Uint8Array(20).fill(2)), 56);
    core.publish(0, {
      epoch: 1,
      executor: 0,
      batch: 1,
      hi: Uint32Array.of(0, 0),
      lo: Uint32Array.of(1, 2),
      seqs: Float64Array.of(41, 41),
      keys,
      values: new Uint8Array(64).fill(1),
      ...noUpdate,
      deltaGens: new Float64Array(0),
      deltaCounts: new Uint32Array(0),
      deltaKeys: new Uint8Array(0),
      deltaAmounts: new Uint8Array(0),
      codeSeqs: new Float64Array(0),
      codeHashes: new Uint8Array(0),
      codes: { ends: new Uint32Array(0), blob: new Uint8Array(0) },
    });
    const versionCounts = Uint32Array.of(2);
    core.close({
      epoch: 1,
      number: 1,
      firstSeq: 41,
      closeSeq: 45,
      versionCounts,
      deltaCounts: new Uint32Array(1),
    });
    core.stripe(1, 1, Uint8Array.of(1));
    expect(core.nextCommit()).toBeDefined();
    expect(told.length).toBe(1);
    core.committed();
    expect(last()).toEqual({ epoch: 1, sinceSeq: 40, throughSeq: 45, added: [hash(2)] });

    filter.add(wordsOf(codeKey(2)), 0);
    core.begin(2, 0, 40);
    expect(last()).toEqual({ epoch: 2, sinceSeq: -1, throughSeq: 40, added: [hash(1), hash(2)] });
  });
});
