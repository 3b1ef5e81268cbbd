import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Common, Hardfork, Mainnet } from "@ethereumjs/common";
import { createTxFromRLP } from "@ethereumjs/tx";
import { Account, Address, bytesToHex } from "@ethereumjs/util";
import { createVM, runTx } from "@ethereumjs/vm";
import { describe, expect, it } from "@jest/globals";
import { bytesAt, fixedAt } from "@velarium/columns";
import { decodeWord, encodeCall, pair, token } from "@velarium/contracts";
import { keccak256 } from "@velarium/hash-kernel";
import { addressOf, placeholderSenderOffset, scanTransaction, TxScan } from "@velarium/tx-codec";
import {
  ACCOUNT_TOKENS,
  ACCOUNT_WEI,
  gethAlloc,
  privateKeyOf,
  RESERVE_TOKENS,
  tokenBalanceSlot,
  Workload,
  type WorkloadBatch,
  WorkloadError,
  type WorkloadOptions,
} from "../src/index.ts";

const CHAIN_ID = 31_337;
const common = new Common({ chain: { ...Mainnet, chainId: CHAIN_ID }, hardfork: Hardfork.Cancun });
const decodeTx = (raw: Uint8Array) => createTxFromRLP(raw, { common });
const small: Partial<WorkloadOptions> = { accounts: 50, hot: 5, chainId: CHAIN_ID, pairs: 3, seed: 7 };
const kinds = ["native", "erc20", "swap", "mixed"] as const;
const copy = (b: WorkloadBatch) => structuredClone(b);

describe("reproducibility", () => {
  it.each(kinds)("%s: the same seed and options give the same bytes, another seed others", (kind) => {
    const make = (seed: number) => new Workload({ ...small, kind, signed: false, seed, contention: 0.5 });
    const a = make(1);
    const b = make(1);
    expect(copy(a.nextBatch(100))).toEqual(copy(b.nextBatch(100)));
    expect(copy(a.nextBatch(50))).toEqual(copy(b.nextBatch(50)));
    expect(make(2).nextBatch(100).hashes).not.toEqual(make(1).nextBatch(100).hashes);
  });

  it("does not depend on how a run is cut into batches", () => {
    const whole = new Workload({ ...small, signed: false }).nextBatch(90);
    const parts = new Workload({ ...small, signed: false }).pregenerate(90, 40);
    expect(parts.map((p) => p.count)).toEqual([40, 40, 10]);
    expect(Buffer.concat(parts.map((p) => p.hashes))).toEqual(Buffer.from(whole.hashes));
  });
});

describe("encoding", () => {
  for (const type of [2, 0] as const) {
    it.each(kinds)(
      `%s, type ${type}: @ethereumjs/tx reads back sender, hash and nonce of signed transactions`,
      (kind) => {
        const w = new Workload({ ...small, kind, type, signed: true, accounts: 4, hot: 0 });
        const next = new Map<string, bigint>();
        const batch = w.nextBatch(60);
        for (let i = 0; i < batch.count; i++) {
          const tx = decodeTx(bytesAt(batch.raw, i));
          const sender = tx.getSenderAddress().toString();
          expect(tx.type).toBe(type);
          expect(tx.isValid()).toBe(true);
          expect(sender).toBe(bytesToHex(fixedAt(batch.senders, 20, i)));
          expect(bytesToHex(tx.hash())).toBe(bytesToHex(fixedAt(batch.hashes, 32, i)));
          expect(tx.nonce).toBe(next.get(sender) ?? 0n);
          next.set(sender, tx.nonce + 1n);
        }
      },
    );

    it(`type ${type}: placeholders decode, name their sender, and hash as declared`, () => {
      const batch = new Workload({ ...small, type, signed: false }).nextBatch(80);
      const scan = new TxScan();
      for (let i = 0; i < batch.count; i++) {
        const raw = bytesAt(batch.raw, i);
        expect(bytesToHex(decodeTx(raw).hash())).toBe(bytesToHex(fixedAt(batch.hashes, 32, i)));
        scanTransaction(raw, 0, raw.length, scan);
        const at = placeholderSenderOffset(raw, scan);
        expect(at).toBeGreaterThan(0);
        expect(raw.slice(at, at + 20)).toEqual(fixedAt(batch.senders, 20, i).slice());
        expect(batch.verified[i]).toBe(1);
      }
    });
  }

  it("encodes nonces of every width", () => {
    const w = new Workload({ ...small, kind: "native", signed: true, accounts: 2, hot: 0 });
    for (const nonce of [0, 1, 127, 128, 255, 256, 65_535, 65_536, 16_777_215, 16_777_216, 4_294_967_290]) {
      w.nonces.fill(nonce);
      const batch = w.nextBatch(1);
      const tx = decodeTx(bytesAt(batch.raw, 0));
      expect(tx.nonce).toBe(BigInt(nonce));
      expect(tx.getSenderAddress().toString()).toBe(bytesToHex(batch.senders.subarray(0, 20)));
    }
  });

  it("survives signatures with leading zeros", () => {
    const w = new Workload({ ...small, kind: "native", signed: true });
    let short = 0;
    for (let i = 0; i < 6; i++) {
      const batch = w.nextBatch(200);
      for (let t = 0; t < batch.count; t++) {
        const raw = bytesAt(batch.raw, t);
        const tx = decodeTx(raw);
        if (tx.r! >> 248n === 0n || tx.s! >> 248n === 0n) {
          short++;
          expect(tx.getSenderAddress().toString()).toBe(bytesToHex(fixedAt(batch.senders, 20, t)));
        }
      }
    }
    expect(short).toBeGreaterThan(0);
  });
});

