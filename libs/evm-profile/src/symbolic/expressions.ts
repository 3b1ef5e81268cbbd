/** Expressions without duplicates, simplified as they are made. */
import { keccak256 } from "@velarium/hash-kernel";
import * as arithmetic from "../evaluate/arithmetic.ts";
import { loadWord } from "../evaluate/bytes.ts";
import type { Expression, ExpressionId, Part, PureOperation } from "../profile/format.ts";

const bit = (truth: boolean): bigint => (truth ? 1n : 0n);

/** Every pure operation on concrete words. */
export const PURE: Readonly<Record<PureOperation, (a: bigint, b: bigint, c: bigint) => bigint>> = {
  add: arithmetic.add,
  sub: arithmetic.sub,
  mul: arithmetic.mul,
  div: arithmetic.div,
  sdiv: arithmetic.sdiv,
  mod: arithmetic.mod,
  smod: arithmetic.smod,
  addmod: arithmetic.addmod,
  mulmod: arithmetic.mulmod,
  exp: arithmetic.exp,
  signextend: arithmetic.signextend,
  lt: (a, b) => bit(a < b),
  gt: (a, b) => bit(a > b),
  slt: (a, b) => bit(arithmetic.slt(a, b)),
  sgt: (a, b) => bit(arithmetic.slt(b, a)),
  eq: (a, b) => bit(a === b),
  iszero: (a) => bit(a === 0n),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  not: arithmetic.not,
  byte: arithmetic.byte,
  shl: arithmetic.shl,
  shr: arithmetic.shr,
  sar: arithmetic.sar,
  clz: arithmetic.clz,
};

const COMMUTATIVE: ReadonlySet<string> = new Set(["add", "mul", "eq", "and", "or", "xor"]);
/** Thrown when a profile needs more expressions than it may have. */
export class TooManyExpressions extends Error {}

export class Expressions {
  readonly all: Expression[] = [];
  private readonly ids = new Map<string, ExpressionId>();
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  intern(expression: Expression): ExpressionId {
    const name = nameOf(expression);
    const known = this.ids.get(name);
    if (known !== undefined) return known;
    if (this.all.length >= this.limit) throw new TooManyExpressions();
    this.all.push(expression);
    this.ids.set(name, this.all.length - 1);
    return this.all.length - 1;
  }

  constant(value: bigint): ExpressionId {
    return this.intern({ op: "constant", value });
  }

  /** The number that `id` is known to be. */
  valueOf(id: ExpressionId): bigint | undefined {
    const expression = this.all[id]!;
    return expression.op === "constant" ? expression.value : undefined;
  }

  apply(op: PureOperation, operands: readonly ExpressionId[]): ExpressionId {
    const values = operands.map((id) => this.valueOf(id));
    if (values.every((value) => value !== undefined))
      return this.constant(PURE[op](values[0]!, values[1] ?? 0n, values[2] ?? 0n));
    let args = operands;
    // A constant operand goes last, so that the same sum has one form.
    if (COMMUTATIVE.has(op) && (values[0] !== undefined || (values[1] === undefined && args[0]! > args[1]!)))
      args = [args[1]!, args[0]!];
    return this.simplified(op, args) ?? this.intern({ op, args });
  }

  /** The lower 160 bits. */
  asAddress(id: ExpressionId): ExpressionId {
    return this.apply("and", [id, this.constant((1n << 160n) - 1n)]);
  }

  private simplified(op: PureOperation, args: readonly ExpressionId[]): ExpressionId | undefined {
    const [a, b] = args as [ExpressionId, ExpressionId];
    const right = args.length > 1 ? this.valueOf(b) : undefined;
    switch (op) {
      case "add":
        return right === undefined ? undefined : this.sum(a, right);
      case "sub":
        if (a === b) return this.constant(0n);
        return right === undefined ? undefined : this.sum(a, arithmetic.sub(0n, right));
      case "mul":
        return right === 1n ? a : right === 0n ? b : undefined;
      case "div":
        return right === undefined ? undefined : this.quotient(a, right);
      case "and":
        return right === undefined ? (a === b ? a : undefined) : this.masked(a, right);
      case "or":
      case "xor":
        return right === 0n ? a : undefined;
      case "eq":
        return a === b ? this.constant(1n) : undefined;
      case "shl":
        return this.valueOf(a) === 0n ? b : undefined;
      case "shr": {
        const shift = this.valueOf(a);
        if (shift === 0n) return b;
        return shift !== undefined && shift % 8n === 0n && shift < 256n
          ? this.high(b, 32 - Number(shift / 8n))
          : undefined;
      }
      case "iszero": {
        // Three in a row are one.
        const inner = this.all[a]!;
        if (inner.op !== "iszero") return undefined;
        const innermost = this.all[(inner as { args: readonly ExpressionId[] }).args[0]!]!;
        return innermost.op === "iszero" ? (inner as { args: readonly ExpressionId[] }).args[0] : undefined;
      }
      default:
        return undefined;
    }
  }

  /** `a` + constant; constants of nested sums are joined. */
  private sum(a: ExpressionId, constant: bigint): ExpressionId {
    if (constant === 0n) return a;
    const expression = this.all[a]!;
    if (expression.op === "add") {
      const inner = this.valueOf(expression.args[1]!);
      if (inner !== undefined) return this.sum(expression.args[0]!, arithmetic.add(inner, constant));
    }
    return this.intern({ op: "add", args: [a, this.constant(constant)] });
  }

