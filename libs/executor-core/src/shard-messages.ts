/** What goes to one shard, under construction: reads of a dispatch, and what is to be published. */
import { BytesVector, encode, F64Vector, FixedVector, U32Vector } from "@velarium/columns";
import { copyWords, KEY_WORDS, SLOT_KEY_BYTES, VALUE_WORDS, WORD_BYTES } from "@velarium/slots";
import { CodeReads, Publish, SlotReads } from "@velarium/wire";
import { AMOUNT, type DeltaTable, KEY } from "./delta-table.ts";
import type { SlotCache } from "./slot-cache.ts";

/** Rows of a fresh message; it doubles when that is not enough. */
const INITIAL_ROWS = 1024;

function wider<A extends Uint8Array | Uint32Array | Float64Array>(from: A): A {
  const out = new (from.constructor as new (items: number) => A)(from.length * 2);
  out.set(from as never);
  return out;
}

/** Rows of columns that grow together: one look at the room per row, then plain stores. */
export class ReadColumns {
  readonly genSeqs = new F64Vector();
  readonly genCounts = new U32Vector();
  readonly genLasts = new F64Vector();
  private count = 0;
  private tokens = new Uint32Array(INITIAL_ROWS);
  private hi = new Uint32Array(INITIAL_ROWS);
  private lo = new Uint32Array(INITIAL_ROWS);
  private modes = new Uint8Array(INITIAL_ROWS);
  private versions = new Float64Array(INITIAL_ROWS);
  private keys = new Uint32Array(INITIAL_ROWS * KEY_WORDS);

  /** `keyAt` counts in words. */
  push(
    token: number,
    hi: number,
    lo: number,
    mode: number,
    version: number,
    keys: Uint32Array,
    keyAt: number,
  ): void {
    const row = this.count++;
    if (row === this.tokens.length) this.grow();
    this.tokens[row] = token;
    this.hi[row] = hi;
    this.lo[row] = lo;
    this.modes[row] = mode;
    this.versions[row] = version;
    copyWords(this.keys, row * KEY_WORDS, keys, keyAt, KEY_WORDS);
  }

  pack(epoch: number, executor: number): Uint8Array | undefined {
    const { count, genSeqs, genCounts, genLasts } = this;
    if (count === 0) return undefined;
    const bytes = encode(SlotReads, {
      epoch,
      executor,
      tokens: this.tokens.subarray(0, count),
      hi: this.hi.subarray(0, count),
      lo: this.lo.subarray(0, count),
      modes: this.modes.subarray(0, count),
      versions: this.versions.subarray(0, count),
      keys: new Uint8Array(this.keys.buffer, 0, count * SLOT_KEY_BYTES),
      genSeqs: genSeqs.view(),
      genCounts: genCounts.view(),
      genLasts: genLasts.view(),
    });
    this.count = 0;
    for (const column of [genSeqs, genCounts, genLasts]) column.clear();
    return bytes;
  }

  private grow(): void {
    this.tokens = wider(this.tokens);
    this.hi = wider(this.hi);
    this.lo = wider(this.lo);
    this.modes = wider(this.modes);
    this.versions = wider(this.versions);
    this.keys = wider(this.keys);
  }
}

export class PublishColumns {
  private count = 0;
  /** Versions that are in the cache too. */
  private kept = 0;
  private hi = new Uint32Array(INITIAL_ROWS);
  private lo = new Uint32Array(INITIAL_ROWS);
  private seqs = new Float64Array(INITIAL_ROWS);
  private keys = new Uint32Array(INITIAL_ROWS * KEY_WORDS);
  private values = new Uint32Array(INITIAL_ROWS * VALUE_WORDS);
  readonly codeSeqs = new F64Vector();
  readonly codeHashes = new FixedVector(32, 4);
  readonly codes = new BytesVector();
  private readonly deltaHi = new U32Vector();
  private readonly deltaLo = new U32Vector();
  private readonly deltaGens = new F64Vector();
  private readonly deltaCounts = new U32Vector();
  private readonly deltaKeys = new FixedVector(SLOT_KEY_BYTES);
  private readonly deltaAmounts = new FixedVector(WORD_BYTES);

  /** Places count in words. */
  version(
    hi: number,
    lo: number,
    seq: number,
    keys: Uint32Array,
    keyAt: number,
    value: Uint32Array,
    valueAt: number,
  ): void {
    const row = this.count++;
    if (row === this.hi.length) this.grow();
    this.hi[row] = hi;
    this.lo[row] = lo;
    this.seqs[row] = seq;
    copyWords(this.keys, row * KEY_WORDS, keys, keyAt, KEY_WORDS);
    copyWords(this.values, row * VALUE_WORDS, value, valueAt, VALUE_WORDS);
  }

  /** Keeps in the cache what was added since the last time. */
  keepIn(cache: SlotCache): void {
    if (this.kept < this.count)
      cache.setAll(this.kept, this.count, this.hi, this.lo, this.seqs, this.keys, this.values);
    this.kept = this.count;
  }

  /** What the table has of this generation now, which includes all that was published before. */
  contribution(table: DeltaTable, entry: number): void {
    this.deltaHi.push(table.hi(entry));
    this.deltaLo.push(table.lo(entry));
    this.deltaGens.push(table.gen(entry));
    this.deltaCounts.push(table.count(entry));
    this.deltaKeys.pushWords(table.rows, table.at(entry, KEY));
    this.deltaAmounts.pushWords(table.rows, table.at(entry, AMOUNT));
  }

  get isEmpty(): boolean {
    return this.count === 0 && this.deltaGens.length === 0 && this.codeSeqs.length === 0;
  }

  pack(epoch: number, executor: number, batch: number): Uint8Array {
    const { count, codeSeqs, codeHashes, codes } = this;
    const { deltaHi, deltaLo, deltaGens, deltaCounts, deltaKeys, deltaAmounts } = this;
    const bytes = encode(Publish, {
      epoch,
      executor,
      batch,
      hi: this.hi.subarray(0, count),
      lo: this.lo.subarray(0, count),
      seqs: this.seqs.subarray(0, count),
      keys: new Uint8Array(this.keys.buffer, 0, count * SLOT_KEY_BYTES),
      values: new Uint8Array(this.values.buffer, 0, count * WORD_BYTES),
      deltaHi: deltaHi.view(),
      deltaLo: deltaLo.view(),
      deltaGens: deltaGens.view(),
      deltaCounts: deltaCounts.view(),
      deltaKeys: deltaKeys.view(),
      deltaAmounts: deltaAmounts.view(),
      codeSeqs: codeSeqs.view(),
      codeHashes: codeHashes.view(),
      codes: codes.view(),
    });
    this.count = 0;
    this.kept = 0;
    for (const column of [codeSeqs, codeHashes, codes]) column.clear();
    for (const column of [deltaHi, deltaLo, deltaGens, deltaCounts, deltaKeys, deltaAmounts]) column.clear();
    return bytes;
  }

  private grow(): void {
    this.hi = wider(this.hi);
    this.lo = wider(this.lo);
    this.seqs = wider(this.seqs);
    this.keys = wider(this.keys);
    this.values = wider(this.values);
  }
}

export function packCodeRead(epoch: number, token: number, prefix: Uint8Array): Uint8Array {
  return encode(CodeReads, { epoch, tokens: Uint32Array.of(token), prefixes: prefix.slice(0, 28) });
}
