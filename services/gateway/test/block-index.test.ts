import { createHash } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import {
  type BlockRecord,
  decodeBlockRecord,
  encodeBlockRecord,
  encodeHeader,
  genesisBlockHeader,
} from "@velarium/blocks";
import { createEthereumRules } from "@velarium/chain-rules";
import { createDevGenesis } from "@velarium/genesis";
import { BlockIndex } from "../src/block-index.ts";

const genesis = createDevGenesis();
const rules = createEthereumRules(genesis.config).rulesAt(1, 1);

const hashOf = (name: string): Uint8Array => new Uint8Array(createHash("sha256").update(name).digest());

function blockOf(number: number, hashes: readonly Uint8Array[]): BlockRecord {
  const n = hashes.length;
  const none = new Uint8Array(0);
  const header = encodeHeader(
    genesisBlockHeader({ ...genesis.header, number }, rules.header, hashOf(`root ${number} ${n}`)),
  );
  const record = encodeBlockRecord({
    number,
    firstSeq: 0,
    lastSeq: n,
    watermark: 0,
    frames: 1,
    returned: 0,
    sealed: 1,
    header,
    raw: { ends: Uint32Array.from(hashes, (_, i) => i + 1), blob: new Uint8Array(n) },
    senders: new Uint8Array(n * 20),
    hashes: Buffer.concat(hashes),
    verified: new Uint8Array(n),
    arrivals: new Float64Array(n),
    statuses: new Uint8Array(n),
    gasUsed: new Float64Array(n),
    logs: { ends: new Uint32Array(n), blob: none },
    rejectedArrivals: new Float64Array(0),
    rejectedHashes: none,
    rejectedSenders: none,
    rejectedReasons: none,
  });
  return decodeBlockRecord(record);
}

const names = (block: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${block}/${i}`);
const limits = { maxBlocks: 3, maxBytes: 1 << 30 };

describe("BlockIndex", () => {
  it("finds every transaction of the blocks it keeps, and none of those it has dropped", () => {
    const index = new BlockIndex(limits);
    const counts = [700, 0, 1, 300, 5];
    counts.forEach((count, i) => {
      index.add(blockOf(i + 1, names(i + 1, count).map(hashOf)), 1000);
    });
    expect([index.oldest, index.size, index.latest?.header.number]).toEqual([3, 3, 5]);
    counts.forEach((count, i) => {
      names(i + 1, count).forEach((name, row) => {
        const found = index.findTransaction(hashOf(name));
        expect(found && [found.block.header.number, found.index]).toEqual(
          i + 1 < 3 ? undefined : [i + 1, row],
        );
      });
    });
    expect(index.findTransaction(hashOf("never sent"))).toBeUndefined();
  });

  it("tells hashes with the same beginning apart", () => {
    const index = new BlockIndex(limits);
    const hashes = Array.from({ length: 40 }, (_, i) => {
      const hash = hashOf("the same");
      hash[31] = i;
      return hash;
    });
    index.add(blockOf(1, hashes.slice(0, 39)), 1000);
    for (let i = 0; i < 39; i++) expect(index.findTransaction(hashes[i]!)?.index).toBe(i);
    expect(index.findTransaction(hashes[39]!)).toBeUndefined();
  });

  it("answers from the block that replaced another one", () => {
    const index = new BlockIndex(limits);
    index.add(blockOf(1, [hashOf("a"), hashOf("b")]), 1000);
    index.add(blockOf(2, [hashOf("c")]), 1000);
    expect(index.findTransaction(hashOf("c"))?.block.header.number).toBe(2);
    index.add(blockOf(1, [hashOf("b")]), 1000);
    expect(index.findTransaction(hashOf("b"))?.index).toBe(0);
    expect(index.findTransaction(hashOf("a"))).toBeUndefined();
    expect(index.findTransaction(hashOf("c"))).toBeUndefined();
  });
});
