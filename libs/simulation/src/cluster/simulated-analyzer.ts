/** The stream of transactions of a simulated cluster, and its analyzer. */
import { BatchAnalyzer } from "@velarium/analyzer-core";
import { BytesVector, decode, encode } from "@velarium/columns";
import { keccak256 } from "@velarium/hash-kernel";
import { Analyzed, TxBatch } from "@velarium/wire";
import { engine, rules, slotIds } from "./chain.ts";
import { BENEFICIARY } from "./scenario.ts";
import { committedWords } from "./whole-shard.ts";
import type { World } from "./world.ts";

export class SimulatedAnalyzer {
  private readonly world: World;
  private readonly core: BatchAnalyzer;
  private readonly tx: Uint8Array[] = [];
  private analyzedThrough = 0;

  constructor(world: World, gasLimit: number) {
    this.world = world;
    this.core = this.create(gasLimit);
    if (world.input.frames === undefined) this.fill();
  }

  private create(gasLimit: number): BatchAnalyzer {
    const { world } = this;
    const nameOf = (sender: Uint8Array, nonce: bigint | number): string =>
      `${Buffer.from(sender).toString("hex")} ${nonce}`;
    const underdeclared = new Set(
      world.input.transactions.filter((t) => t.isUnderdeclared).map((t) => nameOf(t.sender, t.nonce)),
    );
    return new BatchAnalyzer({
      slotIds,
      rules,
      engine,
      beneficiary: BENEFICIARY,
      gasLimit,
      now: () => world.nowMs,
      source: {
        height: 0,
        read: async (keys, count) => committedWords(world.shards, keys, count),
        code: async (prefix) => world.shards.map((s) => s.codeByPrefix(prefix)).find((c) => c !== undefined),
      },
      profiles: {
        name: "profile",
        contribute: ({ transaction }) =>
          underdeclared.has(nameOf(transaction.sender, transaction.nonce)) ? "complete" : "none",
      },
    });
  }

  private fill(): void {
    const { random, input } = this.world;
    const { transactions } = input;
    for (let at = 0; at < transactions.length; ) {
      const rows = transactions.slice(at, (at += 1 + random.below(8)));
      const raw = new BytesVector();
      for (const each of rows) raw.push(each.raw);
      this.tx.push(
        encode(TxBatch, {
          batch: 0,
          receivedMs: 0,
          verified: new Uint8Array(rows.length).fill(1),
          raw: raw.view(),
          senders: new Uint8Array(Buffer.concat(rows.map((each) => each.sender))),
          hashes: new Uint8Array(Buffer.concat(rows.map((each) => keccak256(each.raw)))),
        }),
      );
    }
  }

  /** A framer has begun that wants what is behind a message of the stream. */
  goOnBehind(streamSeq: number): void {
    this.analyzedThrough = streamSeq;
  }

  get hasNext(): boolean {
    return this.analyzedThrough < Math.min(this.tx.length, this.world.framer.core.throughStreamSeq);
  }

  /** Analyses the next message on the state as it is now; the result is on its way for a while. */
  async analyzeNext(): Promise<void> {
    const streamSeq = ++this.analyzedThrough;
    const framer = this.world.framer.incumbent();
    const packed = await this.core.analyzeBatch(decode(TxBatch, this.tx[streamSeq - 1]!), 1, streamSeq);
    const analyzed = decode(Analyzed, packed);
    // Two analyzers with classes of their own, so that messages come out of order.
    this.world.network.post(`analyzer${streamSeq % 2}>framer`, () =>
      framer((core) => core.analyzed(analyzed)),
    );
  }
}
