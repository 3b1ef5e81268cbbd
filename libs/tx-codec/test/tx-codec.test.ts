import { Common, Hardfork, Mainnet } from "@ethereumjs/common";
import { createTx, createTxFromRLP, type TypedTxData } from "@ethereumjs/tx";
import { describe, expect, it } from "@jest/globals";
import { createBlockRules, type Fork } from "@velarium/chain-rules";
import { BytesVector } from "@velarium/columns";
import fc from "fast-check";
import {
  addressOf,
  checkTransaction,
  decodeTransaction,
  encodeTransaction,
  MAX_TRANSACTION_BYTES,
  nativeCurve,
  placeholderSenderOffset,
  placeholderSignature,
  pureCurve,
  recoverSender,
  recoverSenders,
  rlpDecode,
  rlpEncode,
  scanTransaction,
  signAuthorization,
  signingHash,
  signTransaction,
  TX_ERROR_CODES,
  type TxError,
  type TxFields,
  TxScan,
  txRulesOf,
} from "../src/index.ts";

// The reference wants a KZG implementation to be there before it reads a blob transaction; it is not called.
const kzg = {} as never;
const common = new Common({ chain: Mainnet, hardfork: Hardfork.Prague, customCrypto: { kzg } });
const hex = (bytes: Uint8Array): `0x${string}` => `0x${Buffer.from(bytes).toString("hex")}`;
const KEY = new Uint8Array(32).fill(0x46);

const address = fc.uint8Array({ minLength: 20, maxLength: 20 });
const word = fc.uint8Array({ minLength: 32, maxLength: 32 });
const amount = fc.oneof(fc.bigInt(0n, 2n ** 40n), fc.bigInt(0n, 2n ** 96n));
const accessList = fc.array(fc.record({ address, storageKeys: fc.array(word, { maxLength: 3 }) }), {
  maxLength: 3,
});
const privateKey = word.filter((k) => k[0] !== 0xff && k.some((b) => b !== 0));

const fields: fc.Arbitrary<TxFields> = fc
  .record({
    type: fc.integer({ min: 0, max: 4 }),
    protect: fc.boolean(),
    nonce: fc.oneof(fc.nat(300), fc.nat({ max: 2 ** 31 - 1 }), fc.maxSafeNat()),
    gasLimit: fc.integer({ min: 5_000_000, max: 2 ** 31 - 1 }),
    fee: amount,
    tip: amount,
    to: fc.option(address, { nil: null }),
    value: fc.oneof(amount, fc.bigInt(0n, 2n ** 256n - 1n)),
    data: fc.oneof(fc.uint8Array({ maxLength: 70 }), fc.uint8Array({ minLength: 200, maxLength: 300 })),
    accessList,
    authorizations: fc.array(fc.tuple(address, fc.bigInt(0n, 2n ** 64n - 2n)), {
      minLength: 1,
      maxLength: 2,
    }),
    blobFee: amount,
    blobHashes: fc.array(word, { minLength: 1, maxLength: 4 }),
  })
  .map((f) => {
    const base = { type: f.type, nonce: f.nonce, gasLimit: f.gasLimit, value: f.value, data: f.data };
    const to = f.type >= 3 ? (f.to ?? new Uint8Array(20).fill(5)) : f.to;
    if (f.type === 0) return { ...base, to, chainId: f.protect ? 1 : null, gasPrice: f.fee };
    const typed = { ...base, to, chainId: 1, accessList: f.accessList };
    if (f.type === 1) return { ...typed, gasPrice: f.fee };
    const [tip, fee] = f.fee > f.tip ? [f.tip, f.fee] : [f.fee, f.tip];
    const fees = { maxFeePerGas: fee, maxPriorityFeePerGas: tip };
    if (f.type === 2) return { ...typed, ...fees };
    if (f.type === 3) {
      const blobHashes = f.blobHashes.map((h) => Uint8Array.of(1, ...h.subarray(1)));
      return { ...typed, ...fees, maxFeePerBlobGas: f.blobFee, blobHashes };
    }
    const authorizationList = f.authorizations.map(([to, nonce]) => signAuthorization(1n, to, nonce, KEY));
    return { ...typed, ...fees, authorizationList };
  });

