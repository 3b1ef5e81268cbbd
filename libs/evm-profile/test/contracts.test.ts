import { describe, expect, it } from "@jest/globals";
import { createBlockRules } from "@velarium/chain-rules";
import { encodeCall, pair, token } from "@velarium/contracts";
import { keccak256 } from "@velarium/engine";
import { buildFunction } from "@velarium/evm-ir";
import {
  AccessPredictor,
  analyzeFunction,
  applyProfiles,
  CodePrograms,
  evaluateAccesses,
  ProfileError,
  ProfileStore,
  profileFromJson,
  profileFromText,
  profileLines,
  profileToJson,
  profileToText,
  type SelectorProfile,
  selectorOf,
} from "../src/index.ts";
import { kindsOf, realKinds, uncovered } from "./access-kinds.ts";
import { account, callOf, context, MemoryChain, rules, word } from "./memory-chain.ts";

const [ALICE, BOB, TOKEN, OTHER, PAIR] = [1, 2, 3, 4, 5].map(account) as [
  Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array,
]; // biome-ignore format: one line

const mapping = (slot: number, ...keys: Uint8Array[]): Uint8Array =>
  keys.reduce((base, key) => keccak256(Buffer.concat([word(key), base])), word(BigInt(slot)));

const balances = token.storage["balanceOf"]!.slot;
const allowances = token.storage["allowance"]!.slot;

function tokens(): MemoryChain {
  const chain = new MemoryChain().fund(ALICE, 10n ** 18n).fund(BOB, 10n ** 18n);
  for (const address of [TOKEN, OTHER]) {
    chain.deploy(address, token.runtime);
    for (const owner of [ALICE, BOB, PAIR]) chain.put(address, mapping(balances, owner), 10n ** 12n);
    chain.put(address, mapping(allowances, ALICE, PAIR), 10n ** 9n);
    chain.put(address, mapping(allowances, ALICE, BOB), 10n ** 9n);
  }
  return chain
    .deploy(PAIR, pair.runtime)
    .put(PAIR, word(0n), TOKEN)
    .put(PAIR, word(1n), OTHER)
    .put(PAIR, word(2n), ((10n ** 12n) << 112n) | (10n ** 12n));
}

const functionOf = (code: Uint8Array) => {
  const built = buildFunction(code, rules);
  if (!built.ok) throw new Error(`not built: ${built.exceeded}`);
  return built.function;
};

const CALLS = [
  ["transfer", callOf(ALICE, TOKEN, encodeCall(token, "transfer(address,uint256)", [BOB, 5n]))],
  ["transfer to oneself", callOf(ALICE, TOKEN, encodeCall(token, "transfer(address,uint256)", [ALICE, 5n]))],
  ["transfer beyond the balance", callOf(ALICE, TOKEN, encodeCall(token, "transfer(address,uint256)", [BOB, 1n << 200n]))],
  ["approve", callOf(ALICE, TOKEN, encodeCall(token, "approve(address,uint256)", [BOB, 5n]))],
  ["transferFrom", callOf(BOB, TOKEN, encodeCall(token, "transferFrom(address,address,uint256)", [ALICE, BOB, 5n]))],
  ["swap of the first", callOf(ALICE, PAIR, encodeCall(pair, "swapExactIn(address,uint256,uint256,address)", [TOKEN, 1000n, 1n, BOB]))],
  ["swap of the second", callOf(ALICE, PAIR, encodeCall(pair, "swapExactIn(address,uint256,uint256,address)", [OTHER, 1000n, 1n, ALICE]))],
] as const; // biome-ignore format: a table

describe.each(CALLS)("%s", (_name, transaction) => {
  it("is covered by profiles and by evaluation", async () => {
    const state = tokens();
    const { kinds: real } = await realKinds(transaction, state);
    const profiles = new ProfileStore(rules, buildFunction);
    const programs = new CodePrograms(rules, buildFunction);
    for (const found of [
      await applyProfiles(context, transaction, { profiles, state, readsState: true }),
      await evaluateAccesses(context, transaction, { programs, state }),
    ])
      expect(uncovered(kindsOf(found), real)).toEqual([]);
  });
});

