/** The framer of a simulated cluster: one life after the other, and the frames stream that outlives them. */
import { type BlockRecord, decodeBlockRecord, splitRecord } from "@velarium/blocks";
import { decode, encode, schemaIdOf } from "@velarium/columns";
import { Framer, FramerError, type FramerOptions } from "@velarium/framer-core";
import { BlockChunk, Frame, Stripe, TermMarker } from "@velarium/wire";
import { rules, slotIds } from "./chain.ts";
import { blockHashOf, durableRecord, framerStartAt } from "./durable-record.ts";
import { BENEFICIARY, GENESIS } from "./scenario.ts";
import { committedWords, PARTITIONS } from "./whole-shard.ts";
import type { World } from "./world.ts";

export class SimulatedFramer {
  core!: Framer;
  readonly frames: Uint8Array[];
  /** Hashes of blocks that were announced, by number. */
  readonly announcedHashes = new Map<number, string>();
  /** Arrivals that have their outcome. */
  readonly resolved = new Set<number>();
  private readonly world: World;
  private readonly options: FramerOptions;
  private life = 0;
  private lastTerm = 0;
  private resolvedThrough = 0;

  constructor(world: World, options: FramerOptions) {
    this.world = world;
    this.options = options;
    this.frames = world.input.frames?.slice() ?? [];
    this.start();
  }

  tick(): void {
    this.guard(() => this.core.tick(this.world.nowMs));
  }

  /** The framer as it lives now. What is done with it later is left out when another has taken over. */
  incumbent(): (action: (core: Framer) => void) => void {
    const { life } = this;
    return (action) => {
      if (life === this.life) this.guard(() => action(this.core));
    };
  }

  private start(): void {
    const { world } = this;
    const height = Math.min(...world.shards.map((shard) => shard.durableHeight));
    const start = framerStartAt(world.shards, height, GENESIS, rules);
    this.life++;
    const term = ++this.lastTerm;
    const earlier = this.frames.slice();
    this.frames.push(encode(TermMarker, { term }));
    this.core = new Framer(
      {
        options: this.options,
        chain: rules,
        ids: slotIds,
        partitions: PARTITIONS,
        beneficiary: BENEFICIARY,
      },
      { ...start, term },
      this.effects(),
    );
    world.analyzer.goOnBehind(this.core.nextStreamSeq - 1);
    // Blocks that became durable when nobody was left to announce them.
    for (let n = this.resolvedThrough + 1; n <= height; n++) {
      const record = durableRecord(world.shards, n);
      this.remember(n, blockHashOf(record), record);
    }
    this.core.tick(world.nowMs);
    for (const bytes of earlier) {
      const id = schemaIdOf(bytes);
      if (id === TermMarker.id) this.core.replayTermMarker(decode(TermMarker, bytes).term);
      else if (id === Frame.id) this.core.replayFrame(decode(Frame, bytes));
      else this.core.replay(id, bytes);
    }
    this.core.finishReplay();
  }

  private effects(): ConstructorParameters<typeof Framer>[2] {
    const { network, random, shards } = this.world;
    const { life } = this;
    const framer = this.incumbent();
    return {
      appendFrames: (bytes) => {
        const copy = bytes.slice();
        // What is on its way when a framer dies may be stored behind the marker of the next one.
        network.post(`framer${life}>frames`, () => void this.frames.push(copy));
      },
      commit: (epoch, number, record) => {
        for (const [s, stripe] of splitRecord(record, shards.length, number).entries())
          network.send(`framer${life}>shard${s}`, encode(Stripe, { epoch, number, stripe }), (b) =>
            shards[s]!.fromFramer(b),
          );
      },
      readRoots: (number) => {
        for (const [s, shard] of shards.entries())
          network.post(`framer${life}>records${s}`, () => {
            const { roots } = shard.recordAt(number);
            framer((core) => core.rootsRead(number, Uint8Array.from(shard.owned), roots));
          });
      },
      announce: (number, chunks, hash) => {
        const parts = chunks.map((chunk) => decode(BlockChunk, chunk).bytes);
        this.remember(
          number,
          Buffer.from(hash).toString("hex"),
          decodeBlockRecord(new Uint8Array(Buffer.concat(parts))),
        );
      },
      toScheduler: (bytes) =>
        network.send("framer>scheduler", bytes, (b) => {
          if (life === this.life) this.world.scheduler.core.onFramer(b);
        }),
      readNonces: (accounts, keys) =>
        network.post(`framer${life}>nonces`, () =>
          framer((core) => {
            const fails = random.below(20) === 0;
            core.noncesRead(accounts, fails ? undefined : committedWords(shards, keys, accounts.length));
          }),
        ),
    };
  }

  /** A block that is announced, or was durable when its framer died. A transaction has one outcome, a number one block. */
  private remember(number: number, hash: string, record: BlockRecord): void {
    const before = this.announcedHashes.get(number);
    if (before !== undefined && before !== hash)
      throw new Error(`block ${number} was announced as ${before}, now it is ${hash}`);
    this.announcedHashes.set(number, hash);
    if (number <= this.resolvedThrough) return;
    this.resolvedThrough = number;
    for (const arrival of [...record.arrivals, ...record.rejectedArrivals]) {
      if (this.world.input.frames === undefined && this.resolved.has(arrival))
        throw new Error(`arrival ${arrival} has a second outcome in block ${number}`);
      this.resolved.add(arrival);
    }
  }

  /** A framer that cannot go on with what the shards have starts over; anything else it says is a failure. */
  private guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof FramerError) || !error.message.includes("start over")) throw error;
      this.restart();
    }
  }

  restart(): void {
    const { shards, network, scheduler, executors } = this.world;
    for (let s = 0; s < shards.length; s++) network.cut(`framer${this.life}>shard${s}`);
    // What the dead framer appended last may be lost, but only what nobody has seen.
    network.cut(`framer${this.life}>frames`);
    this.start();
    scheduler.core.framerLeft();
    // Its stream for receipts is gone as well.
    executors.loseAll();
  }
}
