/** Streams of transfers over several executors and two shards equal a sequential run with the reference engine. */
import { describe, expect, it } from "@jest/globals";
import { configOfFork, createEthereumRules } from "@velarium/chain-rules";
import {
  BytesVector,
  decode,
  encode,
  F64Vector,
  FixedVector,
  schemaIdOf,
  U8Vector,
  U32Vector,
} from "@velarium/columns";
import {
  bigIntToWord,
  createReferenceEngine,
  MemoryState,
  toExecutable,
  wordToBigInt,
} from "@velarium/engine";
import { ShardCore } from "@velarium/shard-core";
import { AccessKind, Domain, fieldKey, SlotIds } from "@velarium/slots";
import { decodeTransaction, encodeTransaction } from "@velarium/tx-codec";
import {
  BlockContext,
  BlockFees,
  CloseBlock,
  CodeReads,
  Dispatch,
  EpochStart,
  GrantMode,
  Publish,
  Receipts,
  Results,
  Shape,
  SlotReads,
} from "@velarium/wire";
import fc from "fast-check";
import { createExecutorCore } from "../src/core.ts";

const PARTITIONS = 4;
const SHARDS = 2;
const ACCOUNTS = 5;
const ids = new SlotIds(new Uint8Array(32).fill(7), PARTITIONS);
const chain = createEthereumRules(configOfFork("prague", 1));
const account = (i: number): Uint8Array => new Uint8Array(20).fill(0x20 + i);
const beneficiary = account(4);
const BASE_FEE = 10n;
const hex = (b: Uint8Array): string => Buffer.from(b).toString("hex");
const idOf = (key: Uint8Array): [number, number] => {
  const hi = new Uint32Array(1);
  const lo = new Uint32Array(1);
  ids.idsOf(key, 1, hi, lo);
  return [hi[0]!, lo[0]!];
};

interface Transfer {
  readonly from: number;
  readonly to: number;
  readonly value: bigint;
  readonly skew: number;
  readonly executor: number;
}

/** One dispatch of one transaction. */
class Row {
  version = 0;
  gen = -1;
  count = 0;
  last = -1;
}

