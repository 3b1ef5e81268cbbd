import { describe, expect, it } from "@jest/globals";
import {
  BEACON_ROOTS_ADDRESS,
  CONSOLIDATION_REQUESTS_ADDRESS,
  HISTORY_STORAGE_ADDRESS,
  WITHDRAWAL_REQUESTS_ADDRESS,
} from "@velarium/chain-rules";
import { encode } from "@velarium/columns";
import {
  type BlockContext,
  bigIntToWord,
  codeHash,
  MemoryState,
  toExecutable,
  wordToBigInt,
} from "@velarium/engine";
import { SYSTEM_CONTRACTS } from "@velarium/genesis";
import { AccessKind, blockHashKey, Domain, encodeCodeWord, fieldKey, storageKey } from "@velarium/slots";
import { decodeTransaction, encodeTransaction, placeholderSignature } from "@velarium/tx-codec";
import { BlockHash, Outcome, Reason, Shape } from "@velarium/wire";
import {
  BASE_FEE,
  BENEFICIARY,
  BLOCK_TIME,
  CHAIN_ID,
  engine,
  frameOf,
  framesOf,
  GAS_LIMIT,
  rules,
  TestCluster,
  type TestTx,
} from "./cluster.ts";

const { R, W, D } = AccessKind;
const account = (n: number): Uint8Array => new Uint8Array(20).fill(0x20 + n);
const COUNTER = new Uint8Array(20).fill(0xcc);
/** Adds one to storage slot 0. */
const COUNTER_CODE = Uint8Array.from(Buffer.from("600054600101600055", "hex"));
const balance = (a: Uint8Array) => fieldKey(Domain.balance, a);
const nonce = (a: Uint8Array) => fieldKey(Domain.nonce, a);
const code = (a: Uint8Array) => fieldKey(Domain.code, a);
const slot0 = storageKey(COUNTER, new Uint8Array(32));
const ETHER = 10n ** 18n;

function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function genesis(accounts: number): MemoryState {
  const state = new MemoryState();
  for (let i = 0; i < accounts; i++) state.set(balance(account(i)), bigIntToWord(ETHER));
  state.set(balance(BENEFICIARY), bigIntToWord(ETHER));
  state.addCode(COUNTER_CODE);
  const hashPrefix = codeHash(COUNTER_CODE).subarray(0, 28);
  state.set(code(COUNTER), encodeCodeWord({ flags: 0, incarnation: 0, hashPrefix }));
  return state;
}

const copyOf = (state: MemoryState): MemoryState => {
  const copy = new MemoryState();
  for (const [key, word] of state.words) copy.words.set(key, word);
  for (const [key, bytes] of state.codes) copy.codes.set(key, bytes);
  return copy;
};

const rawOf = (sender: Uint8Array, to: Uint8Array, nonceOf: number, value: bigint): Uint8Array =>
  encodeTransaction(
    {
      type: 2,
      chainId: CHAIN_ID,
      nonce: nonceOf,
      gasLimit: 100_000,
      maxFeePerGas: 100n,
      maxPriorityFeePerGas: 3n,
      to,
      value,
    },
    placeholderSignature(sender),
  );

const head = (sender: Uint8Array) => [
  { key: balance(sender), kind: W },
  { key: nonce(sender), kind: W },
  { key: code(sender), kind: R },
];

function transfer(sender: Uint8Array, to: Uint8Array, nonceOf: number, value: bigint): TestTx {
  const raw = rawOf(sender, to, nonceOf, value);
  if (Buffer.compare(sender, to) === 0) return { shape: Shape.general, sender, raw, accesses: head(sender) };
  const accesses = [...head(sender), { key: code(to), kind: R }, { key: balance(to), kind: D }];
  return { shape: Shape.transfer, sender, raw, accesses };
}

function count(sender: Uint8Array, nonceOf: number, declared = true): TestTx {
  const accesses = [...head(sender), { key: code(COUNTER), kind: R }];
  if (declared) accesses.push({ key: slot0, kind: W });
  return { shape: Shape.call, sender, raw: rawOf(sender, COUNTER, nonceOf, 0n), accesses };
}

const contextAt = (number: number): BlockContext => ({
  rules: rules.rulesAt(number, BLOCK_TIME + number),
  number,
  timestamp: BLOCK_TIME + number,
  beneficiary: BENEFICIARY,
  gasLimit: GAS_LIMIT,
  baseFee: BigInt(BASE_FEE),
  prevRandao: new Uint8Array(32),
  difficulty: 0n,
  blobBaseFee: 1n,
});

