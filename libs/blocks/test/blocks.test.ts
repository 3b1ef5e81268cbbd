import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RLP } from "@ethereumjs/rlp";
import { describe, expect, it } from "@jest/globals";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { type BytesColumn, BytesVector } from "@velarium/columns";
import { orderedTrieRoot } from "@velarium/hash-kernel";
import { addressOf, rlpEncode, signTransaction } from "@velarium/tx-codec";
import fc from "fast-check";
import { formatBlock, formatTransaction, formatTransactionReceipt } from "viem";
import {
  BlockAssembler,
  type BlockError,
  BlockExportReader,
  BlockExportWriter,
  type BlockRecord,
  blockToRpc,
  ChunkReassembly,
  chunkRecord,
  decodeBlockRecord,
  decodeHeader,
  encodeBlockRecord,
  encodeHeader,
  headerHash,
  joinRecord,
  RpcBlock,
  receiptToRpc,
  sealBlockRecord,
  sealHeader,
  splitRecord,
  transactionToRpc,
} from "../src/index.ts";

const hex = (bytes: Uint8Array): `0x${string}` => `0x${Buffer.from(bytes).toString("hex")}`;
const KEY = new Uint8Array(32).fill(0x46);

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as BlockError).code;
  }
  return "none";
}

interface Log {
  readonly address: Uint8Array;
  readonly topics: readonly Uint8Array[];
  readonly data: Uint8Array;
}
interface Executed {
  readonly type: number;
  readonly status: number;
  readonly gas: number;
  readonly logs: readonly Log[];
}

const log = fc.record({
  // Few different ones, so that the table of bits is hit as well as missed.
  address: fc.integer({ min: 0, max: 5 }).map((n) => new Uint8Array(20).fill(n)),
  topics: fc.array(
    fc.integer({ min: 0, max: 2000 }).map((n) => new Uint8Array(32).fill(n, n % 31)),
    { maxLength: 4 },
  ),
  data: fc.uint8Array({ maxLength: 90 }),
});
const executed: fc.Arbitrary<Executed> = fc.record({
  type: fc.integer({ min: 0, max: 4 }),
  status: fc.integer({ min: 0, max: 1 }),
  gas: fc.oneof(fc.constant(21_000), fc.nat(2 ** 31 - 1), fc.integer({ min: 0, max: 200 })),
  logs: fc.oneof(fc.constant([]), fc.array(log, { maxLength: 5 })),
});

/** The Yellow Paper's definition of the bloom, without a table. */
function definedBloom(logs: readonly Log[]): Uint8Array {
  const bloom = new Uint8Array(256);
  for (const { address, topics } of logs) {
    for (const key of [address, ...topics]) {
      const hash = keccak_256(key);
      for (const i of [0, 2, 4]) {
        const bit = ((hash[i]! << 8) | hash[i + 1]!) & 2047;
        bloom[255 - (bit >> 3)]! |= 1 << (bit & 7);
      }
    }
  }
  return bloom;
}

const columnOf = (items: readonly Uint8Array[]): BytesColumn => {
  const column = new BytesVector();
  for (const item of items) column.push(item);
  return column.view();
};
const rawOf = (type: number): Uint8Array =>
  type === 0 ? Uint8Array.of(0xc1, 1) : Uint8Array.of(type, 0xc1, 1);
const packed = (list: readonly Executed[]) => ({
  statuses: Uint8Array.from(list, (e) => e.status),
  gasUsed: Float64Array.from(list, (e) => e.gas),
  logs: columnOf(
    list.map((e) =>
      e.logs.length ? rlpEncode(e.logs.map((l) => [l.address, l.topics, l.data])) : new Uint8Array(0),
    ),
  ),
});
const context = {
  number: 7,
  timestamp: 1_700_000_000,
  gasLimit: 1_500_000_000,
  beneficiary: new Uint8Array(20).fill(3),
  prevRandao: new Uint8Array(32).fill(4),
  baseFeePerGas: 7n,
};

