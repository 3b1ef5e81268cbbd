/** Blocks that are closed but not committed, with what is expected of them and what is here. */
import { ShardError } from "./error.ts";

export interface ClosingBlock {
  readonly number: number;
  readonly firstSeq: number;
  readonly closeSeq: number;
  readonly expectedVersions: Uint32Array;
  readonly expectedDeltas: Uint32Array;
  readonly versions: Uint32Array;
  readonly deltas: Uint32Array;
  /** Over all partitions here: expected minus counted. */
  missing: number;
}

export class ClosingBlocks {
  readonly blocks: ClosingBlock[] = [];
  private readonly owned: readonly number[];
  private lastSeq = -1;

  constructor(owned: readonly number[]) {
    this.owned = owned;
  }

  /** Must be given in block order. */
  add(
    number: number,
    firstSeq: number,
    closeSeq: number,
    versions: Uint32Array,
    deltas: Uint32Array,
  ): ClosingBlock {
    let missing = 0;
    for (const p of this.owned) missing += (versions[p] ?? 0) + (deltas[p] ?? 0);
    const block: ClosingBlock = {
      number,
      firstSeq,
      closeSeq,
      expectedVersions: versions.slice(),
      expectedDeltas: deltas.slice(),
      versions: new Uint32Array(256),
      deltas: new Uint32Array(256),
      missing,
    };
    this.blocks.push(block);
    this.lastSeq = closeSeq;
    return block;
  }

  private blockOf(seq: number): ClosingBlock | undefined {
    if (seq > this.lastSeq) return undefined;
    for (const block of this.blocks) if (seq >= block.firstSeq && seq <= block.closeSeq) return block;
    return undefined;
  }

  countVersion(seq: number, partition: number): void {
    const block = this.blockOf(seq);
    if (!block) return;
    block.versions[partition]!++;
    block.missing--;
  }

  countDeltas(genSeq: number, partition: number, count: number): void {
    const block = this.blockOf(genSeq);
    if (!block) return;
    block.deltas[partition] = block.deltas[partition]! + count;
    block.missing -= count;
  }

  /** The oldest closed block when everything of it is here. Throws ShardError `sum` when more is here than was announced. */
  complete(): ClosingBlock | undefined {
    const block = this.blocks[0];
    if (!block || block.missing > 0) return undefined;
    for (const p of this.owned) {
      const versions = block.expectedVersions[p] ?? 0;
      const deltas = block.expectedDeltas[p] ?? 0;
      if (block.versions[p] !== versions || block.deltas[p] !== deltas)
        throw new ShardError(
          "sum",
          `block ${block.number}, partition ${p}: ${block.versions[p]} versions and ${block.deltas[p]} contributions are here, the scheduler announced ${versions} and ${deltas}`,
        );
    }
    return block;
  }

  removeOldest(): void {
    this.blocks.shift();
  }

  clear(): void {
    this.blocks.length = 0;
    this.lastSeq = -1;
  }
}