/** Runs the stream in order on the engine alone. Returns the outcomes. */
async function sequential(state: MemoryState, txs: readonly TestTx[], number: number): Promise<number[]> {
  const outcomes: number[] = [];
  for (const tx of txs) {
    const executable = toExecutable(decodeTransaction(tx.raw), tx.sender);
    const result = await engine.execute(contextAt(number), executable, state);
    if (result.outcome === "included") state.apply(result);
    outcomes.push(Outcome[result.outcome]);
  }
  return outcomes;
}

/** Feeds blocks of frames; returns the last seq. */
function feed(cluster: TestCluster, blocks: readonly (readonly TestTx[])[], atMost: number): number {
  let seq = 1;
  blocks.forEach((txs, b) => {
    cluster.open(b + 1, seq);
    framesOf(txs, atMost).forEach((frame, f) => {
      cluster.scheduler.onFrames(frameOf(b + 1, f, seq, frame));
      seq += frame.length;
    });
    cluster.close(b + 1, seq - 1, txs.length);
  });
  return seq - 1;
}

function expectState(cluster: TestCluster, expected: MemoryState, accounts: number, lastSeq: number): void {
  const keys = [slot0, balance(BENEFICIARY), nonce(BENEFICIARY)];
  for (let i = 0; i < accounts; i++) keys.push(balance(account(i)), nonce(account(i)));
  for (const key of keys)
    expect([key[0], key[1], wordToBigInt(cluster.read(key, lastSeq))]).toEqual([
      key[0],
      key[1],
      wordToBigInt(expected.read(key)),
    ]);
}

function randomStream(random: () => number, accounts: number, length: number): TestTx[] {
  const nonces = new Array(accounts).fill(0);
  let beneficiaryNonce = 0;
  const txs: TestTx[] = [];
  while (txs.length < length) {
    const from = Math.floor(random() * accounts);
    const to = account(Math.floor(random() * accounts));
    const kind = random();
    if (kind < 0.05) txs.push(transfer(account(from), to, nonces[from] + 3, 1n));
    else if (kind < 0.1) txs.push(transfer(account(from), to, nonces[from], 10n ** 20n));
    else if (kind < 0.15) txs.push(transfer(BENEFICIARY, to, beneficiaryNonce++, 77n));
    else if (kind < 0.2) txs.push(transfer(account(from), BENEFICIARY, nonces[from]++, 55n));
    else if (kind < 0.3) txs.push(count(account(from), nonces[from]++));
    else txs.push(transfer(account(from), to, nonces[from]++, BigInt(Math.floor(random() * 1e6))));
  }
  return txs;
}

