import { describe, expect, it } from "@jest/globals";
import { encodeCall, token } from "@velarium/contracts";
import { buildFunction } from "@velarium/evm-ir";
import {
  ANALYSIS_VERSION,
  applyProfiles,
  type ProfileCache,
  ProfileStore,
  selectorOf,
} from "../src/index.ts";
import { kindsOf } from "./access-kinds.ts";
import { account, callOf, context, MemoryChain, rules } from "./memory-chain.ts";

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));
const [ALICE, BOB, TOKEN] = [1, 2, 3].map(account) as [Uint8Array, Uint8Array, Uint8Array];

class SharedMap implements ProfileCache {
  readonly entries = new Map<string, Uint8Array>();
  async get(key: string): Promise<Uint8Array | undefined> {
    return this.entries.get(key);
  }
  async set(key: string, value: Uint8Array): Promise<void> {
    this.entries.set(key, value);
  }
}

const transfer = callOf(ALICE, TOKEN, encodeCall(token, "transfer(address,uint256)", [BOB, 5n]));
const state = new MemoryChain().fund(ALICE, 10n ** 18n).deploy(TOKEN, token.runtime);
const storeOn = (cache: ProfileCache) => new ProfileStore(rules, buildFunction, { cache });
const applied = async (profiles: ProfileStore) =>
  kindsOf(await applyProfiles(context, transfer, { profiles, state, readsState: true }));

describe("a profile store", () => {
  it("takes from others what they have analysed", async () => {
    const cache = new SharedMap();
    const first = storeOn(cache);
    const second = storeOn(cache);
    const kinds = await applied(first);
    expect(await applied(second)).toEqual(kinds);
    expect([first.analyzed, first.shared, second.analyzed, second.shared]).toEqual([1, 0, 0, 1]);
    expect([...cache.entries.keys()]).toEqual([
      expect.stringMatching(
        new RegExp(
          `^profile:${ANALYSIS_VERSION}:osaka:[0-9a-f]{64}:${selectorOf("transfer(address,uint256)")}$`,
        ),
      ),
    ]);
  });

  it("believes nothing that it finds in the cache", async () => {
    const cache = new SharedMap();
    const kinds = await applied(storeOn(cache));
    const [key, text] = [...cache.entries][0]!;
    for (const broken of ["", "{}", "[1]", Buffer.from(text).toString().replace('"root":0', '"root":7')]) {
      cache.entries.set(key, Buffer.from(broken));
      const store = storeOn(cache);
      expect(await applied(store)).toEqual(kinds);
      expect([store.broken, store.shared, store.analyzed]).toEqual([1, 0, 1]);
    }
  });

  it("has one profile for codes that differ in their constants", async () => {
    // PUSH32 slot, SLOAD, STOP: an immutable that names a slot.
    const slotCode = (slot: string): Uint8Array => hex(`7f${slot.padStart(64, "1")}5400`);
    const store = new ProfileStore(rules, buildFunction);
    const found = [slotCode("aa"), slotCode("bb")].map((code) => store.profileOf(code, 0x01020304)!);
    expect(found[0]!.profile).toBe(found[1]!.profile);
    expect(found.map(({ immediates }) => immediates.map((value) => value & 0xffn))).toEqual([
      [0xaan],
      [0xbbn],
    ]);
    expect(store.analyzed).toBe(1);
    for (const last of ["aa", "bb"]) {
      const chain = new MemoryChain().fund(ALICE, 10n ** 18n).deploy(TOKEN, slotCode(last));
      const call = callOf(ALICE, TOKEN, hex("01020304"));
      const kinds = kindsOf(
        await applyProfiles(context, call, { profiles: store, state: chain, readsState: false }),
      );
      const slots = [...kinds.keys()].map((key) => Buffer.from(key, "latin1").toString("hex"));
      expect(slots.some((key) => key.endsWith(last.padStart(64, "1")))).toBe(true);
    }
  });
});
