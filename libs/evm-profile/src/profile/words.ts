/** Profiles in words. */
import { cut } from "../symbolic/expressions.ts";
import {
  type Bytes,
  type Delta,
  type Expression,
  type ExpressionId,
  NO_CALLDATA,
  OTHER_SELECTOR,
  type Part,
  PROFILE_UNKNOWNS,
  type SegmentId,
  type SelectorProfile,
  type Step,
} from "./format.ts";
import { signatureOf } from "./signatures.ts";

const INFIX: Readonly<Record<string, string>> = {
  add: "+", sub: "-", mul: "*", div: "/", mod: "%", lt: "<", gt: ">", eq: "=", and: "&", or: "|", xor: "^", exp: "**",
}; // biome-ignore format: a table
const WORD = 1n << 256n;
const ADDRESS = (1n << 160n) - 1n;
/** Expressions nested deeper are cut short. */
const MAX_DEPTH = 7;
/** Numbers below are written in decimal. */
const DECIMAL_LIMIT = 1_000_000n;

const DELTA_NEEDS: Readonly<Record<Delta["needs"][number], string>> = {
  nonzero: "the slot is not zero",
  nooverflow: "the sum does not overflow",
  amount: "the amount is not zero",
  distinct: "no other access of the transaction is to this slot",
};

export const selectorName = (selector: number): string => {
  if (selector === OTHER_SELECTOR) return "any other calldata (here with 0xdeadbeef for a selector)";
  if (selector === NO_CALLDATA) return "no calldata";
  const hex = `0x${selector.toString(16).padStart(8, "0")}`;
  const signature = signatureOf(selector);
  return signature === undefined ? hex : `${hex} ${signature}`;
};

class Writer {
  private readonly profile: SelectorProfile;
  constructor(profile: SelectorProfile) {
    this.profile = profile;
  }

  private at(id: ExpressionId): Expression {
    return this.profile.expressions[id]!;
  }

  private constant(id: ExpressionId): bigint | undefined {
    const expression = this.at(id);
    return expression.op === "constant" ? expression.value : undefined;
  }

  expression(id: ExpressionId, depth = 0): string {
    const expression = this.at(id);
    if (depth > MAX_DEPTH) return "…";
    const inner = (other: ExpressionId): string => this.expression(other, depth + 1);
    switch (expression.op) {
      case "constant":
        return numberText(expression.value);
      case "immediate":
        return `immutable ${expression.index}`;
      case "calldata":
        return (expression.offset - 4) % 32 === 0
          ? `arg ${(expression.offset - 4) / 32}`
          : `calldata[${expression.offset}]`;
      case "calldataat":
        return `calldata[${inner(expression.args[0])}]`;
      case "environment":
        return expression.name;
      case "found":
        return `v${expression.step}`;
      case "success":
        return `v${expression.step} succeeded`;
      case "returned":
        return `v${expression.step}.word ${expression.offset / 32}`;
      case "returnsize":
        return `v${expression.step}.size`;
      case "opaque":
        return expression.what;
      case "bytes":
        return `bytes(${this.parts(expression.parts, depth)})`;
      case "keccak":
        return this.hash(expression.parts, depth);
      default: {
        const [a, b] = expression.args as [ExpressionId, ExpressionId];
        if (expression.op === "and" && this.constant(b) === ADDRESS) return `address(${inner(a)})`;
        if (expression.op === "and") {
          const bits = maskBits(this.constant(b));
          if (bits > 0) return `uint${bits}(${inner(a)})`;
        }
        if (expression.op === "shr") return `(${inner(b)} >> ${inner(a)})`;
        if (expression.op === "shl") return `(${inner(b)} << ${inner(a)})`;
        if (expression.op === "iszero") return `not ${inner(a)}`;
        if (expression.op === "add") {
          const right = this.constant(b);
          if (right !== undefined && right > WORD / 2n) return `(${inner(a)} - ${numberText(WORD - right)})`;
        }
        const infix = INFIX[expression.op];
        if (infix !== undefined && expression.args.length === 2) return `(${inner(a)} ${infix} ${inner(b)})`;
        return `${expression.op}(${expression.args.map(inner).join(", ")})`;
      }
    }
  }

  private parts(parts: readonly Part[], depth: number): string {
    return parts
      .map(({ value, from, size }) => {
        const constant = this.constant(value);
        if (constant !== undefined && size < 32)
          return `0x${cut(constant, from, size)
            .toString(16)
            .padStart(size * 2, "0")}`;
        const text = this.expression(value, depth + 1);
        return size === 32 ? text : `${text}[${from}..${from + size}]`;
      })
      .join(" . ");
  }

