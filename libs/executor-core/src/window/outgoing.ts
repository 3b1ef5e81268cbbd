/** Columns on their way out: reads and versions per shard, results, receipts. */
import { BytesVector, encode, F64Vector, FixedVector, U8Vector, U32Vector } from "@velarium/columns";
import type { AccessColumns } from "@velarium/engine";
import type { SlotIds } from "@velarium/slots";
import { CodeReads, Publish, Receipts, Results, SlotReads } from "@velarium/wire";

/** One word column: appended from words, taken as bytes. */
class WordVector {
  length = 0;
  private data: Uint32Array;
  private readonly width: number;
  constructor(width: number) {
    this.width = width;
    this.data = new Uint32Array(width * 256);
  }
  push(from: Uint32Array, at: number): void {
    const { width } = this;
    const to = this.length * width;
    if (to === this.data.length) {
      const grown = new Uint32Array(to * 2);
      grown.set(this.data);
      this.data = grown;
    }
    const { data } = this;
    for (let k = 0; k < width; k++) data[to + k] = from[at + k]!;
    this.length++;
  }
  clear(): void {
    this.length = 0;
  }
  view(): Uint8Array {
    return new Uint8Array(this.data.buffer, 0, this.length * this.width * 4);
  }
}

export class ShardReads {
  readonly tokens = new U32Vector();
  readonly hi = new U32Vector();
  readonly lo = new U32Vector();
  readonly modes = new U8Vector();
  readonly versions = new F64Vector();
  readonly keys = new WordVector(14);
  readonly genSeqs = new F64Vector();
  readonly genCounts = new U32Vector();
  readonly genLasts = new F64Vector();
  readonly codeTokens = new U32Vector(16);
  readonly codePrefixes = new FixedVector(28, 16);

  pack(epoch: number, executor: number): Uint8Array {
    const bytes = encode(SlotReads, {
      epoch,
      executor,
      tokens: this.tokens.view(),
      hi: this.hi.view(),
      lo: this.lo.view(),
      modes: this.modes.view(),
      versions: this.versions.view(),
      keys: this.keys.view(),
      genSeqs: this.genSeqs.view(),
      genCounts: this.genCounts.view(),
      genLasts: this.genLasts.view(),
    });
    this.clearReads();
    return bytes;
  }

  packCodes(epoch: number): Uint8Array {
    const bytes = encode(CodeReads, {
      epoch,
      tokens: this.codeTokens.view(),
      prefixes: this.codePrefixes.view(),
    });
    this.codeTokens.clear();
    this.codePrefixes.clear();
    return bytes;
  }

  clear(): void {
    this.clearReads();
    this.codeTokens.clear();
    this.codePrefixes.clear();
  }

  private clearReads(): void {
    this.tokens.clear();
    this.hi.clear();
    this.lo.clear();
    this.modes.clear();
    this.versions.clear();
    this.keys.clear();
    this.genSeqs.clear();
    this.genCounts.clear();
    this.genLasts.clear();
  }
}

export class ShardPublish {
  readonly hi = new U32Vector();
  readonly lo = new U32Vector();
  readonly seqs = new F64Vector();
  readonly keys = new WordVector(14);
  readonly values = new WordVector(8);
  readonly deltaHi = new U32Vector();
  readonly deltaLo = new U32Vector();
  readonly deltaGens = new F64Vector();
  readonly deltaCounts = new U32Vector();
  readonly deltaKeys = new WordVector(14);
  readonly deltaAmounts = new WordVector(8);
  readonly codeSeqs = new F64Vector(8);
  readonly codeHashes = new FixedVector(32, 8);
  readonly codes = new BytesVector();

  get isEmpty(): boolean {
    return this.seqs.length === 0 && this.deltaGens.length === 0 && this.codeSeqs.length === 0;
  }

  pack(epoch: number, executor: number, batch: number): Uint8Array {
    const bytes = encode(Publish, {
      epoch,
      executor,
      batch,
      hi: this.hi.view(),
      lo: this.lo.view(),
      seqs: this.seqs.view(),
      keys: this.keys.view(),
      values: this.values.view(),
      deltaHi: this.deltaHi.view(),
      deltaLo: this.deltaLo.view(),
      deltaGens: this.deltaGens.view(),
      deltaCounts: this.deltaCounts.view(),
      deltaKeys: this.deltaKeys.view(),
      deltaAmounts: this.deltaAmounts.view(),
      codeSeqs: this.codeSeqs.view(),
      codeHashes: this.codeHashes.view(),
      codes: this.codes.view(),
    });
    this.clear();
    return bytes;
  }

  clear(): void {
    for (const column of [this.hi, this.lo, this.seqs, this.keys, this.values, this.deltaHi, this.deltaLo])
      column.clear();
    for (const column of [this.deltaGens, this.deltaCounts, this.deltaKeys, this.deltaAmounts])
      column.clear();
    this.codeSeqs.clear();
    this.codeHashes.clear();
    this.codes.clear();
  }
}

