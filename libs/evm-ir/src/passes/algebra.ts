/** Identities of pure operations. A rule gives a value that is there already, or another operation over some. */
import type { Construction } from "../construct.ts";
import type { Instruction, ValueId } from "../ir.ts";
import type { Operation } from "../operations.ts";
import { bitLength, evaluatePure, WORD_MASK } from "../semantics.ts";

interface Expression {
  readonly op: Operation;
  readonly args: ValueId[];
}

/** A value, a simpler expression, or undefined when no rule applies. */
export type Simplified = ValueId | Expression | undefined;

/** What rules may look at. */
export interface Context {
  readonly ir: Construction;
  /** The pure instruction that defines a value, if one does. */
  definition(id: ValueId): Instruction | undefined;
}

const isPowerOfTwo = (value: bigint): boolean => value !== 0n && (value & (value - 1n)) === 0n;
const expression = (op: Operation, ...args: ValueId[]): Expression => ({ op, args });

/** The operation over constants alone. */
function fold({ ir }: Context, op: Operation, args: readonly ValueId[]): Simplified {
  const constants: bigint[] = [];
  for (const arg of args) {
    const constant = ir.constantOf(arg);
    if (constant === undefined) return undefined;
    constants.push(constant);
  }
  const value = evaluatePure(op, constants);
  return value === undefined ? undefined : ir.constant(value);
}

/** (x op k1) op k2 for an associative operation. */
function reassociate(context: Context, op: Operation, x: ValueId, k: ValueId): Simplified {
  const inner = context.definition(x);
  if (inner?.op !== op) return undefined;
  const [a, b] = inner.args as [ValueId, ValueId];
  const { ir } = context;
  const [constant, other] = ir.constantOf(a) !== undefined ? [a, b] : [b, a];
  if (ir.constantOf(constant) === undefined) return undefined;
  const folded = fold(context, op, [constant, k]);
  return typeof folded === "number" ? expression(op, folded, other) : undefined;
}

/** Rules for commutative operations with a constant; `x` is the other operand. */
function withConstant(context: Context, op: Operation, x: ValueId, k: ValueId): Simplified {
  const { ir } = context;
  const value = ir.constantOf(k)!;
  const bits = ir.values[x]!.bits;
  switch (op) {
    case "add":
      return value === 0n ? x : reassociate(context, op, x, k);
    case "mul":
      if (value === 0n) return k;
      if (value === 1n) return x;
      return isPowerOfTwo(value)
        ? expression("shl", ir.constant(BigInt(bitLength(value) - 1)), x)
        : undefined;
    case "and": {
      if (value === 0n) return k;
      // A mask that covers all that x can have.
      const covered = (1n << BigInt(bits)) - 1n;
      return (value & covered) === covered ? x : reassociate(context, op, x, k);
    }
    case "or":
      if (value === WORD_MASK) return k;
      return value === 0n ? x : reassociate(context, op, x, k);
    case "xor":
      return value === 0n ? x : reassociate(context, op, x, k);
    case "eq":
      if (bitLength(value) > bits) return ir.constant(0n);
      if (value === 0n) return expression("iszero", x);
      return value === 1n && bits === 1 ? x : undefined;
    default:
      return undefined;
  }
}

/** Both operands are the same value. */
function withItself({ ir }: Context, op: Operation, x: ValueId): Simplified {
  switch (op) {
    case "sub":
    case "xor":
    case "lt":
    case "gt":
    case "slt":
    case "sgt":
      return ir.constant(0n);
    case "and":
    case "or":
      return x;
    case "eq":
      return ir.constant(1n);
    default:
      return undefined;
  }
}

function shift({ ir, definition }: Context, op: Operation, amount: ValueId, x: ValueId): Simplified {
  const by = ir.constantOf(amount);
  if (by === undefined) return undefined;
  const { bits } = ir.values[x]!;
  if (by === 0n) return x;
  if (op === "sar") return bits < 256 ? expression("shr", amount, x) : undefined;
  if (by >= 256n || (op === "shr" && by >= BigInt(bits))) return ir.constant(0n);
  const inner = definition(x);
  if (inner === undefined || inner.args.length !== 2) return undefined;
  const innerBy = ir.constantOf(inner.args[0]!);
  if (inner.op === op && innerBy !== undefined)
    return expression(op, ir.constant(innerBy + by), inner.args[1]!);
  if (op === "shr" && inner.op === "shl" && innerBy === by)
    return expression("and", ir.constant(WORD_MASK >> by), inner.args[1]!);
  return undefined;
}