  /** Division by a power of two is a shift: how old compilers take the selector. */
  private quotient(a: ExpressionId, divisor: bigint): ExpressionId | undefined {
    if (divisor === 1n) return a;
    if (divisor <= 0n || (divisor & (divisor - 1n)) !== 0n) return undefined;
    return this.apply("shr", [this.constant(BigInt(divisor.toString(2).length - 1)), a]);
  }

  private masked(a: ExpressionId, mask: bigint): ExpressionId | undefined {
    if (mask === 0n) return this.constant(0n);
    if ((mask & (mask + 1n)) === 0n && mask >= (1n << BigInt(this.bitsOf(a))) - 1n) return a;
    const expression = this.all[a]!;
    if (expression.op !== "and") return undefined;
    const inner = this.valueOf(expression.args[1]!);
    return inner === undefined
      ? undefined
      : this.apply("and", [expression.args[0]!, this.constant(inner & mask)]);
  }

  /** The first `size` bytes of what was put together, as a number; undefined when `id` was not put together. */
  private high(id: ExpressionId, size: number): ExpressionId | undefined {
    const expression = this.all[id]!;
    if (expression.op !== "bytes") return undefined;
    const taken: Part[] = [];
    let left = size;
    for (const part of expression.parts) {
      if (left === 0) break;
      const part_ = part.size <= left ? part : { ...part, size: left };
      taken.push(part_);
      left -= part_.size;
    }
    return this.joined([{ value: this.constant(0n), from: 0, size: 32 - size }, ...taken]);
  }

  /** 32 bytes of consecutive parts. */
  joined(parts: readonly Part[]): ExpressionId {
    const merged = mergedParts(parts);
    if (merged.length === 1 && merged[0]!.size === 32) return merged[0]!.value;
    let constant: bigint | undefined = 0n;
    for (const { value, from, size } of merged) {
      const word = this.valueOf(value);
      if (word === undefined || constant === undefined) constant = undefined;
      else constant = (constant << BigInt(size * 8)) | cut(word, from, size);
    }
    return constant === undefined ? this.intern({ op: "bytes", parts: merged }) : this.constant(constant);
  }

  /** Hash of consecutive parts; of constants it is a constant. */
  keccak(parts: readonly Part[]): ExpressionId {
    const bytes: number[] = [];
    for (const { value, from, size } of parts) {
      const word = this.valueOf(value);
      if (word === undefined) return this.intern({ op: "keccak", parts: mergedParts(parts) });
      const text = cut(word, from, size)
        .toString(16)
        .padStart(size * 2, "0");
      for (let i = 0; i < size; i++) bytes.push(Number.parseInt(text.slice(i * 2, i * 2 + 2), 16));
    }
    return this.constant(loadWord(keccak256(Uint8Array.from(bytes)), 0));
  }

  /** A bound: the value is below 2^bits. */
  bitsOf(id: ExpressionId): number {
    const expression = this.all[id]!;
    switch (expression.op) {
      case "constant":
        return expression.value === 0n ? 0 : expression.value.toString(2).length;
      case "environment":
        return ["address", "origin", "caller", "coinbase"].includes(expression.name) ? 160 : 256;
      case "success":
      case "lt":
      case "gt":
      case "slt":
      case "sgt":
      case "eq":
      case "iszero":
        return 1;
      case "and": {
        const mask = this.valueOf(expression.args[1]!);
        return mask === undefined ? 256 : mask.toString(2).length;
      }
      case "shr": {
        const shift = this.valueOf(expression.args[0]!);
        return shift === undefined ? 256 : Math.max(0, 256 - Number(shift));
      }
      case "bytes": {
        const first = expression.parts[0]!;
        return this.valueOf(first.value) === 0n ? (32 - first.size) * 8 : 256;
      }
      default:
        return 256;
    }
  }
}

function mergedParts(parts: readonly Part[]): Part[] {
  const merged: Part[] = [];
  for (const part of parts) {
    const last = merged.at(-1);
    if (last !== undefined && last.value === part.value && last.from + last.size === part.from)
      merged[merged.length - 1] = { ...last, size: last.size + part.size };
    else if (part.size > 0) merged.push(part);
  }
  return merged;
}

/** Bytes `from` to `from + size` of a word, as a number. */
export function cut(word: bigint, from: number, size: number): bigint {
  const shifted = word >> BigInt((32 - from - size) * 8);
  return size === 32 ? shifted : BigInt.asUintN(size * 8, shifted);
}

function nameOf(expression: Expression): string {
  switch (expression.op) {
    case "constant":
      return `c${expression.value.toString(16)}`;
    case "immediate":
      return `i${expression.index}`;
    case "calldataat":
      return `at${expression.args[0]}`;
    case "calldata":
      return `d${expression.offset}`;
    case "environment":
      return `e${expression.name}`;
    case "found":
    case "success":
    case "returnsize":
      return `${expression.op}${expression.step}`;
    case "returned":
      return `r${expression.step}.${expression.offset}`;
    case "opaque":
      return `o${expression.what}`;
    case "bytes":
    case "keccak":
      return `${expression.op}${expression.parts.map(({ value, from, size }) => `${value},${from},${size}`).join(";")}`;
    default:
      return `${expression.op}(${expression.args.join(",")})`;
  }
}