describe("assembly", () => {
  const assembler = new BlockAssembler();

  it("equals receipts encoded one by one", () => {
    fc.assert(
      fc.property(fc.array(executed, { maxLength: 40 }), (list) => {
        let cumulative = 0;
        const expected = list.map((e) => {
          cumulative += e.gas;
          const bloom = definedBloom(e.logs);
          const payload = RLP.encode([
            e.status,
            cumulative,
            bloom,
            e.logs.map((l) => [l.address, [...l.topics], l.data]),
          ]);
          return e.type === 0 ? payload : Uint8Array.of(e.type, ...payload);
        });
        const transactions = columnOf(list.map((e) => rawOf(e.type)));
        const block = assembler.assemble(context, transactions, packed(list));
        expect(hex(block.header.receiptsRoot)).toBe(hex(orderedTrieRoot(columnOf(expected))));
        expect(hex(block.header.transactionsRoot)).toBe(hex(orderedTrieRoot(transactions)));
        expect(hex(block.header.logsBloom)).toBe(hex(definedBloom(list.flatMap((e) => e.logs))));
        expect(block.gasUsed).toBe(cumulative);
        expect(decodeHeader(block.headerRlp)).toEqual(withoutAbsent(block.header));
      }),
      { numRuns: 150 },
    );
  });

  it("agrees with receipts that are encoded first, on many logs and on damaged ones", () => {
    const outcomeOf = (assemble: () => readonly Uint8Array[]): unknown => {
      try {
        return assemble().map(hex);
      } catch (error) {
        return (error as BlockError).code;
      }
    };
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 2 });
    fc.assert(
      fc.property(fc.array(executed, { minLength: 1, maxLength: 400 }), damage, (list, changes) => {
        const transactions = columnOf(list.map((e) => rawOf(e.type)));
        const results = packed(list);
        const { blob } = results.logs;
        for (const [at, byte] of changes) if (blob.length > 0) blob[at % blob.length] = byte;
        const inKernel = outcomeOf(() => {
          const { header } = assembler.assemble(context, transactions, results);
          return [header.receiptsRoot, header.logsBloom];
        });
        const encodedFirst = outcomeOf(() => {
          const { receipts, logsBloom } = assembler.encodeReceipts(transactions, results);
          return [orderedTrieRoot(receipts), logsBloom];
        });
        expect(inKernel).toEqual(encodedFirst);
      }),
      { numRuns: 100 },
    );
  });

  it("puts intermediate state roots in the place of the status", () => {
    const root = new Uint8Array(32).fill(9);
    const { receipts } = assembler.encodeReceipts(columnOf([rawOf(0)]), {
      ...packed([{ type: 0, status: 1, gas: 21_000, logs: [] }]),
      postStates: root,
    });
    expect(hex(receipts.blob)).toBe(hex(RLP.encode([root, 21_000, new Uint8Array(256), []])));
  });

  it("refuses columns and logs that do not fit", () => {
    const one = packed([{ type: 0, status: 1, gas: 1, logs: [] }]);
    const transactions = columnOf([rawOf(0)]);
    expect(codeOf(() => assembler.assemble(context, columnOf([]), one))).toBe("columns");
    const address = new Uint8Array(20);
    for (const bad of [
      [address],
      [[new Uint8Array(19), [], address]],
      [[address, [address], address]],
      address,
    ]) {
      expect(
        codeOf(() => assembler.assemble(context, transactions, { ...one, logs: columnOf([rlpEncode(bad)]) })),
      ).toBe("logs");
    }
    expect(
      codeOf(() =>
        assembler.assemble(context, transactions, { ...one, logs: columnOf([Uint8Array.of(0xf9, 1)]) }),
      ),
    ).toBe("logs");
  });

  it("seals a header with the state root and the parent's hash", () => {
    const { header, headerRlp } = assembler.assemble(context, columnOf([]), packed([]));
    const stateRoot = new Uint8Array(32).fill(0xaa);
    const parentHash = new Uint8Array(32).fill(0xbb);
    expect(hex(sealHeader(headerRlp, stateRoot, parentHash))).toBe(
      hex(encodeHeader({ ...header, stateRoot, parentHash })),
    );
    expect(codeOf(() => sealHeader(Uint8Array.of(0xc0), stateRoot))).toBe("header");
    expect(codeOf(() => encodeHeader({ ...header, excessBlobGas: 1 }))).toBe("header");
    expect(codeOf(() => decodeHeader(headerRlp.subarray(1)))).toBe("header");
  });
});

/** The header without its absent fields. */
function withoutAbsent(header: object): object {
  return Object.fromEntries(Object.entries(header).filter(([, value]) => value !== undefined));
}