function divide(context: Context, op: Operation, x: ValueId, divisor: ValueId): Simplified {
  const { ir } = context;
  const value = ir.constantOf(divisor);
  if (value === undefined) return undefined;
  if (value === 0n) return ir.constant(0n);
  const isModulo = op === "mod" || op === "smod";
  if ((op === "sdiv" || op === "smod") && (ir.values[x]!.bits === 256 || bitLength(value) === 256))
    return undefined;
  if (value === 1n) return isModulo ? ir.constant(0n) : x;
  if (isPowerOfTwo(value))
    return isModulo
      ? expression("and", x, ir.constant(value - 1n))
      : expression("shr", ir.constant(BigInt(bitLength(value) - 1)), x);
  if (op === "sdiv") return expression("div", x, divisor);
  return op === "smod" ? expression("mod", x, divisor) : undefined;
}

/** Comparisons that bounds decide. `a` is less than `b`. */
function less(context: Context, a: ValueId, b: ValueId): Simplified {
  const { ir } = context;
  const left = ir.constantOf(a);
  const right = ir.constantOf(b);
  if (right === 0n) return b;
  if (right !== undefined && bitLength(right) > ir.values[a]!.bits) return ir.constant(1n);
  if (left !== undefined && left >= (1n << BigInt(ir.values[b]!.bits)) - 1n) return ir.constant(0n);
  return right === 1n ? expression("iszero", a) : undefined;
}

function isZero(context: Context, x: ValueId): Simplified {
  const inner = context.definition(x);
  if (inner?.op === "iszero") {
    const [y] = inner.args as [ValueId];
    if (context.ir.values[y]!.bits <= 1) return y;
    const innermost = context.definition(y);
    if (innermost?.op === "iszero") return expression("iszero", innermost.args[0]!);
  }
  // Solidity compares by difference.
  if (inner?.op === "sub" || inner?.op === "xor") return expression("eq", inner.args[0]!, inner.args[1]!);
  return undefined;
}

const COMMUTATIVE: ReadonlySet<Operation> = new Set(["add", "mul", "and", "or", "xor", "eq"]);

/** A simpler form of `op` over `args`, one step. */
export function simplify(context: Context, op: Operation, args: readonly ValueId[]): Simplified {
  const folded = fold(context, op, args);
  if (folded !== undefined) return folded;
  const { ir } = context;
  const [a, b] = args as [ValueId, ValueId];
  if (a === b && args.length === 2) {
    const same = withItself(context, op, a);
    if (same !== undefined) return same;
  }
  if (COMMUTATIVE.has(op)) {
    if (ir.constantOf(a) !== undefined) return withConstant(context, op, b, a);
    if (ir.constantOf(b) !== undefined) return withConstant(context, op, a, b);
    return undefined;
  }
  switch (op) {
    case "sub":
      return ir.constantOf(b) === 0n ? a : undefined;
    case "shl":
    case "shr":
    case "sar":
      return shift(context, op, a, b);
    case "div":
    case "sdiv":
    case "mod":
    case "smod":
      return divide(context, op, a, b);
    case "lt":
      return less(context, a, b);
    case "gt":
      return less(context, b, a);
    case "iszero":
      return isZero(context, a);
    case "not":
      return context.definition(a)?.op === "not" ? context.definition(a)!.args[0] : undefined;
    case "signextend": {
      const size = ir.constantOf(a);
      const fits = size !== undefined && (size >= 31n || BigInt(ir.values[b]!.bits) <= 8n * size + 7n);
      return fits ? b : undefined;
    }
    case "byte":
      return ir.constantOf(a) === 31n && ir.values[b]!.bits <= 8 ? b : undefined;
    default:
      return undefined;
  }
}
