/** The way without objects does what `execute` does, and refuses what leaves its declaration. */
import { describe, expect, test } from "@jest/globals";
import {
  type ExecutableTransaction,
  type ExecutionResult,
  type MemoryState,
  wordToBigInt,
} from "@velarium/engine";
import {
  AccessKind,
  Domain,
  fieldKey,
  KEY_WORDS,
  SLOT_KEY_BYTES,
  VALUE_WORDS,
  WORD_BYTES,
} from "@velarium/slots";
import { TxScan } from "@velarium/tx-codec";
import { createWasmEngine } from "../src/index.ts";
import { BENEFICIARY, contextOf, createWorld } from "./programs.ts";
import { generator, randomTransaction } from "./random-transactions.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const bytesOf = (value: bigint): Uint8Array => {
  const digits = value === 0n ? "" : value.toString(16);
  return Uint8Array.from(Buffer.from(digits.length % 2 ? `0${digits}` : digits, "hex"));
};

/** A transaction as its scan describes it. */
function scanned(tx: ExecutableTransaction): { raw: Uint8Array; scan: TxScan } {
  const parts = [
    tx.to!,
    bytesOf(tx.value),
    bytesOf(tx.maxFeePerGas),
    bytesOf(tx.maxPriorityFeePerGas),
    tx.data,
  ];
  const offsets: number[] = [];
  let at = 0;
  for (const part of parts) {
    offsets.push(at);
    at += part.length;
  }
  const sizes = parts.map(({ length }) => length);
  const scan = Object.assign(new TxScan(), {
    type: tx.type,
    chainId: tx.chainId ?? -1,
    nonce: Number(tx.nonce),
    gasLimit: tx.gasLimit,
    toOffset: offsets[0],
    valueOffset: offsets[1],
    valueSize: sizes[1],
    feeOffset: offsets[2],
    feeSize: sizes[2],
    tipOffset: offsets[3],
    tipSize: sizes[3],
    dataOffset: offsets[4],
    dataSize: sizes[4],
    accessListAddresses: 0,
    accessListSize: 0,
  });
  return { raw: new Uint8Array(Buffer.concat(parts)), scan };
}

interface Declaration {
  readonly keys: Uint8Array[];
  readonly kinds: AccessKind[];
}

/** What a result shows, without the fee for the beneficiary, which nobody declares. */
function declarationOf({ accesses }: ExecutionResult): Declaration {
  const keys: Uint8Array[] = [];
  const kinds: AccessKind[] = [];
  const fee = hex(fieldKey(Domain.balance, BENEFICIARY));
  for (let i = 0; i < accesses.count; i++) {
    const key = accesses.keys.slice(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES);
    const kind = accesses.kinds[i] as AccessKind;
    if (kind === AccessKind.D && hex(key) === fee) continue;
    keys.push(key);
    kinds.push(kind);
  }
  return { keys, kinds };
}

const wordsByKey = ({ count, keys, words }: ExecutionResult["writes"]): Map<string, string> =>
  new Map(
    Array.from({ length: count }, (_, i) => [
      hex(keys.subarray(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES)),
      hex(words.subarray(i * WORD_BYTES, (i + 1) * WORD_BYTES)),
    ]),
  );

const nonceIn = (state: MemoryState) => (sender: Uint8Array) =>
  wordToBigInt(state.read(fieldKey(Domain.nonce, sender)));

const LESS: Partial<Record<AccessKind, AccessKind>> = {
  [AccessKind.W]: AccessKind.R,
  [AccessKind.R]: AccessKind.D,
  [AccessKind.X]: AccessKind.W,
  [AccessKind.H]: AccessKind.D,
  [AccessKind.D]: AccessKind.R,
};

describe.each(["berlin", "cancun", "prague"] as const)("%s", (fork) => {
  const context = contextOf(fork);
  const engine = createWasmEngine({});
  const path = engine.packed!;

  /** Begins, declares in columns with something before them, and runs. */
  function run(tx: ExecutableTransaction, { keys, kinds }: Declaration, state: MemoryState): boolean {
    const before = 3;
    const all = [...Array.from({ length: before }, () => new Uint8Array(SLOT_KEY_BYTES).fill(7)), ...keys];
    const keyWords = new Uint32Array(new Uint8Array(Buffer.concat(all)).buffer);
    const values = all.map((key) => state.read(key));
    const valueWords = new Uint32Array(new Uint8Array(Buffer.concat(values)).buffer);
    const kindColumn = Uint8Array.from([...Array.from({ length: before }, () => 0), ...kinds]);
    expect(keyWords.length / KEY_WORDS).toBe(valueWords.length / VALUE_WORDS);
    const { raw, scan } = scanned(tx);
    path.open(context);
    if (!path.begin(raw, scan, tx.sender, 0)) return false;
    for (let i = before; i < all.length; i++) {
      if (kindColumn[i] === AccessKind.D) path.declare(i, i + 1, keyWords, kindColumn);
      else path.preload(i, i + 1, keyWords, valueWords, kindColumn);
    }
    return path.run((prefix) => state.codeByPrefix(prefix));
  }

  const wordAt = (index: number): string | undefined =>
    index < 0 ? undefined : hex(new Uint8Array(path.words.slice(index, index + VALUE_WORDS).buffer));

  test("random transactions: same outcome, words and fee; a declaration with less is refused", async () => {
    const world = createWorld();
    const random = generator(31);
    let [matched, refused] = [0, 0];
    for (let i = 0; i < 260; i++) {
      const tx = randomTransaction(random, world, context, nonceIn(world.state));
      if (tx.type > 2 || tx.to === undefined || (tx.accessList?.length ?? 0) > 0) continue;
      const expected = await engine.execute(context, tx, world.state);
      const declaration = declarationOf(expected);
      expect(run(tx, declaration, world.state)).toBe(true);
      expect([path.outcome, path.reason, path.status, path.gasUsed]).toEqual([
        expected.outcome,
        expected.reason,
        expected.status,
        expected.gasUsed,
      ]);
      const { keys, kinds } = declaration;
      if (expected.codes.length > 0) {
        expect(path.match(keys.length)).toBe(false);
      } else {
        expect(path.match(keys.length)).toBe(true);
        matched++;
        const writes = wordsByKey(expected.writes);
        const deltas = wordsByKey(expected.deltas);
        for (const [a, key] of keys.entries()) {
          expect([hex(key), wordAt(path.written(a))]).toEqual([hex(key), writes.get(hex(key))]);
          expect([hex(key), wordAt(path.added(a))]).toEqual([hex(key), deltas.get(hex(key))]);
        }
        const ownsFee = keys.some((key) => hex(key) === hex(fieldKey(Domain.balance, BENEFICIARY)));
        if (!ownsFee) expect(wordAt(path.fee)).toBe(deltas.get(hex(fieldKey(Domain.balance, BENEFICIARY))));
        if (keys.length > 0) {
          const weak = random(keys.length);
          const less = kinds.with(weak, LESS[kinds[weak]!]!);
          expect(run(tx, { keys, kinds: less }, world.state) && path.match(keys.length)).toBe(false);
          refused++;
        }
      }
      if (expected.outcome === "included") world.state.apply(expected);
    }
    expect(matched).toBeGreaterThan(60);
    expect(refused).toBeGreaterThan(50);
  });
});