/** A sealed block of one call with logs and one contract creation, both signed. */
function sampleRecord(number = 7): BlockRecord {
  const fees = { chainId: 1, gasLimit: 90_000, maxFeePerGas: 50n, maxPriorityFeePerGas: 2n };
  const raw = columnOf([
    signTransaction({ type: 2, ...fees, nonce: 0, to: new Uint8Array(20).fill(8), value: 5n }, KEY),
    signTransaction(
      { type: 0, chainId: 1, gasLimit: 90_000, gasPrice: 9n, nonce: 1, data: Uint8Array.of(1, 2) },
      KEY,
    ),
  ]);
  const address = new Uint8Array(20).fill(8);
  const results = packed([
    {
      type: 2,
      status: 1,
      gas: 30_000,
      logs: [{ address, topics: [new Uint8Array(32).fill(1)], data: Uint8Array.of(7) }],
    },
    { type: 0, status: 0, gas: 60_000, logs: [] },
  ]);
  const { headerRlp } = new BlockAssembler().assemble({ ...context, number }, raw, results);
  const sender = addressOf(KEY);
  const hashes = new Uint8Array(64);
  hashes.set(keccak_256(raw.blob.subarray(0, raw.ends[0])));
  hashes.set(keccak_256(raw.blob.subarray(raw.ends[0])), 32);
  return {
    number,
    firstSeq: 10,
    lastSeq: 12,
    watermark: 4,
    frames: 2,
    returned: 1,
    sealed: 1,
    header: sealHeader(headerRlp, new Uint8Array(32).fill(0xaa)),
    raw,
    senders: Uint8Array.of(...sender, ...sender),
    hashes,
    verified: Uint8Array.of(0, 0),
    arrivals: Float64Array.of(5000, 5001),
    ...results,
    rejectedArrivals: Float64Array.of(5002),
    rejectedHashes: new Uint8Array(32).fill(1),
    rejectedSenders: new Uint8Array(20).fill(2),
    ancestors: new Uint8Array(64).fill(3),
    resolved: Float64Array.of(1024, 1026),
    rejectedReasons: Uint8Array.of(20),
  };
}

describe("records", () => {
  const bytes = encodeBlockRecord(sampleRecord());

  it("are sealed in place, to the same bytes as if encoded sealed", () => {
    const record = sampleRecord();
    const header = record.header.slice().fill(7);
    const sealed = encodeBlockRecord({ ...record, sealed: 0 });
    sealBlockRecord(sealed, header);
    expect(sealed).toEqual(encodeBlockRecord({ ...record, header, sealed: 1 }));
    expect(codeOf(() => sealBlockRecord(sealed, header.subarray(1)))).toBe("header");
  });

  it("come back as they were", () => {
    expect(decodeBlockRecord(bytes)).toEqual(sampleRecord());
    expect(codeOf(() => encodeBlockRecord({ ...sampleRecord(), statuses: new Uint8Array(1) }))).toBe(
      "columns",
    );
    expect(codeOf(() => decodeBlockRecord(bytes.subarray(0, 50)))).toBe("columns");
    const newer = bytes.slice();
    newer[6] = 9;
    expect(codeOf(() => decodeBlockRecord(newer))).toBe("version");
  });

  it("survive stripes in any order, and refuse damaged, missing and foreign ones", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 9 }), (data, n) => {
        const stripes = splitRecord(data, n, 7);
        expect(stripes.length).toBe(n);
        expect(joinRecord(stripes.toReversed())).toEqual(data);
        expect(joinRecord([...stripes, stripes[0]!])).toEqual(data);
        if (n > 1) expect(codeOf(() => joinRecord(stripes.slice(1)))).toBe("stripe");
      }),
    );
    const stripes = splitRecord(bytes, 3, 7);
    stripes[1]![100] = stripes[1]![100]! ^ 1;
    expect(codeOf(() => joinRecord(stripes))).toBe("stripe");
    expect(
      codeOf(() => joinRecord([...splitRecord(bytes, 2).slice(1), ...splitRecord(bytes.subarray(1), 2)])),
    ).toBe("stripe");
    expect(codeOf(() => joinRecord([new Uint8Array(3)]))).toBe("stripe");
  });

  it("survive chunks in any order and repeated, within bounds", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.integer({ min: 1, max: 90 }),
        fc.nat(),
        (data, size, turn) => {
          const chunks = chunkRecord(data, size);
          const parts = new ChunkReassembly();
          let whole: Uint8Array | undefined;
          for (let i = 0; i < chunks.length; i++) {
            const index = (i + turn) % chunks.length;
            expect(whole).toBeUndefined();
            whole = parts.add(3, index, chunks.length, chunks[index]!);
            if (!whole) expect(parts.add(3, index, chunks.length, chunks[index]!)).toBeUndefined();
          }
          expect(whole).toEqual(data);
        },
      ),
    );
    const parts = new ChunkReassembly({ maxBlocks: 2, maxBytes: 100 });
    for (const number of [1, 2, 3]) parts.add(number, 0, 2, new Uint8Array(10));
    expect(parts.dropped).toBe(1);
    expect(parts.add(3, 1, 2, new Uint8Array(10))?.length).toBe(20);
    expect(codeOf(() => parts.add(2, 1, 3, new Uint8Array(10)))).toBe("chunk");
    expect(codeOf(() => parts.add(4, 0, 2, new Uint8Array(101)))).toBe("chunk");
    expect(codeOf(() => parts.add(4, 2, 2, new Uint8Array(1)))).toBe("chunk");
  });
});

