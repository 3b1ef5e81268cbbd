/**
 * The newest blocks, as announced: by number, by hash, and by transaction hash. Bounded by blocks and by bytes; the
 * oldest go first. Transactions are found through one open-addressing table over their hashes, so that a block of
 * 60,000 costs no object per transaction.
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

export class BlockIndex {
  private readonly limits: BlockIndexLimits;
  private readonly blocks = new Map<number, { readonly block: RpcBlock; readonly bytes: number }>();
  private readonly byHash = new Map<Hex, number>();
  private readonly transactions = new TransactionTable();
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
    this.blocks.set(record.number, { block, bytes: recordBytes });
    this.byHash.set(block.hash, record.number);
    this.bytes += recordBytes;
    this.newest = block;
    this.transactions.addAll(record.hashes, block.transactions, record.number);
    while (this.blocks.size > this.limits.maxBlocks || (this.bytes > this.limits.maxBytes && this.blocks.size > 1)) {
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

  findTransaction(hash: Uint8Array): Location | undefined {
    return this.transactions.find(hash, (number, index) => {
      const block = this.byNumber(number);
      if (!block || index >= block.transactions) return undefined;
      const hashes = block.record.hashes;
      for (let i = 0; i < 32; i++) if (hashes[index * 32 + i] !== hash[i]) return undefined;
      return { block, index };
    });
  }

  private remove(number: number): void {
    const entry = this.blocks.get(number);
    if (!entry) return;
    this.blocks.delete(number);
    this.byHash.delete(entry.block.hash);
    this.bytes -= entry.bytes;
    this.transactions.removeAll(entry.block.record.hashes, entry.block.transactions, number);
  }
}

const EMPTY = 0xffffffff;
const GONE = 0xfffffffe;
const INITIAL_PLACES = 1 << 16;

/** Hash prefix (32 bits, hashes are uniform) → (block number, index); candidates are checked against the block. */
class TransactionTable {
  private prefixes = new Uint32Array(INITIAL_PLACES);
  private indexes = new Uint32Array(INITIAL_PLACES).fill(EMPTY);
  private numbers = new Float64Array(INITIAL_PLACES);
  private used = 0;
  private live = 0;

  addAll(hashes: Uint8Array, count: number, number: number): void {
    while ((this.used + count) * 2 > this.indexes.length) this.rebuild();
    for (let i = 0; i < count; i++) this.insert(prefixOf(hashes, i * 32), number, i);
  }

  removeAll(hashes: Uint8Array, count: number, number: number): void {
    const mask = this.indexes.length - 1;
    for (let i = 0; i < count; i++) {
      let place = prefixOf(hashes, i * 32) & mask;
      for (; this.indexes[place] !== EMPTY; place = (place + 1) & mask) {
        if (this.indexes[place] === i && this.numbers[place] === number) {
          this.indexes[place] = GONE;
          this.live--;
          break;
        }
      }
    }
  }

  find<T>(hash: Uint8Array, check: (number: number, index: number) => T | undefined): T | undefined {
    const prefix = prefixOf(hash, 0);
    const mask = this.indexes.length - 1;
    for (let place = prefix & mask; this.indexes[place] !== EMPTY; place = (place + 1) & mask) {
      if (this.indexes[place] === GONE || this.prefixes[place] !== prefix) continue;
      const found = check(this.numbers[place]!, this.indexes[place]!);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private insert(prefix: number, number: number, index: number): void {
    const mask = this.indexes.length - 1;
    let place = prefix & mask;
    while (this.indexes[place] !== EMPTY && this.indexes[place] !== GONE) place = (place + 1) & mask;
    if (this.indexes[place] === EMPTY) this.used++;
    this.live++;
    this.prefixes[place] = prefix;
    this.indexes[place] = index;
    this.numbers[place] = number;
  }

  /** Without the removed ones, larger when the rest would fill more than a quarter. */
  private rebuild(): void {
    const { prefixes, indexes, numbers } = this;
    const places = this.live * 4 > indexes.length ? indexes.length * 2 : indexes.length;
    const full = this.used;
    this.prefixes = new Uint32Array(places);
    this.indexes = new Uint32Array(places).fill(EMPTY);
    this.numbers = new Float64Array(places);
    this.used = 0;
    this.live = 0;
    for (let i = 0; i < indexes.length; i++) if (indexes[i]! < GONE) this.insert(prefixes[i]!, numbers[i]!, indexes[i]!);
    if (places === indexes.length && this.used === full) this.grow();
  }

  private grow(): void {
    const { prefixes, indexes, numbers } = this;
    this.prefixes = new Uint32Array(indexes.length * 2);
    this.indexes = new Uint32Array(indexes.length * 2).fill(EMPTY);
    this.numbers = new Float64Array(indexes.length * 2);
    this.used = 0;
    this.live = 0;
    for (let i = 0; i < indexes.length; i++) if (indexes[i]! < GONE) this.insert(prefixes[i]!, numbers[i]!, indexes[i]!);
  }
}

function prefixOf(hashes: Uint8Array, at: number): number {
  return (hashes[at]! | (hashes[at + 1]! << 8) | (hashes[at + 2]! << 16) | (hashes[at + 3]! << 24)) >>> 0;
}
