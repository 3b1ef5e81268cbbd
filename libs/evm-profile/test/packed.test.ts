/** Application without objects finds what application with objects finds. */
import { describe, expect, it } from "@jest/globals";
import { encodeCall, pair, token } from "@velarium/contracts";
import { bytesToMapKey, type ExecutableTransaction, keccak256 } from "@velarium/engine";
import { buildFunction } from "@velarium/evm-ir";
import type { AccessKind } from "@velarium/slots";
import fc from "fast-check";
import {
  applyProfiles,
  ENVIRONMENT,
  type Expression,
  PackedCodes,
  PackedOutcome,
  PackedRun,
  type PackedState,
  ProfileMiss,
  type ProfileSource,
  ProfileStore,
  type SelectorProfile,
  type Step,
  WordArena,
} from "../src/index.ts";
import { PackedCode } from "../src/packed/packed-codes.ts";
import { packProfile } from "../src/packed/packed-profile.ts";
import { kindsOf } from "./access-kinds.ts";
import { account, callOf, context, MemoryChain, rules, word } from "./memory-chain.ts";

const [ALICE, BOB, TOKEN, OTHER, PAIR, DELEGATOR] = [1, 2, 3, 4, 5, 6].map((n) => account(n << 20)) as [
  Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array,
]; // biome-ignore format: one line

const mapping = (slot: number, ...keys: Uint8Array[]): Uint8Array =>
  keys.reduce((base, key) => keccak256(Buffer.concat([word(key), base])), word(BigInt(slot)));

/** State that has what it has been asked for once: every first look is a miss with a wrong guess. */
class LateState implements PackedState {
  private readonly chain: MemoryChain;
  private readonly wanted = new Set<string>();
  private readonly known = new Set<string>();

  constructor(chain: MemoryChain) {
    this.chain = chain;
  }
  load(keys: Uint8Array, at: number, out: Uint8Array, to: number): boolean {
    const key = keys.slice(at, at + 56);
    const isKnown = this.known.has(bytesToMapKey(key));
    if (!isKnown) this.wanted.add(bytesToMapKey(key));
    out.set(isKnown ? this.chain.read(key) : new Uint8Array(32), to);
    return isKnown;
  }
  code(bytes: Uint8Array, at: number): Uint8Array | undefined {
    return this.chain.codeByPrefix(bytes.subarray(at, at + 28));
  }
  fetch(): void {
    for (const name of this.wanted) this.known.add(name);
    this.wanted.clear();
  }
}

const integerBytes = (value: bigint): Uint8Array =>
  value === 0n ? new Uint8Array(0) : Buffer.from(value.toString(16).padStart(64, "0"), "hex");

/** The transaction's parts in one buffer, with something around them. */
function packed({ to, value, data }: ExecutableTransaction) {
  const amount = integerBytes(value);
  const raw = Buffer.concat([Uint8Array.of(7, 7, 7), to!, amount, data, Uint8Array.of(9, 9, 9)]);
  return {
    raw,
    call: {
      toOffset: 3,
      valueOffset: 23,
      valueSize: amount.length,
      dataOffset: 23 + amount.length,
      dataSize: data.length,
    },
  };
}

/** Kinds by key, or undefined when the packed way leaves the transaction to others. */
async function packedKinds(
  transaction: ExecutableTransaction,
  chain: MemoryChain,
  profiles: ProfileSource,
): Promise<Map<string, AccessKind> | undefined> {
  const arena = new WordArena();
  const codes = new PackedCodes(profiles, arena, 1);
  const run = new PackedRun(codes, arena);
  const state = new LateState(chain);
  run.open(context, state);
  const { raw, call } = packed(transaction);
  for (let round = 0; round < 20; round++) {
    const outcome = run.run(raw, call, transaction.sender, 0);
    if (outcome === PackedOutcome.elsewhere) return undefined;
    if (outcome === PackedOutcome.known) {
      const kinds = new Map<string, AccessKind>();
      run.emit({
        addPieces: (keys, at, kind) => {
          const name = bytesToMapKey(new Uint8Array(keys.buffer), 4 * at, 4 * at + 56);
          expect(kinds.has(name)).toBe(false);
          kinds.set(name, kind);
        },
      });
      return kinds;
    }
    for (const miss of codes.wanted.splice(0)) await profiles.load(miss);
    state.fetch();
  }
  throw new Error("it never settles");
}

async function expectSame(
  transaction: ExecutableTransaction,
  chain: MemoryChain,
  profiles: ProfileSource,
): Promise<void> {
  const found = await applyProfiles(context, transaction, { profiles, state: chain, readsState: true });
  expect(await packedKinds(transaction, chain, profiles)).toEqual(kindsOf(found));
}

