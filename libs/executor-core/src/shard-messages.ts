/** What goes to one shard, under construction: reads of a dispatch, and what is to be published. */
import { BytesVector, encode, F64Vector, FixedVector, U8Vector, U32Vector } from "@velarium/columns";
import { SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";
import { CodeReads, Publish, SlotReads } from "@velarium/wire";
import { AMOUNT, type DeltaTable, KEY } from "./delta-table.ts";

export class ReadColumns {
  readonly tokens = new U32Vector();
  readonly hi = new U32Vector();
  readonly lo = new U32Vector();
  readonly modes = new U8Vector();
  readonly versions = new F64Vector();
  readonly keys = new FixedVector(SLOT_KEY_BYTES);
  readonly genSeqs = new F64Vector();
  readonly genCounts = new U32Vector();
  readonly genLasts = new F64Vector();

  pack(epoch: number, executor: number): Uint8Array | undefined {
    if (this.tokens.length === 0) return undefined;
    const { tokens, hi, lo, modes, versions, keys, genSeqs, genCounts, genLasts } = this;
    const bytes = encode(SlotReads, {
      epoch,
      executor,
      tokens: tokens.view(),
      hi: hi.view(),
      lo: lo.view(),
      modes: modes.view(),
      versions: versions.view(),
      keys: keys.view(),
      genSeqs: genSeqs.view(),
      genCounts: genCounts.view(),
      genLasts: genLasts.view(),
    });
    for (const column of [tokens, hi, lo, modes, versions, keys, genSeqs, genCounts, genLasts])
      column.clear();
    return bytes;
  }
}

export class PublishColumns {
  readonly hi = new U32Vector();
  readonly lo = new U32Vector();
  readonly seqs = new F64Vector();
  readonly keys = new FixedVector(SLOT_KEY_BYTES);
  readonly values = new FixedVector(WORD_BYTES);
  readonly codeSeqs = new F64Vector();
  readonly codeHashes = new FixedVector(32, 4);
  readonly codes = new BytesVector();
  private readonly deltaHi = new U32Vector();
  private readonly deltaLo = new U32Vector();
  private readonly deltaGens = new F64Vector();
  private readonly deltaCounts = new U32Vector();
  private readonly deltaKeys = new FixedVector(SLOT_KEY_BYTES);
  private readonly deltaAmounts = new FixedVector(WORD_BYTES);

  version(
    hi: number,
    lo: number,
    seq: number,
    keys: Uint32Array,
    keyAt: number,
    value: Uint32Array,
    valueAt: number,
  ): void {
    this.hi.push(hi);
    this.lo.push(lo);
    this.seqs.push(seq);
    this.keys.pushWords(keys, keyAt);
    this.values.pushWords(value, valueAt);
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
    return this.seqs.length === 0 && this.deltaGens.length === 0 && this.codeSeqs.length === 0;
  }

  pack(epoch: number, executor: number, batch: number): Uint8Array {
    const { hi, lo, seqs, keys, values, codeSeqs, codeHashes, codes } = this;
    const { deltaHi, deltaLo, deltaGens, deltaCounts, deltaKeys, deltaAmounts } = this;
    const bytes = encode(Publish, {
      epoch,
      executor,
      batch,
      hi: hi.view(),
      lo: lo.view(),
      seqs: seqs.view(),
      keys: keys.view(),
      values: values.view(),
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
    for (const column of [hi, lo, seqs, keys, values, codeSeqs, codeHashes, codes]) column.clear();
    for (const column of [deltaHi, deltaLo, deltaGens, deltaCounts, deltaKeys, deltaAmounts]) column.clear();
    return bytes;
  }
}

export function packCodeRead(epoch: number, token: number, prefix: Uint8Array): Uint8Array {
  return encode(CodeReads, { epoch, tokens: Uint32Array.of(token), prefixes: prefix.slice(0, 28) });
}
