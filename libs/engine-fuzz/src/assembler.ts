/** Bytecode put together from parts, with jumps to places that are known only at the end. */

export const Op = {
  STOP: 0x00,
  ISZERO: 0x15,
  POP: 0x50,
  MLOAD: 0x51,
  MSTORE: 0x52,
  MSTORE8: 0x53,
  SLOAD: 0x54,
  SSTORE: 0x55,
  JUMP: 0x56,
  JUMPI: 0x57,
  GAS: 0x5a,
  JUMPDEST: 0x5b,
  DUP1: 0x80,
  SWAP1: 0x90,
  SUB: 0x03,
  LOG0: 0xa0,
  CREATE: 0xf0,
  CALL: 0xf1,
  CALLCODE: 0xf2,
  RETURN: 0xf3,
  DELEGATECALL: 0xf4,
  CREATE2: 0xf5,
  STATICCALL: 0xfa,
  REVERT: 0xfd,
  SELFDESTRUCT: 0xff,
} as const;

export class Assembler {
  private readonly bytes: number[] = [];
  private readonly labels: number[] = [];
  private readonly uses: { readonly at: number; readonly label: number }[] = [];

  get size(): number {
    return this.bytes.length;
  }

  op(...codes: number[]): this {
    this.bytes.push(...codes);
    return this;
  }

  /** The shortest PUSH of `value`; `width` bytes where given. */
  push(value: bigint | number, width?: number): this {
    let digits = BigInt(value).toString(16);
    if (digits.length % 2 === 1) digits = `0${digits}`;
    if (width !== undefined) digits = digits.padStart(width * 2, "0");
    this.bytes.push(0x5f + digits.length / 2, ...Buffer.from(digits, "hex"));
    return this;
  }

  raw(bytes: Uint8Array): this {
    for (const byte of bytes) this.bytes.push(byte);
    return this;
  }

  newLabel(): number {
    return this.labels.push(-1) - 1;
  }

  /** A JUMPDEST that `label` names. */
  place(label: number): this {
    this.labels[label] = this.bytes.length;
    return this.op(Op.JUMPDEST);
  }

  /** Pushes the place of a label. */
  pushLabel(label: number): this {
    this.uses.push({ at: this.bytes.length + 1, label });
    return this.op(0x61, 0, 0);
  }

  finish(): Uint8Array {
    const out = Uint8Array.from(this.bytes);
    for (const { at, label } of this.uses) {
      const place = Math.max(this.labels[label]!, 0);
      out[at] = place >> 8;
      out[at + 1] = place & 0xff;
    }
    return out;
  }
}