describe("skew", () => {
  const shareOfHot = (o: Partial<WorkloadOptions>) => {
    const w = new Workload({ ...small, kind: "native", signed: false, accounts: 1000, hot: 10, ...o });
    const hot = new Set(Array.from({ length: 10 }, (_, i) => bytesToHex(w.address(i))));
    const batch = w.nextBatch(4000);
    let senders = 0;
    let receivers = 0;
    for (let i = 0; i < batch.count; i++) {
      if (hot.has(bytesToHex(fixedAt(batch.senders, 20, i)))) senders++;
      if (hot.has(decodeTx(bytesAt(batch.raw, i)).to!.toString())) receivers++;
    }
    return { senders: senders / 4000, receivers: receivers / 4000 };
  };
  it("an end is hot with the given probability, receivers only when asked", () => {
    const one = shareOfHot({ contention: 0.62 });
    expect(one.senders).toBeGreaterThan(0.58);
    expect(one.senders).toBeLessThan(0.66);
    expect(one.receivers).toBeLessThan(0.03);
    const both = shareOfHot({ contention: 0.62, bothEnds: true });
    expect(both.receivers).toBeGreaterThan(0.58);
    expect(shareOfHot({ contention: 1 }).senders).toBe(1);
    expect(shareOfHot({ contention: 0 }).senders).toBe(0);
  });
});