describe("the executor core between scheduler and shards", () => {
  for (const [executors, shards, seed] of [
    [1, 1, 1],
    [1, 2, 2],
    [2, 1, 3],
    [2, 3, 4],
    [3, 2, 5],
    [3, 3, 6],
  ] as const)
    it(`gives what the order gives: ${executors} executors, ${shards} shards`, async () => {
      const random = generator(seed);
      const accounts = 8;
      const blocks = [0, 1, 2].map(() => [] as TestTx[]);
      const stream = randomStream(random, accounts, 240);
      for (const [i, tx] of stream.entries()) blocks[Math.floor(i / 80)]!.push(tx);
      const state = genesis(accounts);
      const expected = copyOf(state);
      const cluster = new TestCluster(state, executors, shards, random, seed % 2 === 0 ? 16 : 4096);
      cluster.acknowledgements = seed % 2 === 0 ? 2 : 1;
      const last = feed(cluster, blocks, 12);
      await cluster.settle();
      expect(cluster.failures).toEqual([]);
      const outcomes: number[] = [];
      for (const [b, txs] of blocks.entries()) outcomes.push(...(await sequential(expected, txs, b + 1)));
      expect(Array.from({ length: last }, (_, i) => cluster.outcomes.get(i + 1))).toEqual(outcomes);
      expect(new Set(outcomes).size).toBe(3);
      expectState(cluster, expected, accounts, last);
      expect(cluster.completed).toBe(3);
      for (const executor of cluster.executors) expect(executor.isIdle).toBe(true);
      const receipts = cluster.receipts.reduce((n, { seqs }) => n + seqs.length, 0);
      expect(receipts).toBe(stream.length);
    });

  it("returns a transaction that leaves its declaration, with all it touched", async () => {
    const state = genesis(2);
    const expected = copyOf(state);
    const cluster = new TestCluster(state, 1, 2, generator(9));
    const before = transfer(account(1), account(0), 0, 5n);
    const last = feed(cluster, [[count(account(0), 0, false), before]], 8);
    await cluster.settle();
    expect(cluster.failures).toEqual([]);
    expect(cluster.outcomes.get(1)).toBe(Outcome.returned);
    const message = cluster.receipts.find(({ seqs }) => seqs.includes(1))!;
    expect(message.reasons[message.seqs.indexOf(1)]).toBe(Reason.diverged);
    const learned = Array.from(message.learnedKinds, (kind, i) => [
      Buffer.from(message.learnedKeys.subarray(i * 56, i * 56 + 56)).toString("hex"),
      kind,
    ]);
    expect(learned).toContainEqual([Buffer.from(slot0).toString("hex"), W]);
    expect(learned).toContainEqual([Buffer.from(nonce(account(0))).toString("hex"), W]);
    expect(learned).not.toContainEqual([Buffer.from(balance(BENEFICIARY)).toString("hex"), D]);
    await sequential(expected, [before], 1);
    expectState(cluster, expected, 2, last);
  });

  it("lets the marked tail do what it did not declare, and says so", async () => {
    const state = genesis(4);
    const expected = copyOf(state);
    const cluster = new TestCluster(state, 2, 2, generator(11));
    const first = [0, 1, 2].map((i) => transfer(account(i), account(3), 0, 9n));
    const tail = [
      count(account(0), 1, false),
      transfer(account(1), account(3), 1, 4n),
      count(account(3), 0, false),
      transfer(account(2), BENEFICIARY, 1, 6n),
    ];
    const after = [count(account(1), 2), transfer(account(3), account(0), 1, 2n)];
    cluster.open(1, 1);
    cluster.scheduler.onFrames(frameOf(1, 0, 1, first));
    cluster.scheduler.onFrames(frameOf(1, 1, 4, tail, 1));
    cluster.close(1, 7, 7);
    cluster.open(2, 8);
    cluster.scheduler.onFrames(frameOf(2, 0, 8, after));
    cluster.close(2, 9, 2);
    await cluster.settle();
    expect(cluster.failures).toEqual([]);
    await sequential(expected, [...first, ...tail], 1);
    await sequential(expected, after, 2);
    expect([...cluster.outcomes.values()]).toEqual(new Array(9).fill(Outcome.included));
    expectState(cluster, expected, 4, 9);
    expect(wordToBigInt(expected.read(slot0))).toBe(3n);
    const extra = cluster.results.find(({ seqs }) => seqs.includes(4))!;
    expect([...extra.extraKinds]).toContain(W);
    expect(cluster.completed).toBe(2);
  });

  it.each([
    [1, 1],
    [2, 3],
  ])(
    "adds the fee to what the tail writes to the beneficiary undeclared: %i executors, %i shards",
    async (executors, shards) => {
      const state = genesis(4);
      // Stores the beneficiary's balance, which it sees before it pays its own fee.
      const reader = account(90);
      const readerCode = Uint8Array.from(Buffer.from("4131600055", "hex"));
      state.addCode(readerCode);
      const hashPrefix = codeHash(readerCode).subarray(0, 28);
      state.set(code(reader), encodeCodeWord({ flags: 0, incarnation: 0, hashPrefix }));
      const expected = copyOf(state);
      const cluster = new TestCluster(state, executors, shards, generator(17));
      const undeclared = (sender: Uint8Array, to: Uint8Array, nonceOf: number, value: bigint): TestTx => ({
        shape: Shape.general,
        sender,
        raw: rawOf(sender, to, nonceOf, value),
        accesses: [{ key: nonce(sender), kind: W }],
      });
      const first = [0, 1, 2].map((i) => transfer(account(i), account(3), 0, 9n));
      const tail = [
        transfer(account(0), account(3), 1, 1n),
        undeclared(BENEFICIARY, account(3), 0, 77n),
        // Opens a generation for its fee with its own seq, and writes a version of the same seq.
        undeclared(BENEFICIARY, account(3), 1, 7n),
        transfer(account(0), account(3), 2, 2n),
        undeclared(account(1), reader, 1, 0n),
        transfer(account(2), BENEFICIARY, 1, 6n),
        undeclared(account(0), BENEFICIARY, 3, 8n),
        undeclared(BENEFICIARY, BENEFICIARY, 2, 5n),
        transfer(account(1), account(3), 2, 3n),
      ];
      const after = [transfer(account(1), account(3), 3, 4n), transfer(account(2), account(0), 2, 2n)];
      cluster.open(1, 1);
      cluster.scheduler.onFrames(frameOf(1, 0, 1, first));
      cluster.scheduler.onFrames(frameOf(1, 1, 4, tail, 1));
      cluster.close(1, 12, 12);
      cluster.open(2, 13);
      cluster.scheduler.onFrames(frameOf(2, 0, 13, after));
      cluster.close(2, 14, 2);
      await cluster.settle();
      expect(cluster.failures).toEqual([]);
      await sequential(expected, [...first, ...tail], 1);
      await sequential(expected, after, 2);
      expect([...cluster.outcomes.values()]).toEqual(new Array(14).fill(Outcome.included));
      expectState(cluster, expected, 4, 14);
      const stored = storageKey(reader, new Uint8Array(32));
      expect(wordToBigInt(expected.read(stored))).toBeGreaterThan(ETHER / 2n);
      expect(cluster.read(stored, 14)).toEqual(expected.read(stored));
      const own = cluster.published.flatMap(({ deltaGens, deltaCounts, deltaAmounts }) =>
        [...deltaGens].flatMap((gen, i) =>
          gen === 6 ? [[deltaCounts[i], deltaAmounts.slice(i * 32, i * 32 + 32)]] : [],
        ),
      );
      expect(own).toEqual([[1, new Uint8Array(32)]]);
      expect(cluster.completed).toBe(2);
    },
  );

  it("does the chain's own work, and waits for the parent's hash", async () => {
    const state = genesis(2);
    for (const { address, code: bytes } of SYSTEM_CONTRACTS) {
      state.addCode(bytes!);
      const hashPrefix = codeHash(bytes!).subarray(0, 28);
      state.set(code(address), encodeCodeWord({ flags: 0, incarnation: 0, hashPrefix }));
    }
    const slot = (address: Uint8Array, n: number) => storageKey(address, bigIntToWord(BigInt(n)));
    const openWork = (number: number): TestTx => ({
      shape: Shape.blockOpen,
      sender: new Uint8Array(20),
      raw: new Uint8Array(0),
      accesses: [
        { key: code(BEACON_ROOTS_ADDRESS), kind: R },
        { key: slot(BEACON_ROOTS_ADDRESS, BLOCK_TIME + number), kind: W },
        { key: slot(BEACON_ROOTS_ADDRESS, BLOCK_TIME + number + 8191), kind: W },
        { key: code(HISTORY_STORAGE_ADDRESS), kind: R },
        { key: slot(HISTORY_STORAGE_ADDRESS, number - 1), kind: W },
        { key: blockHashKey(number - 1), kind: AccessKind.H },
      ],
    });
    const closeWork: TestTx = {
      shape: Shape.blockClose,
      sender: new Uint8Array(20),
      raw: new Uint8Array(0),
      accesses: [WITHDRAWAL_REQUESTS_ADDRESS, CONSOLIDATION_REQUESTS_ADDRESS].flatMap((address) => [
        { key: code(address), kind: R },
        ...[0, 1, 2, 3].map((n) => ({ key: slot(address, n), kind: W })),
      ]),
    };
    const cluster = new TestCluster(state, 2, 2, generator(13));
    let seq = 1;
    for (const number of [1, 2]) {
      cluster.open(number, seq);
      const pay = transfer(account(0), account(1), number - 1, 5n);
      cluster.scheduler.onFrames(frameOf(number, 0, seq, [openWork(number), pay]));
      cluster.scheduler.onFrames(frameOf(number, 1, seq + 2, [closeWork], 1));
      seq += 3;
      cluster.close(number, seq - 1, 3);
    }
    await cluster.settle();
    expect(cluster.failures).toEqual([]);
    // The hash of block 1 is not known yet: only what needs it is missing.
    expect(cluster.completed).toBe(1);
    expect(cluster.outcomes.has(4)).toBe(false);
    expect(cluster.outcomes.get(5)).toBe(Outcome.included);
    for (const executor of cluster.executors)
      executor.onScheduler(encode(BlockHash, { epoch: 1, number: 1, hash: new Uint8Array(32).fill(2) }));
    await cluster.settle();
    expect(cluster.failures).toEqual([]);
    expect(cluster.completed).toBe(2);
    expect(cluster.read(slot(HISTORY_STORAGE_ADDRESS, 0), 6)).toEqual(new Uint8Array(32).fill(1));
    expect(cluster.read(slot(HISTORY_STORAGE_ADDRESS, 1), 6)).toEqual(new Uint8Array(32).fill(2));
    expect(cluster.read(slot(BEACON_ROOTS_ADDRESS, BLOCK_TIME + 2 + 8191), 6)).toEqual(
      new Uint8Array(32).fill(3),
    );
    expect(cluster.results.every(({ extraEnds }) => extraEnds.length === 0)).toBe(true);
  });
});
