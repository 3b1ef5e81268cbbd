/**
 * A contract that nobody deployed, for the compiler to compile before anybody waits for it: what it does is of no meaning,
 * but it has the shapes of real ones, so that V8 has optimised the compiler's passes by the time a real one comes.
 */

/** Asks the worker to get warm; it answers with the same when it is, or has work to do. */
export const WARM_UP = "warm up";

/**
 * A real contract of 22 kB took 280 ms to emit on a fresh worker, 190 after 0.2 s of warming up, 170 to 200 after 0.4, and
 * not less after 1.6 (CPU time of one core of a Xeon); 120 is what it takes the third time.
 */
export const WARM_UP_MS = 400;
export const WARM_UP_ROUNDS = 64;

const PUSH0 = 0x5f;
const FUNCTIONS = 12;

/** Bytecode with labels of two bytes. */
class Assembler {
  private readonly bytes: number[] = [];
  private readonly labels = new Map<string, number>();
  private readonly uses: { readonly at: number; readonly label: string }[] = [];

  op(...codes: number[]): this {
    this.bytes.push(...codes);
    return this;
  }

  push(value: number | bigint, size = 1): this {
    this.bytes.push(PUSH0 + size);
    for (let i = size - 1; i >= 0; i--) this.bytes.push(Number((BigInt(value) >> BigInt(8 * i)) & 0xffn));
    return this;
  }

  pushLabel(label: string): this {
    this.bytes.push(PUSH0 + 2);
    this.uses.push({ at: this.bytes.length, label });
    this.bytes.push(0, 0);
    return this;
  }

  label(label: string): this {
    this.labels.set(label, this.bytes.length);
    this.bytes.push(0x5b);
    return this;
  }

  /** Jumps there; the condition, if any, is on the stack. */
  jump(label: string, conditional = false): this {
    return this.pushLabel(label).op(conditional ? 0x57 : 0x56);
  }

  finish(): Uint8Array {
    for (const { at, label } of this.uses) {
      const target = this.labels.get(label)!;
      this.bytes[at] = target >> 8;
      this.bytes[at + 1] = target & 0xff;
    }
    return Uint8Array.from(this.bytes);
  }
}

const ADDRESS_MASK = 2n ** 160n - 1n;

/** `mapping(key)`'s slot: keccak of the top of the stack and `base`. */
const slotOf = (code: Assembler, base: number): Assembler =>
  code.push(0).op(0x52).push(base).push(0x20).op(0x52).push(0x40).push(0).op(0x20);

/** One external function, with its arguments checked and all kinds of operations. */
function externalFunction(code: Assembler, n: number): void {
  const name = `f${n}`;
  code.label(name);
  // Not payable, two words of arguments, the first an address.
  code.op(0x34, 0x15).jump(`${name}a`, true).push(0).op(0x80, 0xfd).label(`${name}a`);
  code.push(0x44).op(0x36, 0x10, 0x15).jump(`${name}b`, true).push(0).op(0x80, 0xfd).label(`${name}b`);
  code.push(4).op(0x35).push(ADDRESS_MASK, 20).op(0x16).push(0x24).op(0x35);
  // amount, to; the balance of the caller less the amount, of the receiver plus it.
  code.op(0x33).push(ADDRESS_MASK, 20).op(0x16);
  slotOf(code, n).op(0x80, 0x54, 0x82, 0x81, 0x10, 0x15).jump(`${name}c`, true);
  code.push(0x08c379a0, 4).push(0xe0).op(0x1b).push(0).op(0x52).push(0x44).push(0).op(0xfd);
  code.label(`${name}c`).op(0x82, 0x90, 0x03, 0x90, 0x55, 0x81);
  slotOf(code, n).op(0x80, 0x54, 0x82).pushLabel(`${name}d`).op(0x91).jump("checkedAdd");
  code.label(`${name}d`).op(0x90, 0x55);
  // A loop over the low bits of the amount, with what is long in WebAssembly.
  code.push(0).push(1).label(`${name}e`).op(0x82).push(7).op(0x16, 0x82, 0x10, 0x15).jump(`${name}g`, true);
  code
    .op(0x82, 0x02)
    .push(3 + n)
    .op(0x90, 0x04)
    .op(0x80)
    .push(5)
    .op(0x1c, 0x18);
  code.push(2).op(0x0b).push(0x1f).op(0x16).push(10).op(0x0a).op(0x90).push(1).op(0x01, 0x90);
  code.jump(`${name}e`).label(`${name}g`);
  code.push(0x60).op(0x52).push(0x80).op(0x52);
  // An event, a call out, and what it returns.
  code
    .push(BigInt(`0x${"d7".repeat(32)}`), 32)
    .push(0x40)
    .push(0x60)
    .op(0xa1);
  code.push(0x20).push(0).push(0x24).push(0x60).push(0).op(0x85).op(0x5a, 0xf1);
  code.op(0x15).jump(`${name}h`, true).push(0).op(0x51).push(0).op(0x55);
  code.label(`${name}h`).op(0x3d).push(0).push(0).op(0x3e).op(0x50);
  code.push(1).push(0).op(0x52).push(0x20).push(0).op(0xf3);
}

/** The bytecode, some 3.5 kB: larger ones warm no better, and work that comes waits longer for the first round. */
export function warmUpCode(): Uint8Array {
  const code = new Assembler();
  code.push(0x80).push(0x40).op(0x52).push(4).op(0x36, 0x10).jump("fallback", true);
  code.push(0).op(0x35).push(0xe0).op(0x1c);
  for (let n = 0; n < FUNCTIONS; n++)
    code
      .op(0x80)
      .push(0x1234567 * (n + 1), 4)
      .op(0x14)
      .jump(`f${n}`, true);
  code.label("fallback").push(0).op(0x80, 0xfd);
  for (let n = 0; n < FUNCTIONS; n++) externalFunction(code, n);
  // (return address, a, b) to a + b, or a panic.
  code.label("checkedAdd").op(0x81, 0x01, 0x80, 0x91, 0x11).jump("panic", true).op(0x90, 0x56);
  code.label("panic").push(0x4e487b71, 4).push(0xe0).op(0x1b).push(0).op(0x52).push(0x24).push(0).op(0xfd);
  return code.finish();
}
