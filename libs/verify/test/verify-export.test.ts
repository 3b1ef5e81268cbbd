import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  BlockAssembler,
  BlockExportWriter,
  type BlockRecord,
  EMPTY_ROOT,
  encodeBlockRecord,
  headerHash,
  sealHeader,
} from "@velarium/blocks";
import { type ChainRules, createEthereumRules } from "@velarium/chain-rules";
import { BytesVector } from "@velarium/columns";
import { createReferenceEngine, type ExecutionResult, MemoryState, toExecutable } from "@velarium/engine";
import { createDevGenesis, type Genesis, genesisCodes, genesisSlots, writeGenesis } from "@velarium/genesis";
import { keccak256 } from "@velarium/hash-kernel";
import { blockHashKey, SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";
import { StateStore } from "@velarium/state-tree";
import {
  curve,
  decodeTransaction,
  encodeTransaction,
  placeholderSignature,
  signTransaction,
  type TxFields,
} from "@velarium/tx-codec";
import { verifyExport } from "../src/index.ts";

const KEY = new Uint8Array(32).fill(7);
const SIGNER = keccak256(curve.publicKey(KEY).slice(1)).slice(12);
const UNSIGNED = new Uint8Array(20).fill(0x21);
const PLAIN = new Uint8Array(20).fill(0x22);
const COUNTER = new Uint8Array(20).fill(0x23);
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

const genesis: Genesis = createDevGenesis({
  timestamp: 1_000,
  accounts: [
    { address: SIGNER, balance: 10n ** 20n, nonce: 0n, storage: [] },
    { address: UNSIGNED, balance: 10n ** 20n, nonce: 0n, storage: [] },
    // slot 0 counts up; LOG1 of the old value; BLOCKHASH of the parent into slot 1.
    {
      address: COUNTER,
      balance: 0n,
      nonce: 1n,
      code: hex("6000548060005260aa60206000a16001016000556001430340600155"),
      storage: [],
    },
  ],
});

/** Builds a chain with the engine, the tree and the assembler, as the cluster does. */
class Chain {
  readonly rules: ChainRules = createEthereumRules(genesis.config);
  readonly state = new MemoryState();
  readonly store: StateStore;
  readonly engine = createReferenceEngine();
  readonly assembler = new BlockAssembler();
  parentHash = new Uint8Array(32).fill(9);
  number = 0;
  time = 1_000;
  fee = genesis.header.baseFee!;

  constructor() {
    this.store = StateStore.open({ dir: null, chain: { chainId: genesis.config.chainId, genesisHash: "x" } });
    for (const { count, keys, words } of genesisSlots(genesis)) {
      this.store.addGenesis(keys.slice(), words.slice(), count);
      for (let i = 0; i < count; i++)
        this.state.set(
          keys.slice(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES),
          words.slice(i * WORD_BYTES, (i + 1) * WORD_BYTES),
        );
    }
    for (const { bytes } of genesisCodes(genesis)) this.state.addCode(bytes);
    this.store.commitGenesis({ sync: false });
  }

  async block(raws: readonly Uint8Array[], senders: readonly Uint8Array[]): Promise<BlockRecord> {
    this.number++;
    this.time += 2;
    const rules = this.rules.rulesAt(this.number, this.time);
    const context = {
      rules,
      number: this.number,
      timestamp: this.time,
      beneficiary: new Uint8Array(20).fill(0x44),
      gasLimit: genesis.header.gasLimit,
      baseFee: this.fee,
      prevRandao: new Uint8Array(32).fill(3),
      difficulty: 0n,
      blobBaseFee: 1n,
    };
    const before = new Map(this.state.words);
    this.state.set(blockHashKey(this.number - 1), this.parentHash);
    const run = async (result: Promise<ExecutionResult> | ExecutionResult) => {
      const done = await result;
      expect([done.outcome, done.reason]).toEqual(["included", undefined]);
      this.state.apply(done);
      return done;
    };
    const opening = { number: this.number, parentHash: this.parentHash };
    for (const call of this.rules.systemCallsAtOpen(rules, opening))
      await run(this.engine.systemCall(context, call, this.state));
    const results: ExecutionResult[] = [];
    for (const [i, raw] of raws.entries())
      results.push(
        await run(
          this.engine.execute(context, toExecutable(decodeTransaction(raw), senders[i]!), this.state),
        ),
      );
    for (const call of this.rules.systemCallsAtClose(rules))
      await run(this.engine.systemCall(context, call, this.state));

    const raw = new BytesVector();
    const logs = new BytesVector();
    for (const each of raws) raw.push(each);
    for (const result of results) logs.push(result.logs.length === 1 ? new Uint8Array(0) : result.logs);
    const statuses = Uint8Array.from(results, ({ status }) => status);
    const gasUsed = Float64Array.from(results, (result) => result.gasUsed);
    const block = this.assembler.assemble(
      {
        ...context,
        parentHash: this.parentHash,
        baseFeePerGas: this.fee,
        withdrawalsRoot: EMPTY_ROOT,
        blobGasUsed: 0,
        excessBlobGas: 0,
        parentBeaconBlockRoot: new Uint8Array(32),
        requestsHash: hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      },
      raw.view(),
      { statuses, gasUsed, logs: logs.view() },
    );
    const header = sealHeader(block.headerRlp, this.commit(before));
    const facts = {
      number: this.number,
      time: this.time,
      baseFee: this.fee,
      gasUsed: block.gasUsed,
      gasLimit: context.gasLimit,
    };
    this.fee = this.rules.nextBaseFee(facts, rules)!;
    this.parentHash = headerHash(header) as typeof this.parentHash;
    return {
      number: this.number,
      firstSeq: 0,
      lastSeq: 0,
      watermark: 0,
      frames: 1,
      returned: 0,
      sealed: 1,
      header,
      raw: raw.view(),
      senders: Uint8Array.from(senders.flatMap((sender) => [...sender])),
      hashes: Uint8Array.from(raws.flatMap((each) => [...keccak256(each)])),
      verified: Uint8Array.from(senders, (sender) => (sender === UNSIGNED ? 1 : 0)),
      arrivals: new Float64Array(raws.length),
      statuses,
      gasUsed,
      logs: logs.view(),
      rejectedArrivals: new Float64Array(0),
      rejectedHashes: new Uint8Array(0),
      rejectedSenders: new Uint8Array(0),
      rejectedReasons: new Uint8Array(0),
    } as BlockRecord;
  }

  /** Gives the tree the slots that the block changed. */
  private commit(before: ReadonlyMap<string, Uint8Array>): Uint8Array {
    const changed = [...this.state.words].filter(
      ([name, word]) =>
        name.charCodeAt(0) !== 4 && Buffer.compare(word, before.get(name) ?? new Uint8Array(32)) !== 0,
    );
    const keys = Uint8Array.from(changed.flatMap(([name]) => [...Buffer.from(name, "latin1")]));
    const values = Uint8Array.from(changed.flatMap(([, word]) => [...word]));
    this.store.commit({ height: this.number, keys, values, count: changed.length, sync: false });
    return this.store.stateRoot();
  }
}

const flip = (bytes: Uint8Array, at: number): void => {
  bytes[at] = bytes[at]! ^ 1;
};

describe("verification of an export", () => {
  const folder = mkdtempSync(join(tmpdir(), "verify-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const records: BlockRecord[] = [];

  beforeAll(async () => {
    writeGenesis(join(folder, "genesis.json"), genesis);
    const chain = new Chain();
    const nonces = [0, 0];
    const make = (fields: Partial<TxFields>, signed: boolean): [Uint8Array, Uint8Array] => {
      const tx: TxFields = {
        type: 2,
        chainId: genesis.config.chainId,
        nonce: nonces[signed ? 0 : 1]!++,
        gasLimit: 200_000,
        maxFeePerGas: 10n ** 10n,
        maxPriorityFeePerGas: 10n ** 9n,
        gasPrice: 10n ** 10n,
        ...fields,
      };
      return signed
        ? [signTransaction(tx, KEY), SIGNER]
        : [encodeTransaction(tx, placeholderSignature(UNSIGNED)), UNSIGNED];
    };
    for (let b = 0; b < 3; b++) {
      const made = [
        make({ to: PLAIN, value: 5n + BigInt(b), gasLimit: 21_000 }, true),
        make({ to: COUNTER }, false),
        make({ to: COUNTER, type: 0 }, true),
        // Creates a contract with one byte of code; the last one fails.
        make({ to: null, data: hex(b === 2 ? "fe" : "600160005360016000f3") }, true),
        make(
          {
            to: PLAIN,
            value: 1n,
            type: 1,
            accessList: [{ address: PLAIN, storageKeys: [new Uint8Array(32)] }],
          },
          false,
        ),
      ];
      records.push(
        await chain.block(
          made.map(([raw]) => raw),
          made.map(([, sender]) => sender),
        ),
      );
    }
  });

  async function verify(name: string, change: (records: BlockRecord[]) => void = () => {}) {
    const copies = structuredClone(records);
    change(copies);
    const directory = join(folder, name);
    const writer = new BlockExportWriter(
      directory,
      { file: join(folder, "genesis.json") },
      { chainId: genesis.config.chainId },
    );
    for (const record of copies) writer.write(record.number, encodeBlockRecord(record));
    return verifyExport(directory);
  }
  const found = async (name: string, change: (records: BlockRecord[]) => void) =>
    (await verify(name, change)).mismatches.map(({ block, transaction, what }) => [block, transaction, what]);

  it("finds a right chain right", async () => {
    const report = await verify("right");
    expect(report.mismatches).toEqual([]);
    expect([report.ok, report.blocks, report.transactions, report.recordedSenders]).toEqual([true, 3, 15, 6]);
  });

  it("finds a wrong status, wrong gas and wrong logs", async () => {
    expect(await found("status", ([first]) => (first!.statuses[1] = 0))).toEqual([[1, 1, "status"]]);
    expect(await found("gas", ([, second]) => (second!.gasUsed[0] = 21_001))).toEqual([[2, 0, "gasUsed"]]);
    expect(await found("logs", ([first]) => flip(first!.logs.blob, 10))).toEqual([[1, 1, "logs"]]);
  });

  it("finds a wrong state root, and the broken chain of hashes behind it", async () => {
    const what = await found("root", ([first]) => {
      first!.header.set(sealHeader(first!.header, new Uint8Array(32).fill(5)));
    });
    expect(what).toContainEqual([1, undefined, "stateRoot"]);
    expect(what).toContainEqual([2, undefined, "parentHash"]);
  });

  it("finds a sender that has not signed", async () => {
    const what = await found("sender", ([first]) => first!.senders.set(UNSIGNED, 0));
    expect(what).toContainEqual([1, 0, "sender"]);
  });

  it("finds a transaction that was left out or altered", async () => {
    const what = await found("altered", ([, , third]) => flip(third!.raw.blob, 40));
    expect(what.map(([block]) => block)).toContain(3);
    expect(what).toContainEqual([3, undefined, "transactionsRoot"]);
    const gap = await verify("gap", (all) => all.splice(1, 1));
    expect(gap.mismatches.map(({ what }) => what)).toEqual(["next block"]);
  });
});
