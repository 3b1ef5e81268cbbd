/** The result of an execution where the kernel leaves it: numbers of `RESULT_*`, and regions of keys and words. */
import { type Kernel, layout } from "@velarium/evm-kernel";

const TWO_32 = 2 ** 32;
const {
  RESULT_CODE_COUNT,
  RESULT_GAS_USED,
  RESULT_LOG_BYTES,
  RESULT_LOG_COUNT,
  RESULT_LOGS,
  RESULT_OUTCOME,
  RESULT_STATUS,
} = layout;

export class ResultView {
  /** All memory, as bytes and as words; anew after it has grown. */
  bytes!: Uint8Array;
  words!: Uint32Array;
  private readonly kernel: Kernel;
  private at = 0;
  private logScratch = new Uint8Array(4096);

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.refresh();
  }

  /** Moves to the outcome of the execution that has just ended; nothing is collected. */
  look(): void {
    this.at = this.kernel.resultAt();
    this.follow();
  }

  /** Moves to the result of the execution that has just ended. */
  collect(): void {
    this.at = this.kernel.collect();
    this.follow();
  }

  /** Views of a memory that has grown since are empty. */
  follow(): void {
    if (this.words.length === 0) this.refresh();
  }

  private refresh(): void {
    this.bytes = new Uint8Array(this.kernel.memory.buffer);
    this.words = new Uint32Array(this.kernel.memory.buffer);
  }

  /** An unsigned number of the result. */
  number(offset: number): number {
    return this.words[(this.at + offset) >> 2]!;
  }
  /** Index in `words` of a region that the result names. */
  region(offset: number): number {
    return this.number(offset) >> 2;
  }
  /** 0 included, 1 rejected, 2 returned. */
  get outcome(): number {
    return this.number(RESULT_OUTCOME);
  }
  get status(): 0 | 1 {
    return this.number(RESULT_STATUS) === 1 ? 1 : 0;
  }
  get gasUsed(): number {
    return this.number(RESULT_GAS_USED) + this.number(RESULT_GAS_USED + 4) * TWO_32;
  }
  get codeCount(): number {
    return this.number(RESULT_CODE_COUNT);
  }

  /** RLP of the list of logs, borrowed until the next call; no bytes for no logs. */
  logs(): Uint8Array {
    if (this.number(RESULT_LOG_COUNT) === 0) return NO_BYTES;
    const size = this.number(RESULT_LOG_BYTES);
    if (this.logScratch.length < size + 9) this.logScratch = new Uint8Array(size * 2 + 9);
    const out = this.logScratch;
    let at = 0;
    if (size < 56) out[at++] = 0xc0 + size;
    else {
      const bytes = Math.ceil((32 - Math.clz32(size)) / 8);
      out[at++] = 0xf7 + bytes;
      for (let i = bytes - 1; i >= 0; i--) out[at++] = (size >>> (8 * i)) & 0xff;
    }
    const from = this.number(RESULT_LOGS);
    out.set(this.bytes.subarray(from, from + size), at);
    return out.subarray(0, at + size);
  }
}

const NO_BYTES = new Uint8Array(0);