const EMPTY_U32 = new Uint32Array(0);
const EMPTY_F64 = new Float64Array(0);

export class ResultColumns {
  readonly seqs = new F64Vector();
  private readonly outcomes = new U8Vector();
  private readonly gasUsed = new F64Vector();
  private readonly blobGas = new F64Vector();
  private readonly extraEnds = new U32Vector();
  private readonly extraHi = new U32Vector();
  private readonly extraLo = new U32Vector();
  private readonly extraKinds = new U8Vector();
  private anyBlobs = false;

  add(seq: number, outcome: number, gasUsed: number, blobGas: number): void {
    this.seqs.push(seq);
    this.outcomes.push(outcome);
    this.gasUsed.push(gasUsed);
    this.blobGas.push(blobGas);
    this.extraEnds.push(this.extraHi.length);
    if (blobGas > 0) this.anyBlobs = true;
  }

  /** An undeclared write of the transaction added next. */
  extra(hi: number, lo: number, kind: number): void {
    this.extraHi.push(hi);
    this.extraLo.push(lo);
    this.extraKinds.push(kind);
  }

  pack(epoch: number): Uint8Array {
    const bytes = encode(Results, {
      epoch,
      seqs: this.seqs.view(),
      outcomes: this.outcomes.view(),
      gasUsed: this.gasUsed.view(),
      blobGas: this.anyBlobs ? this.blobGas.view() : EMPTY_F64,
      extraEnds: this.extraHi.length > 0 ? this.extraEnds.view() : EMPTY_U32,
      extraHi: this.extraHi.view(),
      extraLo: this.extraLo.view(),
      extraKinds: this.extraKinds.view(),
    });
    this.clear();
    return bytes;
  }

  clear(): void {
    this.seqs.clear();
    this.outcomes.clear();
    this.gasUsed.clear();
    this.blobGas.clear();
    this.extraEnds.clear();
    this.extraHi.clear();
    this.extraLo.clear();
    this.extraKinds.clear();
    this.anyBlobs = false;
  }
}

export class ReceiptColumns {
  block = -1;
  readonly seqs = new F64Vector();
  private readonly outcomes = new U8Vector();
  private readonly reasons = new U8Vector();
  private readonly statuses = new U8Vector();
  private readonly gasUsed = new F64Vector();
  private readonly blobGas = new F64Vector();
  private readonly logs = new BytesVector();
  private readonly learnedEnds = new U32Vector();
  private learnedHi = new U32Vector();
  private learnedLo = new U32Vector();
  private readonly learnedKinds = new U8Vector();
  private readonly learnedKeys = new FixedVector(56, 16);

  add(
    seq: number,
    outcome: number,
    reason: number,
    status: number,
    gasUsed: number,
    blobGas: number,
    logs: Uint8Array,
  ): void {
    this.seqs.push(seq);
    this.outcomes.push(outcome);
    this.reasons.push(reason);
    this.statuses.push(status);
    this.gasUsed.push(gasUsed);
    this.blobGas.push(blobGas);
    this.logs.push(logs);
    this.learnedEnds.push(this.learnedHi.length);
  }

  /** Accesses of the returned transaction added next. */
  learn(accesses: AccessColumns, ids: SlotIds): void {
    const { count, keys, kinds } = accesses;
    const hi = new Uint32Array(count);
    const lo = new Uint32Array(count);
    ids.idsOf(keys, count, hi, lo);
    for (let i = 0; i < count; i++) {
      this.learnedHi.push(hi[i]!);
      this.learnedLo.push(lo[i]!);
      this.learnedKinds.push(kinds[i]!);
      this.learnedKeys.push(keys, i * 56);
    }
  }

  pack(epoch: number): Uint8Array {
    const bytes = encode(Receipts, {
      epoch,
      block: this.block,
      seqs: this.seqs.view(),
      outcomes: this.outcomes.view(),
      reasons: this.reasons.view(),
      statuses: this.statuses.view(),
      gasUsed: this.gasUsed.view(),
      blobGas: this.blobGas.view(),
      logs: this.logs.view(),
      learnedEnds: this.learnedHi.length > 0 ? this.learnedEnds.view() : EMPTY_U32,
      learnedHi: this.learnedHi.view(),
      learnedLo: this.learnedLo.view(),
      learnedKinds: this.learnedKinds.view(),
      learnedKeys: this.learnedKeys.view(),
    });
    this.clear();
    return bytes;
  }

  clear(): void {
    this.seqs.clear();
    this.outcomes.clear();
    this.reasons.clear();
    this.statuses.clear();
    this.gasUsed.clear();
    this.blobGas.clear();
    this.logs.clear();
    this.learnedEnds.clear();
    this.learnedHi.clear();
    this.learnedLo.clear();
    this.learnedKinds.clear();
    this.learnedKeys.clear();
  }
}
