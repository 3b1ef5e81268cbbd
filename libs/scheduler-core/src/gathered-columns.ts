/** Columns of some transactions of a frame, copied together; the buffers are used again for the next frame. */
import type { FrameColumns } from "./frame-columns.ts";
import type { FrameMessage } from "./placed.ts";

const SENDER_WORDS = 5;
const KEY_BYTES = 56;

export class GatheredColumns {
  private shapes = new Uint8Array(0);
  private gasLimits = new Float64Array(0);
  private senders = new Uint32Array(0);
  private rawEnds = new Uint32Array(0);
  private raw = new Uint8Array(0);
  private accessEnds = new Uint32Array(0);
  private accessHi = new Uint32Array(0);
  private accessLo = new Uint32Array(0);
  private accessKinds = new Uint8Array(0);
  private keys = new Uint8Array(0);
  /** Grants, as far as the last call has filled them. */
  feeGens = new Float64Array(0);
  modes = new Uint8Array(0);
  versions = new Float64Array(0);

  /** `keyEnds[i]`: keys of the frame's transactions 0..i, in items. The columns are borrowed until the next call. */
  gather(
    frame: FrameMessage,
    granted: FrameColumns,
    indexes: Uint32Array,
    count: number,
    keyEnds: Uint32Array,
  ) {
    this.reserve(frame);
    const { feeGens, modes, versions } = this;
    const { shapes, gasLimits, senders, rawEnds, raw, accessEnds, accessHi, accessLo, accessKinds, keys } =
      this;
    const { ends, blob } = frame.raw;
    const from = frame.accessEnds;
    const senderWords = wordsOf(frame.senders);
    let rawAt = 0;
    let at = 0;
    let keyBytes = 0;
    for (let k = 0; k < count; ) {
      // Neighbours go together: half of what one of two executors gets.
      const first = indexes[k]!;
      let last = first;
      const rawFrom = first === 0 ? 0 : ends[first - 1]!;
      const shift = rawAt - rawFrom;
      let access = first === 0 ? 0 : from[first - 1]!;
      for (; ; last++) {
        shapes[k] = frame.shapes[last]!;
        gasLimits[k] = frame.gasLimits[last]!;
        feeGens[k] = granted.feeGens[last]!;
        for (let w = 0, to = k * SENDER_WORDS, f = last * SENDER_WORDS; w < SENDER_WORDS; w++)
          senders[to + w] = senderWords[f + w]!;
        rawEnds[k] = ends[last]! + shift;
        for (const end = from[last]!; access < end; access++, at++) {
          accessHi[at] = frame.accessHi[access]!;
          accessLo[at] = frame.accessLo[access]!;
          accessKinds[at] = frame.accessKinds[access]!;
          modes[at] = granted.modes[access]!;
          versions[at] = granted.versions[access]!;
        }
        accessEnds[k++] = at;
        if (k === count || indexes[k] !== last + 1) break;
      }
      // What neighbours carry stands side by side too.
      const keyFrom = (first === 0 ? 0 : keyEnds[first - 1]!) * KEY_BYTES;
      const keyTo = keyEnds[last]! * KEY_BYTES;
      if (keyTo > keyFrom) keys.set(frame.keys.subarray(keyFrom, keyTo), keyBytes);
      keyBytes += keyTo - keyFrom;
      raw.set(blob.subarray(rawFrom, ends[last]!), rawAt);
      rawAt += ends[last]! - rawFrom;
    }
    return {
      shapes: shapes.subarray(0, count),
      gasLimits: gasLimits.subarray(0, count),
      senders: new Uint8Array(senders.buffer, 0, 4 * SENDER_WORDS * count),
      raw: { ends: rawEnds.subarray(0, count), blob: raw.subarray(0, rawAt) },
      accessEnds: accessEnds.subarray(0, count),
      accessHi: accessHi.subarray(0, at),
      accessLo: accessLo.subarray(0, at),
      accessKinds: accessKinds.subarray(0, at),
      keys: keys.subarray(0, keyBytes),
    };
  }

  /** Room for all of the frame. */
  private reserve(frame: FrameMessage): void {
    const n = frame.shapes.length;
    if (n > this.shapes.length) {
      this.shapes = new Uint8Array(2 * n);
      this.gasLimits = new Float64Array(2 * n);
      this.senders = new Uint32Array(2 * n * SENDER_WORDS);
      this.rawEnds = new Uint32Array(2 * n);
      this.accessEnds = new Uint32Array(2 * n);
      this.feeGens = new Float64Array(2 * n);
    }
    const accesses = frame.accessKinds.length;
    if (accesses > this.accessKinds.length) {
      this.accessHi = new Uint32Array(2 * accesses);
      this.accessLo = new Uint32Array(2 * accesses);
      this.accessKinds = new Uint8Array(2 * accesses);
      this.modes = new Uint8Array(2 * accesses);
      this.versions = new Float64Array(2 * accesses);
    }
    if (frame.raw.blob.length > this.raw.length) this.raw = new Uint8Array(2 * frame.raw.blob.length);
    if (frame.keys.length > this.keys.length) this.keys = new Uint8Array(2 * frame.keys.length);
  }
}

/** A view as words, or a copy where it is not aligned. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const source = (bytes.byteOffset & 3) === 0 ? bytes : bytes.slice();
  return new Uint32Array(source.buffer, source.byteOffset, source.length >> 2);
}