describe("profiles", () => {
  const read = (name: string, profile: SelectorProfile): string[] =>
    profile.segments
      .flatMap(({ steps }) => steps)
      .flatMap((step) => (step.kind === name ? [JSON.stringify(step)] : []));
  const { selectors } = analyzeFunction(functionOf(token.runtime), token.runtime);
  const transfer = selectors.find(({ selector }) => selector === selectorOf("transfer(address,uint256)"))!;

  it("name every function of the contract, what else may come, and nothing else", () => {
    const known = Object.values(token.selectors).map((bytes) =>
      new DataView(bytes.slice().buffer).getUint32(0),
    );
    expect(
      selectors
        .map(({ selector }) => selector)
        .filter((s) => s >= 0)
        .sort(),
    ).toEqual(known.sort());
    expect(selectors.map(({ selector }) => selector).filter((s) => s < 0)).toEqual([-1, -2]);
  });

  it("need no state for a transfer: slots follow from calldata and caller", async () => {
    const profiles = new ProfileStore(rules, buildFunction);
    const [, transaction] = CALLS[0];
    const state = tokens();
    const alone = await applyProfiles(context, transaction, { profiles, state, readsState: false });
    expect(uncovered(kindsOf(alone), (await realKinds(transaction, state)).kinds)).toEqual([]);
  });

  it("prove the credit of a transfer blind, and the debit not", () => {
    const writes = read("write", transfer).map((text) => JSON.parse(text) as { delta?: { needs: string[] } });
    expect(writes.map(({ delta }) => delta?.needs)).toEqual([
      undefined,
      ["nonzero", "nooverflow", "amount", "distinct"],
    ]);
  });

  it("are written in words", () => {
    const lines = profileLines(transfer);
    expect(lines[0]).toBe("0xa9059cbb transfer(address,uint256)");
    expect(lines).toContain(`  v0 = read slot map ${balances}[caller]`);
    expect(lines.some((line) => line.startsWith(`  add arg 1 to slot map ${balances}[address(arg 0)]`))).toBe(
      true,
    );
  });

  it("come back from JSON, and only when they are whole", () => {
    const text = profileToText(transfer);
    expect(profileFromText(text)).toEqual(transfer);
    const json = profileToJson(transfer) as Record<string, unknown[]>;
    const broken = [
      { ...json, version: 99 },
      { ...json, root: 5000 },
      { ...json, expressions: json["expressions"]!.slice(0, 3) },
      { ...json, expressions: json["expressions"]!.toReversed() },
      { ...json, segments: [{ steps: [], end: { kind: "branch", condition: 0, nonzero: 0, zero: 0 } }] },
      { ...json, segments: [{ steps: [{ kind: "run" }], end: { kind: "revert" } }] },
    ];
    for (const each of broken) expect(() => profileFromJson(each)).toThrow(ProfileError);
    expect(() => profileFromText("{")).toThrow(ProfileError);
  });
});

describe("a predictor", () => {
  it("assumes that guards hold: an allowance that comes earlier in the block", async () => {
    const [, transaction] = CALLS[4];
    const before = tokens().put(TOKEN, mapping(allowances, ALICE, BOB), 0n);
    const predictor = new AccessPredictor({ build: buildFunction });
    const found = await predictor.predict(context, transaction, before);
    expect(uncovered(kindsOf(found), (await realKinds(transaction, tokens())).kinds)).toEqual([]);
    expect(predictor.counters).toMatchObject({ applied: 1, evaluated: 0 });
  });

  it("says that it does not know", async () => {
    const spins = Uint8Array.from(Buffer.from("5b60003560005500", "hex"));
    const turns = Uint8Array.from(Buffer.from("5b600056", "hex"));
    const state = new MemoryChain()
      .fund(ALICE, 10n ** 18n)
      .deploy(TOKEN, turns)
      .deploy(OTHER, spins);
    const predictor = new AccessPredictor({ build: buildFunction, evaluationSteps: 1000 });
    const found = await predictor.predict(context, callOf(ALICE, TOKEN, Uint8Array.of(1, 2, 3, 4)), state);
    expect(found).toEqual({ known: false, reason: "steps" });
    expect(predictor.counters.unknown.get("steps")).toBe(1);
    const creation = { ...callOf(ALICE, TOKEN, new Uint8Array(0)), to: undefined };
    expect((await predictor.predict(context, creation, state)).known).toBe(false);
  });
});