describe("packed application", () => {
  const balances = token.storage["balanceOf"]!.slot;
  const allowances = token.storage["allowance"]!.slot;
  const chain = new MemoryChain().fund(ALICE, 10n ** 18n).fund(BOB, 10n ** 18n);
  for (const address of [TOKEN, OTHER]) {
    chain.deploy(address, token.runtime);
    for (const owner of [ALICE, BOB, PAIR]) chain.put(address, mapping(balances, owner), 10n ** 12n);
    chain.put(address, mapping(allowances, ALICE, PAIR), 10n ** 9n);
    chain.put(address, mapping(allowances, BOB, PAIR), (1n << 256n) - 1n);
  }
  chain
    .deploy(PAIR, pair.runtime)
    .put(PAIR, word(0n), TOKEN)
    .put(PAIR, word(1n), OTHER)
    .put(PAIR, word(2n), ((10n ** 12n) << 112n) | (10n ** 12n))
    .deploy(DELEGATOR, Buffer.concat([Uint8Array.of(0xef, 1, 0), TOKEN]));
  const swap = (from: Uint8Array, first: Uint8Array) =>
    callOf(
      from,
      PAIR,
      encodeCall(pair, "swapExactIn(address,uint256,uint256,address)", [first, 9n, 0n, BOB]),
    );
  const transfer = (to: Uint8Array) => encodeCall(token, "transfer(address,uint256)", [to, 5n]);

  it.each([
    ["transfer", callOf(ALICE, TOKEN, transfer(BOB))],
    ["transfer to oneself", callOf(ALICE, TOKEN, transfer(ALICE))],
    ["transferFrom", callOf(BOB, TOKEN, encodeCall(token, "transferFrom(address,address,uint256)", [ALICE, BOB, 5n]))],
    ["a swap", swap(ALICE, TOKEN)],
    ["a swap with an allowance without end", swap(BOB, OTHER)],
    ["calldata that is cut off", callOf(ALICE, TOKEN, transfer(BOB).subarray(0, 50))],
    ["a call with value", { ...callOf(ALICE, TOKEN, transfer(BOB)), value: 5n }],
    ["a delegated account", callOf(ALICE, DELEGATOR, transfer(BOB))],
    ["an account without code", { ...callOf(ALICE, BOB, transfer(BOB)), value: 5n }],
  ])("finds the same: %s", async (_name, transaction) => {
    await expectSame(transaction, chain, new ProfileStore(rules, buildFunction));
  }); // biome-ignore format: a table

  it("leaves to others what its profile does not know", async () => {
    const turns = new MemoryChain().deploy(
      TOKEN,
      Uint8Array.from(Buffer.from("60005b600101600a565b", "hex")),
    );
    const profiles = new ProfileStore(rules, buildFunction);
    expect(await packedKinds(callOf(ALICE, TOKEN, transfer(BOB)), turns, profiles)).toBeUndefined();
  });

  it("gives a profile time until there are profiles of what it calls", () => {
    const arena = new WordArena();
    const run = new PackedRun(new PackedCodes(new ProfileStore(rules, buildFunction), arena, 100), arena);
    const state = new LateState(chain);
    run.open(context, state);
    const { raw, call } = packed(swap(ALICE, TOKEN));
    let outcome: PackedOutcome = PackedOutcome.elsewhere;
    let runs = 0;
    for (; outcome !== PackedOutcome.known && runs < 1000; runs++, state.fetch())
      outcome = run.run(raw, call, ALICE, 0);
    expect(outcome).toBe(PackedOutcome.known);
    // The swap, and the functions of its tokens, one after the other.
    expect(runs).toBeGreaterThan(300);
  });

  it("keeps a bounded number of functions of a code, those with a profile first", () => {
    const code = new PackedCode(token.runtime);
    const kept = code.functionOf(7);
    kept.profile = packProfile({ selector: 7, expressions: [], segments: [], root: 0 }, new WordArena());
    for (let selector = 100; selector < 2000; selector++) code.functionOf(selector);
    expect(code.functions.size).toBeLessThanOrEqual(256);
    expect(code.functionOf(7)).toBe(kept);
  });

  it("waits for profiles that others share", async () => {
    const shared = new Map<string, Uint8Array>();
    const cache = {
      get: (key: string) => Promise.resolve(shared.get(key)),
      set: (key: string, value: Uint8Array) => Promise.resolve(void shared.set(key, value)),
    };
    await expectSame(swap(ALICE, TOKEN), chain, new ProfileStore(rules, buildFunction, { cache }));
    expect(shared.size).toBe(3);
  });
});

/** A profile that reads the slot that each of its expressions names, with room for steps before it. */
const CODE = Uint8Array.of(0x5b, 0x5b);

