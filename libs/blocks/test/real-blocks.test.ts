import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createBlockHeader } from "@ethereumjs/block";
import { createCustomCommon, Hardfork, Mainnet } from "@ethereumjs/common";
import { describe, expect, it } from "@jest/globals";
import { BytesVector } from "@velarium/columns";
import { keccak256, orderedTrieRoot } from "@velarium/hash-kernel";
import { encodeTransaction, recoverSenders, type TxFields, type TxSignature } from "@velarium/tx-codec";
import { type BlockHeader, decodeHeader, encodeHeader, headerHash } from "../src/index.ts";

const ROOT = join(process.env["VELARIUM_FIXTURES"] ?? ".fixtures", "blocks/ethereum");
const present = existsSync(ROOT);
if (!present) console.log(`real blocks skipped: no ${ROOT} (set VELARIUM_FIXTURES)`);
const real = present ? describe : describe.skip;

type Json = Record<string, string>;
const bytesOf = (text: string): Uint8Array =>
  new Uint8Array(Buffer.from(text.slice(2).padStart(text.length - 2 + (text.length % 2), "0"), "hex"));
const hex = (bytes: Uint8Array): `0x${string}` => `0x${Buffer.from(bytes).toString("hex")}`;

function headerOf(json: Json): BlockHeader {
  const optional = <T>(name: string, convert: (text: string) => T): T | undefined =>
    json[name] === undefined ? undefined : convert(json[name]);
  return {
    parentHash: bytesOf(json["parentHash"]!),
    ommersHash: bytesOf(json["sha3Uncles"]!),
    beneficiary: bytesOf(json["miner"]!),
    stateRoot: bytesOf(json["stateRoot"]!),
    transactionsRoot: bytesOf(json["transactionsRoot"]!),
    receiptsRoot: bytesOf(json["receiptsRoot"]!),
    logsBloom: bytesOf(json["logsBloom"]!),
    difficulty: BigInt(json["difficulty"]!),
    number: Number(json["number"]),
    gasLimit: Number(json["gasLimit"]),
    gasUsed: Number(json["gasUsed"]),
    timestamp: Number(json["timestamp"]),
    extraData: bytesOf(json["extraData"]!),
    mixHash: bytesOf(json["mixHash"]!),
    nonce: bytesOf(json["nonce"]!),
    baseFeePerGas: optional("baseFeePerGas", BigInt),
    withdrawalsRoot: optional("withdrawalsRoot", bytesOf),
    blobGasUsed: optional("blobGasUsed", Number),
    excessBlobGas: optional("excessBlobGas", Number),
    parentBeaconBlockRoot: optional("parentBeaconBlockRoot", bytesOf),
    requestsHash: optional("requestsHash", bytesOf),
  };
}

function transactionOf(json: Json): [TxFields, TxSignature] {
  const type = Number(json["type"] ?? 0);
  const v = Number(json["v"]);
  const chainId = type > 0 ? Number(json["chainId"]) : v >= 35 ? Math.floor((v - 35) / 2) : null;
  const yParity = type > 0 ? v : v >= 35 ? (v - 35) % 2 : v - 27;
  const entries = (json["accessList"] ?? []) as unknown as { address: string; storageKeys: string[] }[];
  const fields: TxFields = {
    type,
    chainId,
    nonce: Number(json["nonce"]),
    gasLimit: Number(json["gas"]),
    gasPrice: BigInt(json["gasPrice"]!),
    maxFeePerGas: BigInt(json["maxFeePerGas"] ?? 0),
    maxPriorityFeePerGas: BigInt(json["maxPriorityFeePerGas"] ?? 0),
    to: json["to"] ? bytesOf(json["to"]) : null,
    value: BigInt(json["value"]!),
    data: bytesOf(json["input"]!),
    accessList: entries.map((e) => ({
      address: bytesOf(e.address),
      storageKeys: e.storageKeys.map(bytesOf),
    })),
    maxFeePerBlobGas: BigInt(json["maxFeePerBlobGas"] ?? 0),
    blobHashes: ((json["blobVersionedHashes"] ?? []) as string[]).map(bytesOf),
  };
  return [fields, { yParity, r: bytesOf(json["r"]!), s: bytesOf(json["s"]!) }];
}

real("real blocks", () => {
  const blocks = present ? readdirSync(ROOT).filter((name) => /^\d+$/.test(name)) : [];

  it("have their hashes, transactions roots and senders", () => {
    let transactions = 0;
    for (const name of blocks) {
      const json = JSON.parse(readFileSync(join(ROOT, name, "block.json"), "utf8"));
      const rlp = encodeHeader(headerOf(json));
      expect([name, hex(headerHash(rlp))]).toEqual([name, json.hash]);
      expect(hex(encodeHeader(decodeHeader(rlp)))).toBe(hex(rlp));
      const column = new BytesVector();
      for (const tx of json.transactions as Json[]) {
        const raw = encodeTransaction(...transactionOf(tx));
        expect(hex(keccak256(raw))).toBe(tx["hash"]);
        column.push(raw);
      }
      expect([name, hex(orderedTrieRoot(column.view()))]).toEqual([name, json.transactionsRoot]);
      const { senders, statuses } = recoverSenders(column.view(), { highS: Number(name) < 1_150_000 });
      (json.transactions as Json[]).forEach((tx, i) => {
        expect([statuses[i], hex(senders.subarray(20 * i, 20 * i + 20))]).toEqual([0, tx["from"]]);
      });
      transactions += json.transactions.length;
    }
    expect(transactions).toBeGreaterThan(5000);
  });
});

describe("headers against @ethereumjs/block", () => {
  it("encode and hash the same in every fork that added fields", () => {
    for (const hardfork of [
      Hardfork.Petersburg,
      Hardfork.London,
      Hardfork.Shanghai,
      Hardfork.Cancun,
      Hardfork.Prague,
      Hardfork.Osaka,
    ]) {
      const common = createCustomCommon({ name: "test", chainId: 9 }, Mainnet, { hardfork });
      const reference = createBlockHeader(
        {
          number: 70n,
          gasLimit: 30_000_000n,
          gasUsed: 21_000n,
          timestamp: 1_800_000_000n,
          extraData: "0x0102",
        },
        { common, freeze: false },
      );
      const rlp = reference.serialize();
      const header = decodeHeader(rlp);
      expect(header.number).toBe(70);
      expect(hex(encodeHeader(header))).toBe(hex(rlp));
      expect(hex(headerHash(encodeHeader(header)))).toBe(hex(reference.hash()));
    }
  });
});