describe("evaluation of authorizations (EIP-7702)", () => {
  it("knows that accounts are asked whether they exist, for the gas that is given back", async () => {
    const code = Uint8Array.from(Buffer.from("5a5000", "hex"));
    const state = tokens().deploy(OTHER, code);
    const authorization = {
      chainId: 1n,
      address: TOKEN,
      nonce: 0n,
      authority: account(77),
    };
    const transaction = {
      ...callOf(ALICE, OTHER, new Uint8Array(0)),
      type: 4,
      authorizations: [authorization],
    };
    const { kinds: real } = await realKinds(transaction, state);
    const programs = new CodePrograms(rules, buildFunction);
    const found = kindsOf(await evaluateAccesses(context, transaction, { programs, state }));
    expect(real.size).toBeGreaterThan(4);
    expect(uncovered(found, real)).toEqual([]);
  });
});

describe("evaluation before EIP-150 and 158", () => {
  const homestead = createBlockRules("homestead", 1);
  const old = { ...context, rules: homestead, baseFee: 0n, difficulty: 1n, blobBaseFee: 0n };

  it("pays 40 for a call, and knows that accounts come about when they are named", async () => {
    const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
    // 24 times: calls a contract that leaves itself to an account that is not there.
    const to = Buffer.from(PAIR).toString("hex");
    const loop = bytes(
      `6018 5b 80 6000 52 6000 6000 6020 6000 6000 73${to} 6101f4 f1 50 6001 90 03 80 6002 57 00`,
    );
    const leaving = bytes("6000 35 62700000 01 ff");
    const state = new MemoryChain()
      .fund(ALICE, 10n ** 18n)
      .deploy(OTHER, loop)
      .deploy(PAIR, leaving);
    const transaction = { ...callOf(ALICE, OTHER, new Uint8Array(0)), type: 0, gasLimit: 30_000 };
    const { kinds: real, status } = await realKinds(transaction, state, old);
    expect(status).toBe(1);
    const programs = new CodePrograms(homestead, buildFunction);
    const found = kindsOf(await evaluateAccesses(old, transaction, { programs, state }));
    expect(real.size).toBeGreaterThan(70);
    expect(uncovered(found, real)).toEqual([]);
  });
});

describe("a callee that returns more than its caller takes", () => {
  const push20 = (address: Uint8Array): string => `73${Buffer.from(address).toString("hex")}`;
  const code = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
  // Takes one word of what the callee returns; writes slot 1 when two came, and fails otherwise.
  const call = `60206000600060006000${push20(OTHER)}5af150`;
  const destination = (call.length / 2 + 10).toString(16).padStart(2, "0");
  const caller = code(`${call}3d60401460${destination}575f5ffd5b600160015500`);
  const chain = new MemoryChain()
    .fund(ALICE, 10n ** 18n)
    .deploy(TOKEN, caller)
    .deploy(OTHER, code("60405ff3"));
  const transaction = callOf(ALICE, TOKEN, new Uint8Array(0));

  it("is not taken for one that returns as much: profiles say that they do not know", async () => {
    const { kinds, status } = await realKinds(transaction, chain);
    expect(status).toBe(1);
    const profiles = new ProfileStore(rules, buildFunction);
    const applied = await applyProfiles(context, transaction, { profiles, state: chain, readsState: true });
    expect(applied).toEqual({ known: false, reason: "profile" });
    const predictor = new AccessPredictor({ build: buildFunction });
    expect(uncovered(kindsOf(await predictor.predict(context, transaction, chain)), kinds)).toEqual([]);
  });
});
