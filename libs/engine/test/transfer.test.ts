import { describe, expect, it } from "@jest/globals";
import { createBlockRules, type Fork } from "@velarium/chain-rules";
import { Domain, fieldKey } from "@velarium/slots";
import {
  decodeTransaction,
  encodeTransaction,
  placeholderSignature,
  type TxFields,
} from "@velarium/tx-codec";
import fc from "fast-check";
import {
  type BlockContext,
  bigIntToWord,
  createReferenceEngine,
  MemoryState,
  TransferPath,
  TransferWord,
  toExecutable,
  wordToBigInt,
} from "../src/index.ts";

const address = (n: number): Uint8Array => {
  const out = new Uint8Array(20).fill(0x11);
  out[19] = n;
  return out;
};
const SENDER = address(1);
const OTHER = address(2);
const MINER = address(3);
const engine = createReferenceEngine();

function contextOf(fork: Fork, baseFee: bigint, beneficiary: Uint8Array): BlockContext {
  const rules = createBlockRules(fork, 7);
  return {
    rules,
    number: 5,
    timestamp: 50,
    beneficiary,
    gasLimit: 30_000_000,
    baseFee: rules.eip1559 ? baseFee : 0n,
    prevRandao: new Uint8Array(32),
    difficulty: 0n,
    blobBaseFee: 1n,
  };
}

const amount = fc.oneof(
  fc.bigInt({ min: 0n, max: 10n }),
  fc.bigInt({ min: 0n, max: 10n ** 21n }),
  fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }),
);
const fee = fc.oneof(
  fc.bigInt({ min: 0n, max: 20n }),
  fc.bigInt({ min: 0n, max: 10n ** 12n }),
  fc.bigInt({ min: 0n, max: 2n ** 48n }),
);

const cases = fc.record({
  fork: fc.constantFrom<Fork>("spuriousDragon", "istanbul", "berlin", "london", "cancun", "prague", "osaka"),
  type: fc.constantFrom(0, 1, 2),
  chainId: fc.constantFrom(7, 7, 7, 7, 7, 7, 7, 8),
  nonce: fc.integer({ min: 0, max: 3 }),
  stateNonce: fc.constantFrom(0n, 1n, 2n, 255n, 2n ** 40n),
  sameNonce: fc.constantFrom(true, true, true, false),
  balance: fc.oneof(amount, fc.bigInt({ min: 10n ** 18n, max: 10n ** 30n })),
  value: amount,
  cap: fee,
  tip: fee,
  baseFee: fc.oneof(fee, fc.bigInt({ min: 0n, max: 20n })),
  gasLimit: fc.constantFrom(
    21_000,
    20_999,
    21_068,
    50_000,
    50_000,
    60_000,
    70_000,
    2 ** 24,
    2 ** 24 + 1,
    30_000_001,
  ),
  data: fc.uint8Array({ maxLength: 40 }),
  to: fc.constantFrom(OTHER, OTHER, OTHER, SENDER, MINER, bytesBelow(4)),
  beneficiary: fc.constantFrom(MINER, MINER, SENDER, OTHER),
});

function bytesBelow(n: number): Uint8Array {
  const out = new Uint8Array(20);
  out[19] = n;
  return out;
}

describe("the fast path for transfers", () => {
  it("gives what the reference engine gives, or leaves the case to it", async () => {
    // One for all cases: what a run leaves must not show in the next.
    const path = new TransferPath();
    let taken = 0;
    let included = 0;
    await fc.assert(
      fc.asyncProperty(cases, async (c) => {
        const context = contextOf(c.fork, c.baseFee, c.beneficiary);
        const nonce = c.sameNonce ? Number(c.stateNonce) : c.nonce;
        const fields: TxFields = {
          type: c.type,
          chainId: c.chainId,
          nonce,
          gasLimit: c.gasLimit,
          gasPrice: c.cap,
          maxFeePerGas: c.cap,
          maxPriorityFeePerGas: c.tip > c.cap && c.nonce > 0 ? c.cap : c.tip,
          to: c.to,
          value: c.value,
          data: c.data,
        };
        let raw: Uint8Array;
        try {
          raw = encodeTransaction(fields, placeholderSignature(SENDER));
          decodeTransaction(raw);
        } catch {
          return;
        }
        const tx = decodeTransaction(raw);
        const state = new MemoryState();
        state.set(fieldKey(Domain.balance, SENDER), bigIntToWord(c.balance));
        state.set(fieldKey(Domain.nonce, SENDER), bigIntToWord(c.stateNonce));
        const before = wordToBigInt(state.read(fieldKey(Domain.balance, c.to)));
        const expected = await engine.execute(context, toExecutable(tx, SENDER), state);

        path.open(context);
        const words = new Uint8Array(128);
        words.set(bigIntToWord(c.balance), TransferWord.senderBalance);
        words.set(bigIntToWord(c.stateNonce), TransferWord.senderNonce);
        if (!path.run(raw, tx.scan, SENDER, 0, words, 0)) return;
        taken++;
        expect([path.outcome, path.reason, path.gasUsed]).toEqual([
          expected.outcome,
          expected.reason,
          expected.gasUsed,
        ]);
        if (path.outcome !== "included") return;
        included++;
        state.apply(expected);
        const balanceOf = (who: Uint8Array) => wordToBigInt(state.read(fieldKey(Domain.balance, who)));
        expect(wordToBigInt(path.senderBalance)).toBe(balanceOf(SENDER));
        expect(path.senderNonce).toEqual(state.read(fieldKey(Domain.nonce, SENDER)));
        const credits = new Map<string, bigint>();
        for (const [who, word] of [
          [c.to, path.recipientDelta],
          [c.beneficiary, path.beneficiaryDelta],
        ] as const) {
          const name = Buffer.from(who).toString("hex");
          credits.set(name, (credits.get(name) ?? before) + wordToBigInt(word));
        }
        for (const [name, credit] of credits)
          expect(balanceOf(Uint8Array.from(Buffer.from(name, "hex")))).toBe(credit);
        expect(expected.status).toBe(1);
      }),
      { numRuns: 1500 },
    );
    expect(taken).toBeGreaterThan(300);
    expect(included).toBeGreaterThan(50);
  });

  it("leaves accounts with code, precompiles and self-transfers to the engine", () => {
    const context = contextOf("osaka", 7n, MINER);
    const path = new TransferPath();
    path.open(context);
    const words = new Uint8Array(128);
    words.set(bigIntToWord(10n ** 18n), 0);
    const run = (to: Uint8Array, codeAt?: number): boolean => {
      const fields: TxFields = {
        type: 2,
        chainId: 7,
        nonce: 0,
        gasLimit: 21_000,
        maxFeePerGas: 10n,
        to,
        value: 1n,
      };
      const raw = encodeTransaction(fields, placeholderSignature(SENDER));
      const given = words.slice();
      if (codeAt !== undefined) given[codeAt + 31] = 1;
      return path.run(raw, decodeTransaction(raw).scan, SENDER, 0, given, 0);
    };
    expect(run(OTHER)).toBe(true);
    expect(run(OTHER, TransferWord.senderCode)).toBe(false);
    expect(run(OTHER, TransferWord.recipientCode)).toBe(false);
    expect(run(SENDER)).toBe(false);
    expect(run(bytesBelow(1))).toBe(false);
  });
});