describe("exports", () => {
  it("write and read a directory, keep the last blocks, and notice damage", () => {
    const directory = mkdtempSync(join(tmpdir(), "velarium-export-"));
    try {
      const writer = new BlockExportWriter(directory, { json: { alloc: {} } }, { chainId: 1, keepLast: 2 });
      for (const number of [1, 2, 3]) writer.write(number, encodeBlockRecord(sampleRecord(number)));
      expect(readdirSync(join(directory, "blocks"))).toEqual(["000000002.block", "000000003.block"]);
      const reader = new BlockExportReader(directory);
      expect([reader.manifest.chainId, reader.genesis, reader.numbers()]).toEqual([1, { alloc: {} }, [2, 3]]);
      expect(reader.read(3)).toEqual(sampleRecord(3));
      expect(codeOf(() => reader.read(1))).toBe("export");
      expect(codeOf(() => new BlockExportWriter(directory, { json: {} }, { chainId: 2 }))).toBe("export");
      const path = join(directory, "blocks/000000003.block");
      const file = readFileSync(path);
      file[80] = file[80]! ^ 1;
      writeFileSync(path, file);
      expect(codeOf(() => reader.read(3))).toBe("export");
      new BlockExportWriter(directory, { json: {} }, { chainId: 1 }).truncateAbove(2);
      expect(reader.numbers()).toEqual([2]);
      const manifest = readFileSync(join(directory, "manifest.json"), "utf8");
      writeFileSync(join(directory, "manifest.json"), manifest.replace('"version": 1', '"version": 99'));
      expect(codeOf(() => new BlockExportReader(directory))).toBe("version");
      expect(codeOf(() => new BlockExportReader(join(directory, "none")))).toBe("export");
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe("JSON-RPC shapes", () => {
  const block = new RpcBlock(sampleRecord());
  const sender = hex(addressOf(KEY));

  it("are read by viem", () => {
    const formatted = formatBlock(blockToRpc(block, true) as never);
    expect(formatted.hash).toBe(hex(headerHash(block.record.header)));
    expect([formatted.number, formatted.gasUsed, formatted.baseFeePerGas]).toEqual([7n, 90_000n, 7n]);
    const call = formatTransaction(transactionToRpc(block, 0) as never);
    expect([call.from, call.type, call.gasPrice, call.maxFeePerGas, call.value]).toEqual([
      sender,
      "eip1559",
      9n,
      50n,
      5n,
    ]);
    const create = formatTransaction(transactionToRpc(block, 1) as never);
    expect([create.type, create.to, create.gasPrice, create.chainId, create.input]).toEqual([
      "legacy",
      null,
      9n,
      1,
      "0x0102",
    ]);
  });

  it("give receipts with logs and created addresses", () => {
    const call = formatTransactionReceipt(receiptToRpc(block, 0) as never);
    expect([call.status, call.gasUsed, call.effectiveGasPrice, call.logs.length]).toEqual([
      "success",
      30_000n,
      9n,
      1,
    ]);
    expect(call.logsBloom).toBe(hex(block.header.logsBloom));
    const create = formatTransactionReceipt(receiptToRpc(block, 1) as never);
    expect([create.status, create.cumulativeGasUsed, create.to]).toEqual(["reverted", 90_000n, null]);
    const derived = keccak_256(RLP.encode([addressOf(KEY), 1])).subarray(12);
    expect(create.contractAddress).toBe(hex(derived));
  });
});
