/**
 * Cuts what arrives on a NATS connection at message boundaries. The client library's parser takes a message without a
 * copy when it stands whole in one buffer; one that it gets in pieces it copies into a buffer that grows by doubling,
 * about four times the bytes of a 512 KiB message. Here a message in pieces is copied once, into a buffer of its size,
 * and placed so that its payload begins at a multiple of 8: packed columns are then read where they lie.
 *
 * Protocol: control lines end with CR LF; `MSG subject sid [reply] size` and `HMSG subject sid [reply] headers total`
 * are followed by so many bytes and CR LF (docs.nats.io, "Client Protocol").
 */
const LF = 10;
const CR = 13;
const SPACE = 32;
const LETTER_H = 72;
const LETTER_M = 77;
/** A server's control line has at most 4 KiB by default; beyond this it is no NATS server. */
const MAX_LINE_BYTES = 64 * 1024;
const NOTHING = new Uint8Array(0);

export class MessageJoiner {
  private readonly emit: (bytes: Uint8Array) => void;
  /** A control line of which the end has not come. */
  private line: Uint8Array = NOTHING;
  /** A message of which the end has not come, and its bytes so far. */
  private message: Uint8Array | undefined;
  private filled = 0;

  /** `emit` gets the same bytes in the same order, every message whole. */
  constructor(emit: (bytes: Uint8Array) => void) {
    this.emit = emit;
  }

  /** `chunk` must not change later: what is whole in it is passed on as a view. */
  add(chunk: Uint8Array): void {
    let at = 0;
    if (this.message) at = this.fill(chunk, 0);
    if (this.line.length > 0 && at < chunk.length) {
      const whole = new Uint8Array(this.line.length + chunk.length - at);
      whole.set(this.line);
      whole.set(at === 0 ? chunk : chunk.subarray(at), this.line.length);
      this.line = NOTHING;
      this.split(whole, 0);
    } else if (at < chunk.length) this.split(chunk, at);
  }

  private split(chunk: Uint8Array, from: number): void {
    let at = from;
    while (at < chunk.length) {
      const end = chunk.indexOf(LF, at);
      if (end < 0) {
        if (chunk.length - at > MAX_LINE_BYTES) break;
        this.pass(chunk, from, at);
        this.line = chunk.slice(at);
        return;
      }
      const first = chunk[at]! & 0xdf;
      const isMessage = first === LETTER_M || first === LETTER_H;
      const next = end + 1 + (isMessage ? lastNumber(chunk, end) + 2 : 0);
      if (next > chunk.length) {
        this.pass(chunk, from, at);
        this.begin(chunk, at, end + 1, next - at, first === LETTER_H);
        return;
      }
      at = next;
    }
    this.pass(chunk, from, chunk.length);
  }

  private pass(chunk: Uint8Array, from: number, to: number): void {
    if (to > from) this.emit(chunk.subarray(from, to));
  }

  /** The message of `size` bytes (line, content, CR LF) at `at` has more to come. */
  private begin(chunk: Uint8Array, at: number, contentAt: number, size: number, hasHeaders: boolean): void {
    const payloadAt = contentAt - at + (hasHeaders ? numberBefore(chunk, contentAt - 1) : 0);
    const padding = -payloadAt & 7;
    // Not from the pool of small buffers, and not cleared: every byte is written before it is passed on.
    const buffer = Buffer.allocUnsafeSlow(padding + size);
    this.message = new Uint8Array(buffer.buffer, padding, size);
    this.message.set(chunk.subarray(at));
    this.filled = chunk.length - at;
  }

  /** Returns where the rest of `chunk` begins. */
  private fill(chunk: Uint8Array, at: number): number {
    const message = this.message!;
    const missing = message.length - this.filled;
    const taken = Math.min(missing, chunk.length - at);
    message.set(taken === chunk.length ? chunk : chunk.subarray(at, at + taken), this.filled);
    this.filled += taken;
    if (taken === missing) {
      this.message = undefined;
      this.emit(message);
    }
    return at + taken;
  }
}

const isBlank = (byte: number): boolean => byte === SPACE || byte === CR;

/** The number at the end of the line whose LF is at `end`. */
function lastNumber(bytes: Uint8Array, end: number): number {
  let at = end - 1;
  while (isBlank(bytes[at]!)) at--;
  let value = 0;
  for (let unit = 1; bytes[at]! >= 48 && bytes[at]! <= 57; at--, unit *= 10)
    value += (bytes[at]! - 48) * unit;
  return value;
}

/** The last number but one. */
function numberBefore(bytes: Uint8Array, end: number): number {
  let at = end - 1;
  while (isBlank(bytes[at]!)) at--;
  while (!isBlank(bytes[at]!)) at--;
  return lastNumber(bytes, at + 1);
}