/** The same transaction for the reference implementation. */
function referenceData(tx: TxFields): TypedTxData {
  const data: Record<string, unknown> = {
    type: tx.type,
    nonce: BigInt(tx.nonce),
    gasLimit: BigInt(tx.gasLimit),
    value: tx.value,
    data: tx.data,
  };
  if (tx.to) data["to"] = hex(tx.to);
  if (tx.type < 2) data["gasPrice"] = tx.gasPrice;
  else {
    data["maxFeePerGas"] = tx.maxFeePerGas;
    data["maxPriorityFeePerGas"] = tx.maxPriorityFeePerGas;
  }
  if (tx.type !== 0) {
    data["chainId"] = 1n;
    data["accessList"] = tx.accessList!.map((e) => ({
      address: hex(e.address),
      storageKeys: e.storageKeys.map(hex),
    }));
  }
  if (tx.type === 3) {
    data["maxFeePerBlobGas"] = tx.maxFeePerBlobGas;
    data["blobVersionedHashes"] = tx.blobHashes!.map(hex);
  }
  if (tx.type === 4) {
    const quantity = (v: bigint | number): string => (v ? `0x${v.toString(16)}` : "0x");
    const even = (v: bigint | number): string => {
      const digits = quantity(v).slice(2);
      return `0x${digits.length % 2 ? "0" : ""}${digits}`;
    };
    data["authorizationList"] = tx.authorizationList!.map((a) => ({
      chainId: even(a.chainId),
      address: hex(a.address),
      nonce: even(a.nonce),
      yParity: even(a.yParity),
      r: even(a.r),
      s: even(a.s),
    }));
  }
  return data as TypedTxData;
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as TxError).code;
  }
  return "none";
}

describe("against @ethereumjs/tx", () => {
  it("encodes, signs, hashes and recovers the same, for all types", () => {
    fc.assert(
      fc.property(fields, privateKey, (tx, key) => {
        const unprotected = tx.type === 0 && tx.chainId === null;
        const chain = unprotected
          ? new Common({ chain: Mainnet, hardfork: Hardfork.TangerineWhistle })
          : common;
        const reference = createTx(referenceData(tx), { common: chain }).sign(key);
        const raw = signTransaction(tx, key);
        expect(hex(raw)).toBe(hex(reference.serialize()));
        const decoded = decodeTransaction(raw);
        expect(hex(decoded.hash())).toBe(hex(reference.hash()));
        expect(hex(decoded.signingHash())).toBe(hex(reference.getHashedMessageToSign()));
        expect(hex(signingHash(tx))).toBe(hex(decoded.signingHash()));
        expect(hex(recoverSender(decoded))).toBe(reference.getSenderAddress().toString());
        expect(hex(addressOf(key))).toBe(reference.getSenderAddress().toString());
      }),
      { numRuns: 120 },
    );
  });

  it("decodes every field", () => {
    fc.assert(
      fc.property(fields, (tx) => {
        const raw = signTransaction(tx, KEY);
        const d = decodeTransaction(raw);
        expect([d.type, d.chainId, d.nonce, d.gasLimit]).toEqual([
          tx.type,
          tx.chainId,
          tx.nonce,
          tx.gasLimit,
        ]);
        expect([d.value, hex(d.data), d.to && hex(d.to)]).toEqual([
          tx.value,
          hex(tx.data!),
          tx.to ? hex(tx.to) : null,
        ]);
        expect([d.maxFeePerGas, d.maxPriorityFeePerGas]).toEqual(
          tx.type < 2 ? [tx.gasPrice, tx.gasPrice] : [tx.maxFeePerGas, tx.maxPriorityFeePerGas],
        );
        const list = (l: TxFields["accessList"]): unknown =>
          (l ?? []).map((e) => [hex(e.address), e.storageKeys.map(hex)]);
        expect(list(d.accessList)).toEqual(list(tx.accessList));
        expect(d.scan.accessListAddresses).toBe(tx.accessList?.length ?? 0);
        const plain = (l: TxFields["authorizationList"]): unknown =>
          (l ?? []).map((a) => ({ ...a, address: hex(a.address) }));
        expect(plain(d.authorizationList)).toEqual(plain(tx.authorizationList));
        expect(d.blobHashes.map(hex)).toEqual((tx.blobHashes ?? []).map(hex));
        expect(d.maxFeePerBlobGas).toBe(tx.maxFeePerBlobGas ?? 0n);
      }),
      { numRuns: 100 },
    );
  });

  it("computes the same intrinsic gas", () => {
    fc.assert(
      fc.property(fields, (tx) => {
        const unprotected = tx.type === 0 && tx.chainId === null;
        if (unprotected) return;
        const raw = signTransaction(tx, KEY);
        const d = decodeTransaction(raw);
        const reference = createTx(referenceData(tx), { common });
        expect(BigInt(checkTransaction(raw, d.scan, txRulesOf(createBlockRules("prague", 1)), 1))).toBe(
          reference.getIntrinsicGas(),
        );
      }),
      { numRuns: 60 },
    );
  });

  it("survives any damage to a transaction: a typed error, or the reference reads the same", () => {
    fc.assert(
      fc.property(fields, fc.nat(), fc.nat(255), (tx, where, byte) => {
        const raw = signTransaction(tx, KEY);
        raw[where % raw.length] = byte;
        try {
          const d = decodeTransaction(raw);
          expect(hex(encodeTransaction(d, signatureOf(d)))).toBe(hex(raw));
          if (d.chainId !== 1 && d.chainId !== null) return;
          if (d.chainId === null || (d.type === 4 && d.authorizationList.some((a) => a.chainId > 2n ** 64n)))
            return;
          // The reference looks at s when it decodes; here that is part of recovery.
          recoverSender(d);
          const reference = createTxFromRLP(raw, { common, freeze: false });
          expect(hex(reference.hash())).toBe(hex(d.hash()));
        } catch (error) {
          const code = (error as TxError).code;
          if (code !== undefined) expect(TX_ERROR_CODES).toContain(code);
          else throw error;
        }
      }),
      { numRuns: 300 },
    );
  });
});

