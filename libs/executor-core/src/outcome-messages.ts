/** What became of transactions, under construction: results for the scheduler, receipts for the framer. */
import { BytesVector, encode, F64Vector, FixedVector, U8Vector, U32Vector } from "@velarium/columns";
import { SLOT_KEY_BYTES } from "@velarium/slots";
import { Receipts, Results } from "@velarium/wire";

/** Accesses with their slot ids; `keys` has 56 bytes each. */
export interface IdentifiedAccesses {
  readonly count: number;
  readonly hi: Uint32Array;
  readonly lo: Uint32Array;
  readonly kinds: Uint8Array;
  readonly keys: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);
const NO_WORDS = new Uint32Array(0);
const NO_NUMBERS = new Float64Array(0);

/** End offsets that are written only once there is something to say. */
class SparseEnds {
  readonly ends = new U32Vector();
  /** Adds the end of item `index`; items before it that have none end where the last one did. */
  put(index: number, end: number): void {
    const last = this.ends.length === 0 ? 0 : this.ends.at(this.ends.length - 1);
    while (this.ends.length < index) this.ends.push(last);
    this.ends.push(end);
  }
  view(count: number): Uint32Array {
    if (this.ends.length === 0) return NO_WORDS;
    const last = this.ends.at(this.ends.length - 1);
    while (this.ends.length < count) this.ends.push(last);
    return this.ends.view();
  }
}

export class ResultColumns {
  private readonly seqs = new F64Vector();
  private readonly outcomes = new U8Vector();
  private readonly gasUsed = new F64Vector();
  private readonly blobGas = new F64Vector();
  private anyBlobs = false;
  private readonly extras = new SparseEnds();
  private readonly extraHi = new U32Vector();
  private readonly extraLo = new U32Vector();
  private readonly extraKinds = new U8Vector();

  get count(): number {
    return this.seqs.length;
  }

  add(seq: number, outcome: number, gasUsed: number, blobGas: number): void {
    this.seqs.push(seq);
    this.outcomes.push(outcome);
    this.gasUsed.push(gasUsed);
    this.blobGas.push(blobGas);
    if (blobGas > 0) this.anyBlobs = true;
  }

  /** Undeclared accesses of the transaction added last. */
  addExtras(accesses: IdentifiedAccesses): void {
    for (let i = 0; i < accesses.count; i++) {
      this.extraHi.push(accesses.hi[i]!);
      this.extraLo.push(accesses.lo[i]!);
      this.extraKinds.push(accesses.kinds[i]!);
    }
    this.extras.put(this.count - 1, this.extraHi.length);
  }

  pack(epoch: number): Uint8Array {
    const { seqs, outcomes, gasUsed, blobGas, extras, extraHi, extraLo, extraKinds } = this;
    const bytes = encode(Results, {
      epoch,
      seqs: seqs.view(),
      outcomes: outcomes.view(),
      gasUsed: gasUsed.view(),
      blobGas: this.anyBlobs ? blobGas.view() : NO_NUMBERS,
      extraEnds: extras.view(seqs.length),
      extraHi: extraHi.view(),
      extraLo: extraLo.view(),
      extraKinds: extraKinds.view(),
    });
    for (const column of [seqs, outcomes, gasUsed, blobGas, extras.ends, extraHi, extraLo, extraKinds])
      column.clear();
    this.anyBlobs = false;
    return bytes;
  }
}

export class ReceiptColumns {
  private readonly seqs = new F64Vector();
  private readonly outcomes = new U8Vector();
  private readonly reasons = new U8Vector();
  private readonly statuses = new U8Vector();
  private readonly gasUsed = new F64Vector();
  private readonly blobGas = new F64Vector();
  private readonly logs = new BytesVector();
  private readonly learned = new SparseEnds();
  private readonly learnedHi = new U32Vector();
  private readonly learnedLo = new U32Vector();
  private readonly learnedKinds = new U8Vector();
  private readonly learnedKeys = new FixedVector(SLOT_KEY_BYTES);

  get count(): number {
    return this.seqs.length;
  }

  add(
    seq: number,
    outcome: number,
    reason: number,
    status: number,
    gasUsed: number,
    blobGas: number,
    logs: Uint8Array = NO_BYTES,
  ): void {
    this.seqs.push(seq);
    this.outcomes.push(outcome);
    this.reasons.push(reason);
    this.statuses.push(status);
    this.gasUsed.push(gasUsed);
    this.blobGas.push(blobGas);
    this.logs.push(logs);
  }

  /** Accesses that the transaction added last has made. */
  addLearned(accesses: IdentifiedAccesses): void {
    for (let i = 0; i < accesses.count; i++) {
      this.learnedHi.push(accesses.hi[i]!);
      this.learnedLo.push(accesses.lo[i]!);
      this.learnedKinds.push(accesses.kinds[i]!);
      this.learnedKeys.push(accesses.keys, i * SLOT_KEY_BYTES);
    }
    this.learned.put(this.count - 1, this.learnedHi.length);
  }

  pack(epoch: number, block: number): Uint8Array {
    const { seqs, outcomes, reasons, statuses, gasUsed, blobGas, logs } = this;
    const { learned, learnedHi, learnedLo, learnedKinds, learnedKeys } = this;
    const bytes = encode(Receipts, {
      epoch,
      block,
      seqs: seqs.view(),
      outcomes: outcomes.view(),
      reasons: reasons.view(),
      statuses: statuses.view(),
      gasUsed: gasUsed.view(),
      blobGas: blobGas.view(),
      logs: logs.view(),
      learnedEnds: learned.view(seqs.length),
      learnedHi: learnedHi.view(),
      learnedLo: learnedLo.view(),
      learnedKinds: learnedKinds.view(),
      learnedKeys: learnedKeys.view(),
    });
    for (const column of [seqs, outcomes, reasons, statuses, gasUsed, blobGas, logs]) column.clear();
    for (const column of [learned.ends, learnedHi, learnedLo, learnedKinds, learnedKeys]) column.clear();
    return bytes;
  }
}
