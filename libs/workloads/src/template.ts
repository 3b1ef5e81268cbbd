/**
 * Transactions as templates: RLP bodies in which only nonce, ends and amounts change, so that a transaction is a copy
 * and a few stores. A body runs from the first field to the last one before the signature; it is the same signed and
 * unsigned. Amounts are 2^24 to 2^32 - 1, four bytes always; nonces have one template per encoded width.
 */
export const NONCE_WIDTHS = 5;

export interface TemplateFields {
  readonly type: 0 | 2;
  readonly chainId: number;
  readonly maxFeePerGas: number;
  readonly maxPriorityFeePerGas: number;
  readonly gasLimit: number;
  /** Calldata, or none; then the amount is the value. */
  readonly data: Uint8Array;
  readonly hasValue: boolean;
}

export interface Template {
  readonly body: Uint8Array;
  readonly nonceAt: number;
  readonly toAt: number;
  /** Four bytes of the ether amount, or -1. */
  readonly valueAt: number;
  readonly dataAt: number;
}

/** Encoded bytes of a nonce below 2^32: 1 for 0 to 127, then 2 to 5. */
export function nonceWidth(nonce: number): number {
  if (nonce < 0x80) return 1;
  if (nonce < 0x100) return 2;
  if (nonce < 0x1_0000) return 3;
  return nonce < 0x100_0000 ? 4 : 5;
}

export function putNonce(out: Uint8Array, at: number, nonce: number, width: number): void {
  if (width === 1) {
    out[at] = nonce === 0 ? 0x80 : nonce;
    return;
  }
  out[at] = 0x80 + width - 1;
  for (let i = width - 1, rest = nonce; i > 0; i--, rest >>>= 8) out[at + i] = rest & 0xff;
}

/** RLP of a non-negative integer below 2^53. */
export function integerRlp(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return bytes.length === 1 && bytes[0]! < 0x80 ? bytes : [0x80 + bytes.length, ...bytes];
}

/** RLP header of a list (base 0xc0) or string (base 0x80) with `size` bytes of content, up to 65,535. */
export function headerRlp(base: number, size: number): number[] {
  if (size < 56) return [base + size];
  return size < 256 ? [base + 56, size] : [base + 57, size >>> 8, size & 0xff];
}

/** One template per nonce width, at index width - 1. */
export function makeTemplates(f: TemplateFields): Template[] {
  return Array.from({ length: NONCE_WIDTHS }, (_, i) => {
    const body: number[] = f.type === 2 ? integerRlp(f.chainId) : [];
    const nonceAt = body.length;
    for (let n = 0; n <= i; n++) body.push(0);
    if (f.type === 2) body.push(...integerRlp(f.maxPriorityFeePerGas));
    body.push(...integerRlp(f.maxFeePerGas), ...integerRlp(f.gasLimit));
    const toAt = body.push(0x94);
    for (let n = 0; n < 20; n++) body.push(0);
    let valueAt = -1;
    if (f.hasValue) {
      valueAt = body.push(0x84);
      body.push(0, 0, 0, 0);
    } else body.push(0x80);
    body.push(...headerRlp(0x80, f.data.length));
    const dataAt = body.length;
    body.push(...f.data);
    if (f.type === 2) body.push(0xc0);
    return { body: Uint8Array.from(body), nonceAt, toAt, valueAt, dataAt };
  });
}