function signatureOf(d: { yParity: number; r: bigint; s: bigint }): {
  yParity: number;
  r: Uint8Array;
  s: Uint8Array;
} {
  const bytes = (v: bigint): Uint8Array =>
    new Uint8Array(Buffer.from(v.toString(16).padStart(64, "0"), "hex"));
  return { yParity: d.yParity, r: bytes(d.r), s: bytes(d.s) };
}

describe("bad input", () => {
  const good: TxFields = {
    type: 2,
    chainId: 1,
    nonce: 1,
    gasLimit: 21_000,
    maxFeePerGas: 9n,
    to: new Uint8Array(20).fill(1),
  };
  const raw = signTransaction(good, KEY);
  const rebuilt = (change: (items: Uint8Array[]) => unknown): Uint8Array => {
    const items = [...(rlpDecode(raw.subarray(1)) as Uint8Array[])];
    change(items);
    return Uint8Array.of(2, ...rlpEncode(items));
  };

  it("has a code for each kind", () => {
    expect(codeOf(() => decodeTransaction(raw))).toBe("none");
    expect(codeOf(() => decodeTransaction(new Uint8Array(0)))).toBe("rlp");
    for (let cut = 1; cut < raw.length; cut++)
      expect(codeOf(() => decodeTransaction(raw.subarray(0, cut)))).toBe("rlp");
    expect(codeOf(() => decodeTransaction(Uint8Array.of(...raw, 0)))).toBe("rlp");
    expect(codeOf(() => decodeTransaction(Uint8Array.of(5, ...raw.subarray(1))))).toBe("type");
    expect(codeOf(() => decodeTransaction(new Uint8Array(MAX_TRANSACTION_BYTES + 1)))).toBe("size");
    expect(codeOf(() => decodeTransaction(rebuilt((i) => (i[5] = new Uint8Array(19)))))).toBe("field");
    expect(codeOf(() => decodeTransaction(rebuilt((i) => (i[1] = Uint8Array.of(0, 1)))))).toBe("rlp");
    expect(codeOf(() => decodeTransaction(rebuilt((i) => (i[2] = Uint8Array.of(10)))))).toBe("fee");
    expect(codeOf(() => decodeTransaction(rebuilt((i) => (i[6] = new Uint8Array(33).fill(1)))))).toBe(
      "field",
    );
    expect(codeOf(() => decodeTransaction(rebuilt((i) => (i[9] = Uint8Array.of(2)))))).toBe("signature");
    expect(codeOf(() => decodeTransaction(rebuilt((i) => i.push(new Uint8Array(0)))))).toBe("rlp");
    expect(codeOf(() => decodeTransaction(rebuilt((i) => i.pop())))).toBe("rlp");
    expect(codeOf(() => signTransaction({ ...good, type: 9 }, KEY))).toBe("type");
  });

  it("names a blob transaction with sidecar", () => {
    const blob = signTransaction(
      { ...good, type: 3, maxFeePerBlobGas: 1n, blobHashes: [new Uint8Array(32).fill(1)] },
      KEY,
    );
    expect(codeOf(() => decodeTransaction(blob))).toBe("none");
    const inner = rlpDecode(blob.subarray(1));
    const network = Uint8Array.of(3, ...rlpEncode([inner, [], [], []]));
    expect(codeOf(() => decodeTransaction(network))).toBe("sidecar");
  });

  it("checks what the fork and the chain allow", () => {
    const check = (tx: TxFields, fork: Fork): string =>
      codeOf(() => {
        const d = decodeTransaction(signTransaction(tx, KEY));
        checkTransaction(d.raw, d.scan, txRulesOf(createBlockRules(fork, 1)), 1);
      });
    expect(check(good, "london")).toBe("none");
    expect(check(good, "berlin")).toBe("type");
    expect(check({ ...good, chainId: 5 }, "london")).toBe("chain-id");
    expect(check({ ...good, gasLimit: 20_999 }, "london")).toBe("gas");
    expect(check({ ...good, gasLimit: 2 ** 24 + 1 }, "prague")).toBe("none");
    expect(check({ ...good, gasLimit: 2 ** 24 + 1 }, "osaka")).toBe("gas");
    // 21,000 + 16 × 200 by EIP-2028, floor of 21,000 + 40 × 200 by EIP-7623
    expect(check({ ...good, data: new Uint8Array(200).fill(1), gasLimit: 24_200 }, "cancun")).toBe("none");
    expect(check({ ...good, data: new Uint8Array(200).fill(1), gasLimit: 28_999 }, "prague")).toBe("gas");
    expect(check({ ...good, data: new Uint8Array(200).fill(1), gasLimit: 29_000 }, "prague")).toBe("none");
    const create: TxFields = { ...good, to: null, data: new Uint8Array(49_153), gasLimit: 1_000_000 };
    expect(check(create, "paris")).toBe("none");
    expect(check(create, "shanghai")).toBe("size");
  });

  it("refuses signatures that no sender makes", () => {
    const d = decodeTransaction(raw);
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const recover = (change: { yParity?: number; r?: bigint; s?: bigint }, highS = false): string =>
      codeOf(() =>
        recoverSender(decodeTransaction(encodeTransaction(d, signatureOf({ ...d, ...change }))), { highS }),
      );
    expect(recover({})).toBe("none");
    expect(recover({ r: 0n })).toBe("signature");
    expect(recover({ s: 0n })).toBe("signature");
    expect(recover({ r: order })).toBe("signature");
    expect(recover({ s: order - d.s })).toBe("signature");
    expect(recover({ s: order - d.s, yParity: 1 - d.yParity }, true)).toBe("none");
    expect(recover({ s: order }, true)).toBe("signature");
    expect(recover({ r: 5n })).toBe("signature"); // x = 5 is not on the curve
  });
});