describe("genesis", () => {
  it("lets every transaction succeed in the reference EVM, within its gas limit", async () => {
    const w = new Workload({
      ...small,
      kind: "mixed",
      signed: true,
      accounts: 30,
      hot: 3,
      contention: 0.3,
      nativePercent: 30,
      erc20Percent: 35,
    });
    const genesis = w.genesis();
    const vm = await createVM({ common });
    for (const [address, account] of Object.entries(gethAlloc(genesis))) {
      const at = new Address(Buffer.from(address.slice(2), "hex"));
      await vm.stateManager.putAccount(at, new Account(BigInt(account.nonce ?? 0), BigInt(account.balance)));
      if (account.code) await vm.stateManager.putCode(at, Buffer.from(account.code.slice(2), "hex"));
      for (const [key, value] of Object.entries(account.storage ?? {}))
        await vm.stateManager.putStorage(
          at,
          Buffer.from(key.slice(2), "hex"),
          Buffer.from(value.slice(2).replace(/^(00)+/, ""), "hex"),
        );
    }
    const batch = w.nextBatch(150);
    const logs: number[] = [0, 0, 0];
    for (let i = 0; i < batch.count; i++) {
      const tx = decodeTx(bytesAt(batch.raw, i));
      const result = await runTx(vm, { tx, skipBlockGasLimitValidation: true, skipHardForkValidation: true });
      expect(result.execResult.exceptionError).toBeUndefined();
      const n = result.execResult.logs?.length ?? 0;
      expect(n).toBe(tx.data.length === 0 ? 0 : tx.data.length === 68 ? 1 : 3);
      logs[n === 3 ? 2 : n]!++;
    }
    expect(Math.min(...logs)).toBeGreaterThan(20);

    const view = async (
      contract: typeof token,
      address: Uint8Array,
      signature: string,
      args: (Uint8Array | bigint)[],
    ) => {
      const run = await vm.evm.runCall({
        to: new Address(address),
        data: encodeCall(contract, signature, args),
      });
      expect(run.execResult.exceptionError).toBeUndefined();
      return decodeWord(run.execResult.returnValue);
    };
    for (const c of genesis.contracts.filter((g) => g.name === "Pair")) {
      const [token0, token1] = await Promise.all([
        view(pair, c.address, "token0()", []),
        view(pair, c.address, "token1()", []),
      ]);
      for (const [t, reserve] of [
        [token0, "reserve0()"],
        [token1, "reserve1()"],
      ] as const) {
        const tokenAddress = new Uint8Array(Buffer.from(t.toString(16).padStart(40, "0"), "hex"));
        // What the market believes to have is what the token says it has: swaps have moved both alike.
        expect(await view(token, tokenAddress, "balanceOf(address)", [c.address])).toBe(
          await view(pair, c.address, reserve, []),
        );
      }
      const product =
        (await view(pair, c.address, "reserve0()", [])) * (await view(pair, c.address, "reserve1()", []));
      expect(product).toBeGreaterThan(RESERVE_TOKENS ** 2n);
    }
  });

  it("balances add up to the supply of each token, in the slots that the contract reads", () => {
    const w = new Workload({ ...small, kind: "erc20", signed: false });
    const genesis = w.genesis();
    expect(genesis.balance).toBe(ACCOUNT_WEI);
    const tokens = genesis.contracts.filter((c) => c.name === "Token");
    expect(tokens).toHaveLength(6);
    const storage = gethAlloc(genesis)[bytesToHex(tokens[0]!.address)]!.storage!;
    expect(BigInt(storage[bytesToHex(tokenBalanceSlot(w.address(0)))]!)).toBe(ACCOUNT_TOKENS);
    expect(storage[bytesToHex(tokenBalanceSlot(w.address(1)))]).toBeUndefined();
    expect(BigInt(storage[`0x${"2".padStart(64, "0")}`]!)).toBe(RESERVE_TOKENS + 17n * ACCOUNT_TOKENS);
    expect(new Workload({ ...small, kind: "native", signed: false }).genesis().contracts).toEqual([]);
  });
});

describe("accounts", () => {
  it("signed addresses belong to the derived keys and are cached by content, not by trust", () => {
    const folder = mkdtempSync(join(tmpdir(), "velarium-accounts-"));
    try {
      const make = () =>
        new Workload({ ...small, kind: "native", accounts: 20, cacheFolder: folder }).addresses;
      const first = make();
      expect(first.slice(60, 80)).toEqual(addressOf(privateKeyOf(7, 3)));
      const [file] = readdirSync(folder);
      expect(make()).toEqual(first);
      writeFileSync(join(folder, file!), new Uint8Array(first.length));
      expect(make()).toEqual(first);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
  it("hashes are keccak256 of the raw bytes", () => {
    const batch = new Workload({ ...small, signed: false }).nextBatch(5);
    for (let i = 0; i < 5; i++)
      expect(keccak256(bytesAt(batch.raw, i))).toEqual(fixedAt(batch.hashes, 32, i).slice());
  });
});

describe("options", () => {
  it.each([
    { kind: "nft" as never },
    { accounts: 1 },
    { accounts: 1.5 },
    { hot: 51 },
    { contention: 1.1 },
    { contention: Number.NaN },
    { contention: 0.5, hot: 0 },
    { type: 1 as never },
    { nativePercent: 60, erc20Percent: 50 },
    { maxPriorityFeePerGas: 2e14 },
  ])("refuses %j", (bad) => {
    expect(() => new Workload({ ...small, signed: false, ...bad })).toThrow(WorkloadError);
  });
});
