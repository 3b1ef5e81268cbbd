/**
 * The newest blocks, as announced: by number, by hash, and by transaction hash. Bounded by blocks and by bytes; the
 * oldest go first. A block's transactions are found through an open-addressing table over its hashes, made when the first
 * look-up comes to that block: a block of 60,000 costs nothing until somebody asks, and then some milliseconds, once.
 */
import { type BlockRecord, type Hex, RpcBlock } from "@velarium/blocks";

export interface BlockIndexLimits {
  readonly maxBlocks: number;
  readonly maxBytes: number;
}

export interface Location {
  readonly block: RpcBlock;
  readonly index: number;
}

interface Entry {
  readonly block: RpcBlock;
  readonly bytes: number;
  table: HashTable | undefined;
}

export class BlockIndex {
  private readonly limits: BlockIndexLimits;
  private readonly blocks = new Map<number, Entry>();
  private readonly byHash = new Map<Hex, number>();
  private bytes = 0;
  private oldestNumber = 0;
  private newest: RpcBlock | undefined;

  constructor(limits: BlockIndexLimits) {
    this.limits = limits;
  }

  get latest(): RpcBlock | undefined {
    return this.newest;
  }

  get oldest(): number {
    return this.oldestNumber;
  }

  get size(): number {
    return this.blocks.size;
  }

  /** Takes an announced block. A number that is there already, and all above it, are replaced (a new epoch). */
  add(record: BlockRecord, recordBytes: number): RpcBlock {
    for (let n = record.number; this.blocks.has(n); n++) this.remove(n);
    const block = new RpcBlock(record);
    if (this.blocks.size === 0) this.oldestNumber = record.number;
    this.blocks.set(record.number, { block, bytes: recordBytes, table: undefined });
    this.byHash.set(block.hash, record.number);
    this.bytes += recordBytes;
    this.newest = block;
    while (
      this.blocks.size > this.limits.maxBlocks ||
      (this.bytes > this.limits.maxBytes && this.blocks.size > 1)
    ) {
      this.remove(this.oldestNumber++);
    }
    return block;
  }

  byNumber(number: number): RpcBlock | undefined {
    return this.blocks.get(number)?.block;
  }

  byBlockHash(hash: Hex): RpcBlock | undefined {
    const number = this.byHash.get(hash);
    return number === undefined ? undefined : this.byNumber(number);
  }

  /** Newest block first: what is looked up is mostly what was sent last. */
  findTransaction(hash: Uint8Array): Location | undefined {
    for (let number = this.newest?.header.number ?? -1; number >= this.oldestNumber; number--) {
      const entry = this.blocks.get(number);
      if (entry === undefined) continue;
      entry.table ??= new HashTable(entry.block.record.hashes, entry.block.transactions);
      const index = entry.table.find(hash);
      if (index >= 0) return { block: entry.block, index };
    }
    return undefined;
  }

  private remove(number: number): void {
    const entry = this.blocks.get(number);
    if (!entry) return;
    this.blocks.delete(number);
    this.byHash.delete(entry.block.hash);
    this.bytes -= entry.bytes;
  }
}

/** Places of the hashes of one block: 8 to 16 bytes a transaction. */
class HashTable {
  private readonly hashes: Uint8Array;
  /** Index + 1 of a hash; 0 is free. Hashes are uniform, so their first bits say where to begin. */
  private readonly places: Uint32Array;

  constructor(hashes: Uint8Array, count: number) {
    this.hashes = hashes;
    let size = 4;
    while (size < count * 2) size *= 2;
    this.places = new Uint32Array(size);
    for (let i = 0; i < count; i++) {
      let place = prefixOf(hashes, i * 32) & (size - 1);
      while (this.places[place] !== 0) place = (place + 1) & (size - 1);
      this.places[place] = i + 1;
    }
  }

  /** Index of the hash in the block, or -1. */
  find(hash: Uint8Array): number {
    const { places, hashes } = this;
    const mask = places.length - 1;
    for (let place = prefixOf(hash, 0) & mask; places[place] !== 0; place = (place + 1) & mask) {
      const index = places[place]! - 1;
      let same = 0;
      while (same < 32 && hashes[index * 32 + same] === hash[same]) same++;
      if (same === 32) return index;
    }
    return -1;
  }
}

function prefixOf(hashes: Uint8Array, at: number): number {
  return (hashes[at]! | (hashes[at + 1]! << 8) | (hashes[at + 2]! << 16) | (hashes[at + 3]! << 24)) >>> 0;
}
