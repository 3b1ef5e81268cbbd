/** Reads the records of an execution to be run again, one at a time. Byte columns borrow from the trace. */
import { FORKS, type Fork } from "@velarium/chain-rules";
import { TraceError } from "../error.ts";
import { ENVIRONMENT, Failure, padded, RERUN_BYTES, RerunField, RerunKind } from "../layout.ts";

export type Environment = Readonly<Record<(typeof ENVIRONMENT)[number], bigint>>;

export interface BeginRecord {
  readonly fork: Fork;
  readonly isStatic: boolean;
  readonly value: bigint;
  readonly environment: Environment;
  readonly blobHashes: readonly bigint[];
  readonly input: Uint8Array;
}

export interface CallRecord {
  readonly kind: typeof RerunKind.call;
  readonly op: number;
  readonly depth: number;
  readonly code: number;
  readonly gas: bigint;
  readonly callerGas: bigint;
  readonly address: bigint;
}

export interface EndRecord {
  readonly kind: typeof RerunKind.end;
  readonly failure: Failure;
  readonly depth: number;
  readonly gasLeft: bigint;
  readonly refund: bigint;
  readonly output: Uint8Array;
}

export interface ResultRecord {
  readonly kind: typeof RerunKind.result;
  readonly op: number;
  readonly depth: number;
  readonly code: number;
  readonly gas: bigint;
  readonly refund: bigint;
  readonly word: bigint;
}

export type RerunRecord = CallRecord | EndRecord | ResultRecord;

const KINDS: ReadonlySet<number> = new Set(Object.values(RerunKind));
const FAILURES: ReadonlySet<number> = new Set(Object.values(Failure));

export class RerunRecords {
  /** Codes that the trace has named so far. */
  readonly codes = new Map<number, Uint8Array>();
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at: number;
  private peeked: RerunRecord | undefined;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  /** @throws TraceError `format` */
  begin(): BeginRecord {
    const at = this.record(RerunKind.begin);
    const { view } = this;
    const fork = FORKS[view.getUint8(at + RerunField.detail)];
    if (fork === undefined) throw this.wrong(at, "it is of no known fork");
    const hashes = this.behind(view.getUint32(at + RerunField.number, true) * 32);
    const input = this.behind(view.getUint32(at + RerunField.inputBytes, true));
    return {
      fork,
      isStatic: view.getUint32(at + RerunField.isStatic, true) !== 0,
      value: this.word(at + RerunField.value),
      environment: Object.fromEntries(
        ENVIRONMENT.map((name, i) => [name, this.word(at + RerunField.environment + 32 * i)]),
      ) as Environment,
      blobHashes: Array.from({ length: hashes.length / 32 }, (_, i) =>
        bigEndian(hashes.subarray(i * 32, i * 32 + 32)),
      ),
      input,
    };
  }

  /** The next record that is not of a code; undefined at the end. It comes again. @throws TraceError `format` */
  peek(): RerunRecord | undefined {
    this.peeked ??= this.read();
    return this.peeked;
  }

  /** The next record that is not of a code. @throws TraceError `format` */
  next(): RerunRecord {
    const record = this.peek();
    if (record === undefined) throw new TraceError("format", "the trace ends before the execution does");
    this.peeked = undefined;
    return record;
  }

  private read(): RerunRecord | undefined {
    while (this.at < this.bytes.length) {
      const kind = this.bytes[this.at]!;
      if (kind !== RerunKind.code) return this.readOf(kind);
      const at = this.record(kind);
      const number = this.view.getUint32(at + RerunField.codeNumber, true);
      this.codes.set(number, this.behind(this.view.getUint32(at + RerunField.number, true)));
    }
    return undefined;
  }

  private readOf(kind: number): RerunRecord {
    if (!KINDS.has(kind) || kind === RerunKind.begin)
      throw this.wrong(this.at, `no record of kind ${kind} stands here`);
    const at = this.record(kind as RerunKind);
    const { view } = this;
    const detail = view.getUint8(at + RerunField.detail);
    const depth = view.getUint16(at + RerunField.depth, true);
    const number = view.getUint32(at + RerunField.number, true);
    const gas = view.getBigInt64(at + RerunField.gas, true);
    const refund = view.getBigInt64(at + RerunField.refund, true);
    if (kind === RerunKind.call) {
      const callerGas = view.getBigInt64(at + RerunField.callerGas, true);
      const address = this.word(at + RerunField.address, 3);
      return { kind, op: detail, depth, code: number, gas, callerGas, address };
    }
    if (kind === RerunKind.result)
      return { kind, op: detail, depth, code: number, gas, refund, word: this.word(at + RerunField.word) };
    if (!FAILURES.has(detail)) throw this.wrong(at, `no failure has the number ${detail}`);
    const output = this.behind(number);
    return { kind: RerunKind.end, failure: detail as Failure, depth, gasLeft: gas, refund, output };
  }

  /** Passes over the fields of a record; where they begin. */
  private record(kind: RerunKind): number {
    const { at } = this;
    this.at += RERUN_BYTES[kind];
    if (this.at > this.bytes.length) throw this.wrong(at, "it is cut off");
    return at;
  }

  /** Passes over bytes behind a record. */
  private behind(size: number): Uint8Array {
    const { at } = this;
    this.at += padded(size);
    if (this.at > this.bytes.length) throw this.wrong(at, "what stands behind it is cut off");
    return this.bytes.subarray(at, at + size);
  }

  private word(at: number, limbs = 4): bigint {
    let word = 0n;
    for (let limb = limbs - 1; limb >= 0; limb--)
      word = (word << 64n) | this.view.getBigUint64(at + limb * 8, true);
    return word;
  }

  private wrong(at: number, what: string): TraceError {
    return new TraceError("format", `the record at byte ${at}: ${what}`);
  }
}

export function bigEndian(bytes: Uint8Array): bigint {
  return bytes.length === 0
    ? 0n
    : BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`);
}