const operand = (size: number) => fc.nat({ max: size - 1 });
const partsOf = (size: number) =>
  fc.array(
    fc
      .record({ value: operand(size), from: fc.nat({ max: 31 }) })
      .chain(({ value, from }) =>
        fc.integer({ min: 1, max: 32 - from }).map((bytes) => ({ value, from, size: bytes })),
      ),
    { minLength: 1, maxLength: 4 },
  );
const wholesOf = (size: number) =>
  fc.array(
    operand(size).map((value) => ({ value, from: 0, size: 32 })),
    { minLength: 1, maxLength: 3 },
  );
const BINARY = [
  "add",
  "sub",
  "mul",
  "div",
  "mod",
  "lt",
  "slt",
  "eq",
  "and",
  "or",
  "xor",
  "shl",
  "shr",
  "byte",
] as const;

const expressionAt = (size: number, reads: number): fc.Arbitrary<Expression> => {
  const leaf = fc.oneof(
    fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }).map((value) => ({ op: "constant", value }) as const),
    fc.nat({ max: 80 }).map((offset) => ({ op: "calldata", offset }) as const),
    fc
      .constantFrom(...ENVIRONMENT.filter((name) => name !== "gasprice"))
      .map((name) => ({ op: "environment", name }) as const),
    fc.nat({ max: 2 }).map((index) => ({ op: "immediate", index }) as const),
  );
  if (size === 0) return leaf;
  return fc.oneof(
    leaf,
    fc.record({ op: fc.constantFrom(...BINARY), args: fc.tuple(operand(size), operand(size)) }),
    fc.record({ op: fc.constantFrom("not" as const, "iszero" as const), args: fc.tuple(operand(size)) }),
    fc.record({ op: fc.constant("calldataat" as const), args: fc.tuple(operand(size)) }),
    fc.record({ op: fc.constant("keccak" as const), parts: fc.oneof(partsOf(size), wholesOf(size)) }),
    fc.record({ op: fc.constant("bytes" as const), parts: fc.array(fc.record({ value: operand(size), from: fc.nat({ max: 23 }), size: fc.integer({ min: 1, max: 8 }) }), { minLength: 1, maxLength: 4 }) }),
    ...(reads > 0 ? [fc.nat({ max: reads - 1 }).map((step) => ({ op: "found", step }) as const)] : []),
  );
}; // biome-ignore format: a table

/** Each expression is read, and every third one is written with the one before it. */
const profileOf = fc.integer({ min: 1, max: 12 }).chain((count) =>
  fc
    .tuple(...Array.from({ length: count }, (_, at) => expressionAt(at, at)))
    .map((expressions): SelectorProfile => {
      const steps = expressions.flatMap((_, id): Step[] => [
        { kind: "read", step: id, slot: id },
        ...(id % 3 === 2 ? [{ kind: "write", slot: id, value: id - 1 } as const] : []),
      ]);
      return {
        selector: 0,
        expressions,
        root: 0,
        segments: [{ steps, end: { kind: "return", data: { kind: "parts", parts: [] } } }],
      };
    }),
);

it("works out any expression as application with objects does", async () => {
  const chain = new MemoryChain().deploy(TOKEN, CODE);
  await fc.assert(
    fc.asyncProperty(profileOf, fc.uint8Array({ minLength: 4, maxLength: 90 }), async (profile, data) => {
      const source: ProfileSource = {
        profileOf: () => ({ profile, immediates: [3n, (1n << 200n) + 5n] }),
        load: (miss) => Promise.reject(new ProfileMiss(miss.code, miss.selector)),
      };
      await expectSame(callOf(ALICE, TOKEN, data), chain, source);
    }),
    { numRuns: 300 },
  );
});

/** Accesses a slot whose number takes `rounds` operations, each on the result of the one before. */
const deepCode = (rounds: number): Uint8Array => {
  const code = [0x5f, 0x35];
  for (let i = 0; i < rounds; i++) code.push(0x60, 3 + (i % 200), i % 2 === 0 ? 0x18 : 0x02);
  return Uint8Array.from([...code, 0x54, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3]);
};

it.each([
  [50, true],
  [4000, false],
])("of values %i deep, says nothing instead of exhausting the stack", async (rounds, isKnown) => {
  const chain = new MemoryChain().fund(ALICE, 10n ** 18n).deploy(TOKEN, deepCode(rounds));
  const profiles = new ProfileStore(rules, buildFunction);
  const kinds = await packedKinds(callOf(ALICE, TOKEN, new Uint8Array(36).fill(7)), chain, profiles);
  expect(kinds === undefined).toBe(!isKnown);
  if (isKnown) await expectSame(callOf(ALICE, TOKEN, new Uint8Array(36).fill(7)), chain, profiles);
});