  private hash(parts: readonly Part[], depth: number): string {
    const words = parts.every(({ size }) => size === 32);
    if (words && parts.length === 1) return `array(${this.expression(parts[0]!.value, depth + 1)})`;
    if (words && parts.length === 2) {
      const key = this.expression(parts[0]!.value, depth + 1);
      const base = this.at(parts[1]!.value);
      // The hash of (key . slot) is where Solidity and Vyper put mappings.
      if (base.op === "constant" && base.value < DECIMAL_LIMIT) return `map ${base.value}[${key}]`;
      if (base.op === "keccak") return `${this.expression(parts[1]!.value, depth + 1)}[${key}]`;
    }
    return `keccak(${this.parts(parts, depth)})`;
  }

  bytes(bytes: Bytes): string {
    if (bytes.kind === "calldata") return "its own calldata";
    if (bytes.kind === "returned") return `what v${bytes.step} returned`;
    return bytes.parts.length === 0 ? "nothing" : this.parts(bytes.parts, 1);
  }

  slot(id: ExpressionId): string {
    const value = this.constant(id);
    return `slot ${value === undefined ? this.expression(id) : numberText(value)}`;
  }

  step(step: Step): string {
    switch (step.kind) {
      case "read":
        return `v${step.step} = read ${this.slot(step.slot)}`;
      case "write": {
        const { delta } = step;
        if (delta === undefined) return `write ${this.slot(step.slot)} := ${this.expression(step.value)}`;
        const needs = delta.needs.map((need) => DELTA_NEEDS[need]).join(", ");
        return `add ${this.expression(delta.amount)} to ${this.slot(step.slot)} (a delta while ${needs})`;
      }
      case "transientread":
        return `v${step.step} = transient ${this.slot(step.slot)}`;
      case "transientwrite":
        return `transient ${this.slot(step.slot)} := ${this.expression(step.value)}`;
      case "account":
        return `v${step.step} = ${step.what} of ${this.expression(step.address)}`;
      case "blockhash":
        return `v${step.step} = hash of block ${this.expression(step.number)}`;
      case "call": {
        const value = this.constant(step.value) === 0n ? "" : `, value ${this.expression(step.value)}`;
        return `v${step.step} = ${step.op} ${this.expression(step.target)}${value} with ${this.bytes(step.data)}`;
      }
      case "guard":
        return `require ${step.holds ? "" : "not "}${this.expression(step.condition)}`;
    }
  }

  /** Segments that several ways lead to are written once. */
  lines(id: SegmentId, indent: string, shared: ReadonlySet<SegmentId>, written: Set<SegmentId>): string[] {
    if (shared.has(id) && written.has(id)) return [`${indent}go on as at #${id}`];
    written.add(id);
    const { steps, end } = this.profile.segments[id]!;
    const lines = shared.has(id) ? [`${indent}#${id}:`] : [];
    for (const step of steps) lines.push(indent + this.step(step));
    switch (end.kind) {
      case "return":
        lines.push(`${indent}return ${this.bytes(end.data)}`);
        break;
      case "revert":
        lines.push(`${indent}fail`);
        break;
      case "selfdestruct":
        lines.push(`${indent}destroy itself, what it has goes to ${this.expression(end.beneficiary)}`);
        break;
      case "unknown":
        lines.push(`${indent}unknown from pc ${end.pc} on: ${PROFILE_UNKNOWNS[end.reason]}`);
        break;
      case "branch":
        lines.push(`${indent}if ${this.expression(end.condition)}`);
        lines.push(...this.lines(end.nonzero, `${indent}  `, shared, written));
        lines.push(`${indent}else`, ...this.lines(end.zero, `${indent}  `, shared, written));
    }
    return lines;
  }
}

/** Bits of a mask of low bytes; 0 when it is none. */
function maskBits(mask: bigint | undefined): number {
  if (mask === undefined || mask <= 1n || (mask & (mask + 1n)) !== 0n) return 0;
  const bits = mask.toString(2).length;
  return bits % 8 === 0 ? bits : 0;
}

function numberText(value: bigint): string {
  if (value === WORD - 1n) return "the largest word";
  return value < DECIMAL_LIMIT ? value.toString() : `0x${value.toString(16)}`;
}

/** One line per step, indented by branches. */
export function profileLines(profile: SelectorProfile): string[] {
  const times = new Map<SegmentId, number>();
  for (const { end } of profile.segments) {
    if (end.kind !== "branch") continue;
    for (const next of [end.nonzero, end.zero]) times.set(next, (times.get(next) ?? 0) + 1);
  }
  const shared = new Set([...times].filter(([, count]) => count > 1).map(([id]) => id));
  const body = new Writer(profile).lines(profile.root, "  ", shared, new Set());
  return [selectorName(profile.selector), ...body];
}