describe("columns", () => {
  it("recovers a column with the bad ones marked, native and pure alike", () => {
    const good: TxFields = {
      type: 2,
      chainId: 1,
      nonce: 7,
      gasLimit: 21_000,
      maxFeePerGas: 9n,
      to: new Uint8Array(20),
    };
    const column = new BytesVector();
    const raws = [
      signTransaction(good, KEY),
      Uint8Array.of(0xc1),
      signTransaction({ ...good, type: 0, gasPrice: 3n }, KEY),
    ];
    for (const raw of raws) column.push(raw);
    const sender = hex(addressOf(KEY)).slice(2);
    for (const curve of [pureCurve, nativeCurve ?? pureCurve]) {
      const { senders, statuses, hashes } = recoverSenders(column.view(), { curve });
      expect([...statuses]).toEqual([0, 1 + TX_ERROR_CODES.indexOf("rlp"), 0]);
      expect(hex(senders)).toBe(`0x${sender}${"00".repeat(20)}${sender}`);
      expect(hex(hashes.subarray(0, 32))).toBe(hex(decodeTransaction(raws[0]!).hash()));
      expect(curve.sign(new Uint8Array(32).fill(3), KEY)).toEqual(
        pureCurve.sign(new Uint8Array(32).fill(3), KEY),
      );
    }
  });

  it("carries the sender of a verified record", () => {
    const sender = new Uint8Array(20).fill(0xab);
    const raw = encodeTransaction(
      { type: 2, chainId: 1, nonce: 7, gasLimit: 21_000 },
      placeholderSignature(sender),
    );
    const padded = Uint8Array.of(9, 9, ...raw, 9);
    const scan = new TxScan();
    scanTransaction(padded, 2, raw.length, scan);
    const at = placeholderSenderOffset(padded, scan);
    expect(hex(padded.subarray(at, at + 20))).toBe(hex(sender));
    const signed = signTransaction({ type: 2, chainId: 1, nonce: 7, gasLimit: 21_000 }, KEY);
    scanTransaction(signed, 0, signed.length, scan);
    expect(placeholderSenderOffset(signed, scan)).toBe(-1);
  });
});