async function runCluster(transfers: readonly Transfer[], executors: number, tailFrom: number) {
  const genesis = new Map<string, Uint8Array>();
  for (let i = 0; i < ACCOUNTS; i++)
    genesis.set(hex(fieldKey(Domain.balance, account(i))), bigIntToWord(BigInt(i + 1) * 2_000_000n));
  const sequential = new MemoryState();
  for (let i = 0; i < ACCOUNTS; i++)
    sequential.set(fieldKey(Domain.balance, account(i)), bigIntToWord(BigInt(i + 1) * 2_000_000n));
  const queue: (() => void)[] = [];
  let failed: unknown;
  let step = 0;
  const outcomes = new Map<number, number>();
  const receipts = new Map<number, [number, number, number]>();
  const shards: ShardCore[] = [];
  const cores: ReturnType<typeof createExecutorCore>[] = [];
  const versionCounts = new Uint32Array(PARTITIONS);
  const deltaCounts = new Uint32Array(PARTITIONS);
  const rows = new Map<string, Row>();
  const rowOf = ([hi, lo]: readonly [number, number]): Row => {
    const name = `${hi}/${lo}`;
    let row = rows.get(name);
    if (!row) rows.set(name, (row = new Row()));
    return row;
  };
  for (let s = 0; s < SHARDS; s++) {
    const core = new ShardCore({
      state: {
        getBatch(keys, count, out) {
          for (let i = 0; i < count; i++)
            out.set(genesis.get(hex(keys.subarray(i * 56, i * 56 + 56))) ?? new Uint8Array(32), i * 32);
        },
        codeByPrefix: () => undefined,
      },
      owned: Array.from({ length: PARTITIONS }, (_, p) => p).filter((p) => p % SHARDS === s),
      send: (peer, bytes) => void queue.push(() => cores[peer]!.onShard(s, bytes)),
    });
    for (let e = 0; e < executors; e++) core.connect();
    core.begin(1, 0, 0);
    shards.push(core);
  }
  for (let e = 0; e < executors; e++)
    cores.push(
      createExecutorCore(
        {
          rules: chain,
          engine: createReferenceEngine(),
          cacheRows: 1024,
          shards: SHARDS,
          partitions: PARTITIONS,
          chainSecret: new Uint8Array(32).fill(7),
        },
        {
          toShard(shard, bytes) {
            const deliver = (): void => {
              const core = shards[shard]!;
              const id = schemaIdOf(bytes);
              if (id === SlotReads.id) core.reads(e, decode(SlotReads, bytes));
              else if (id === CodeReads.id) core.codeReads(e, decode(CodeReads, bytes));
              else core.publish(e, decode(Publish, bytes));
            };
            queue.push(deliver);
            if (schemaIdOf(bytes) === Publish.id && step % 3 === 0) queue.push(deliver);
          },
          toScheduler(bytes) {
            const { seqs, outcomes: list, extraHi, extraLo, extraKinds } = decode(Results, bytes);
            seqs.forEach((seq, i) => outcomes.set(seq, list[i]!));
            extraKinds.forEach((_, i) => {
              const row = rowOf([extraHi[i]!, extraLo[i]!]);
              row.version = seqs[0]!;
              row.gen = -1;
              versionCounts[extraHi[i]! >>> 24]!++;
            });
          },
          toFramer(bytes) {
            const r = decode(Receipts, bytes);
            r.seqs.forEach((seq, i) => receipts.set(seq, [r.outcomes[i]!, r.statuses[i]!, r.gasUsed[i]!]));
          },
          failed: (error) => {
            failed = error;
          },
        },
      ),
    );
  const [beneficiaryHi, beneficiaryLo] = idOf(fieldKey(Domain.balance, beneficiary));
  const all = (bytes: Uint8Array): void => cores.forEach((core) => core.onScheduler(bytes));
  cores.forEach((core, executor) =>
    core.onScheduler(
      encode(EpochStart, {
        epoch: 1,
        executor,
        executors,
        height: 0,
        numbers: Float64Array.of(0),
        hashes: new Uint8Array(32),
      }),
    ),
  );
  all(
    encode(BlockContext, {
      epoch: 1,
      number: 1,
      time: 5,
      gasLimit: 30_000_000,
      firstSeq: 1,
      beneficiary,
      beneficiaryId: Uint32Array.of(beneficiaryHi, beneficiaryLo),
      prevRandao: new Uint8Array(32),
      parentBeaconRoot: new Uint8Array(32),
    }),
  );

  const dispatch = (seq: number, t: Transfer, raw: Uint8Array, tail: boolean): Uint8Array => {
    const out = {
      hi: new U32Vector(),
      lo: new U32Vector(),
      kinds: new U8Vector(),
      modes: new U8Vector(),
      versions: new F64Vector(),
      genSeqs: new F64Vector(),
      genCounts: new U32Vector(),
      genLasts: new F64Vector(),
    };
    const accesses: [Uint8Array, number][] = [
      [fieldKey(Domain.balance, account(t.from)), AccessKind.W],
      [fieldKey(Domain.nonce, account(t.from)), AccessKind.W],
      [fieldKey(Domain.code, account(t.from)), AccessKind.R],
      [fieldKey(Domain.code, account(t.to)), AccessKind.R],
      [fieldKey(Domain.balance, account(t.to)), AccessKind.D],
    ];
    const keys = new FixedVector(56);
    // In the tail one access is left undeclared.
    const listed = tail ? accesses.slice(0, 4) : accesses;
    let paysByContribution = true;
    for (const [key, kind] of listed) {
      const id = idOf(key);
      const row = rowOf(id);
      keys.push(key);
      out.hi.push(id[0]);
      out.lo.push(id[1]);
      out.kinds.push(kind);
      if (tail) {
        out.modes.push(GrantMode.settled);
        out.versions.push(seq - 1);
      } else if (kind === AccessKind.D) {
        if (row.gen < 0) Object.assign(row, { gen: seq, count: 0 });
        row.count++;
        row.last = seq;
        deltaCounts[id[0] >>> 24]!++;
        out.modes.push(GrantMode.contribute);
        out.versions.push(row.gen);
      } else {
        out.versions.push(row.version);
        if (row.gen < 0)
          out.modes.push(
            row.version === 0
              ? GrantMode.floor
              : writers.get(row.version) === t.executor % executors
                ? GrantMode.local
                : GrantMode.wait,
          );
        else {
          out.modes.push(row.version === 0 ? GrantMode.deltaFloor : GrantMode.deltaWait);
          out.genSeqs.push(row.gen);
          out.genCounts.push(row.count);
          out.genLasts.push(row.last);
          row.version = row.last;
          writers.set(row.last, -1);
          row.gen = -1;
        }
      }
      if (kind === AccessKind.W) {
        row.version = seq;
        row.gen = -1;
        versionCounts[id[0] >>> 24]!++;
        if (id[0] === beneficiaryHi && id[1] === beneficiaryLo) paysByContribution = false;
      }
    }
    writers.set(seq, t.executor % executors);
    let feeGen = -1;
    if (paysByContribution) {
      const row = rowOf([beneficiaryHi, beneficiaryLo]);
      if (row.gen < 0) Object.assign(row, { gen: seq, count: 0 });
      row.count++;
      row.last = seq;
      feeGen = row.gen;
      deltaCounts[beneficiaryHi >>> 24]!++;
    }
    const blob = new BytesVector();
    blob.push(raw);
    const asTransfer = !tail && t.from !== t.to;
    return encode(Dispatch, {
      epoch: 1,
      block: 1,
      frame: seq,
      tail: tail ? 1 : 0,
      shapes: Uint8Array.of(asTransfer ? Shape.transfer : Shape.general),
      gasLimits: Float64Array.of(21_000),
      senders: account(t.from),
      raw: blob.view(),
      accessEnds: Uint32Array.of(listed.length),
      accessHi: out.hi.view(),
      accessLo: out.lo.view(),
      accessKinds: out.kinds.view(),
      keys: asTransfer ? new Uint8Array(0) : keys.view(),
      seqs: Float64Array.of(seq),
      feeGens: Float64Array.of(feeGen),
      modes: out.modes.view(),
      versions: out.versions.view(),
      genSeqs: out.genSeqs.view(),
      genCounts: out.genCounts.view(),
      genLasts: out.genLasts.view(),
      trace: new Uint8Array(0),
    });
  };
  const writers = new Map<number, number>();
  const settle = async (): Promise<void> => {
    for (let quiet = 0; quiet < 3; ) {
      if (queue.length > 0) {
        quiet = 0;
        step++;
        queue.shift()!();
      } else {
        quiet++;
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (failed) throw failed;
    }
  };
  const nonces = new Array<number>(ACCOUNTS).fill(0);
  const context = {
    rules: chain.rulesAt(1, 5),
    number: 1,
    timestamp: 5,
    beneficiary,
    gasLimit: 30_000_000,
    baseFee: BASE_FEE,
    prevRandao: new Uint8Array(32),
    difficulty: 0n,
    blobBaseFee: 1n,
  };
  const engine = createReferenceEngine();
  const expected: [string, number, number][] = [];
  const raws: Uint8Array[] = [];
  for (const t of transfers) {
    const nonce = Math.max(0, nonces[t.from]! + t.skew);
    const raw = encodeTransaction(
      {
        type: 2,
        chainId: 1,
        nonce,
        gasLimit: 21_000,
        maxFeePerGas: 12n,
        maxPriorityFeePerGas: 1n,
        to: account(t.to),
        value: t.value,
      },
      { yParity: 0, r: Uint8Array.of(1), s: Uint8Array.of(1) },
    ).slice();
    raws.push(raw);
    const result = await engine.execute(
      context,
      toExecutable(decodeTransaction(raw), account(t.from)),
      sequential,
    );
    if (result.outcome === "included") {
      sequential.apply(result);
      nonces[t.from]!++;
    }
    expected.push([result.outcome, result.status, result.gasUsed]);
  }
  all(encode(BlockFees, { epoch: 1, number: 1, excessBlobGas: 0, baseFee: bigIntToWord(BASE_FEE) }));
  for (let i = 0; i < transfers.length; i++) {
    const tail = i >= tailFrom;
    if (tail) await settle();
    const t = transfers[i]!;
    cores[t.executor % executors]!.onScheduler(dispatch(i + 1, t, raws[i]!, tail));
    if (tail) await settle();
  }
  await settle();
  const closing = encode(CloseBlock, {
    epoch: 1,
    number: 1,
    firstSeq: 1,
    closeSeq: transfers.length,
    versionCounts,
    deltaCounts,
  });
  for (const core of shards) {
    core.close(decode(CloseBlock, closing));
    core.stripe(1, 1, new Uint8Array(1));
    const block = core.nextCommit();
    expect(block).toBeDefined();
    for (let i = 0; i < block!.changes.count; i++)
      genesis.set(
        hex(block!.changes.keys.subarray(i * 56, i * 56 + 56)),
        block!.changes.values.slice(i * 32, i * 32 + 32),
      );
    core.committed();
    expect(core.rowsHeld).toBe(0);
  }
  const names = ["", "included", "returned", "rejected"];
  expect(transfers.map((_, i) => receipts.get(i + 1)).map((r) => r && [names[r[0]], r[1], r[2]])).toEqual(
    expected.map(([o, s, g]) => [o, o === "included" ? s : 0, g]),
  );
  expect(outcomes.size).toBe(transfers.length);
  for (let i = 0; i < ACCOUNTS; i++)
    for (const domain of [Domain.balance, Domain.nonce]) {
      const key = fieldKey(domain, account(i));
      expect([i, domain, wordToBigInt(genesis.get(hex(key)) ?? new Uint8Array(32))]).toEqual([
        i,
        domain,
        wordToBigInt(sequential.read(key)),
      ]);
    }
}

describe("ExecutorCore over shards", () => {
  it("runs transfers as one machine would, in the tail too, with repeated messages", async () => {
    const transfer = fc
      .record({
        from: fc.nat(ACCOUNTS - 2),
        to: fc.nat(ACCOUNTS - 1),
        value: fc.bigInt({ min: 0n, max: 900_000n }),
        skew: fc.constantFrom(0, 0, 0, 0, 1, -1),
        executor: fc.nat(2),
      })
      .filter((t) => t.from !== t.to);
    await fc.assert(
      fc.asyncProperty(
        fc.array(transfer, { minLength: 1, maxLength: 25 }),
        fc.integer({ min: 1, max: 3 }),
        fc.nat(30),
        runCluster,
      ),
      { numRuns: 60 },
    );
  });
});
