/** How many bits a result can have, from those of its operands. */
import type { Bits, ValueId } from "../ir.ts";
import { type Operation, operationInfo } from "../operations.ts";

export type BitsOf = (id: ValueId) => Bits;
export type ConstantOf = (id: ValueId) => bigint | undefined;

const clamp = (bits: number): Bits => Math.max(0, Math.min(256, bits));
const small = (value: bigint | undefined): number | undefined =>
  value === undefined ? undefined : value > 256n ? 256 : Number(value);

/** A bound for the result of `op`; 256 where nothing is known. */
export function resultBits(
  op: Operation,
  args: readonly ValueId[],
  bitsOf: BitsOf,
  constantOf: ConstantOf,
): Bits {
  const { effect, bits: most } = operationInfo(op);
  if (effect !== "pure") return most;
  const a = bitsOf(args[0]!);
  const b = args.length > 1 ? bitsOf(args[1]!) : 0;
  switch (op) {
    case "add":
      return clamp(Math.max(a, b) + 1);
    case "mul":
      return clamp(a + b);
    case "div": {
      const divisor = constantOf(args[1]!);
      return divisor === undefined || divisor === 0n ? a : clamp(a - b + 1);
    }
    case "mod":
    case "and":
      return Math.min(a, b);
    case "or":
    case "xor":
      return Math.max(a, b);
    case "addmod":
    case "mulmod":
      return bitsOf(args[2]!);
    case "sdiv":
      // Not negative, either of them: the same as div.
      return a < 256 && b < 256 ? a : 256;
    case "smod":
      return a < 256 && b < 256 ? Math.min(a, b) : 256;
    case "shl": {
      const shift = small(constantOf(args[0]!));
      return shift === undefined ? 256 : clamp(b + shift);
    }
    case "shr":
    case "sar": {
      if (op === "sar" && b === 256) return 256;
      return clamp(b - (small(constantOf(args[0]!)) ?? 0));
    }
    case "signextend": {
      const size = small(constantOf(args[0]!));
      return size !== undefined && b <= 8 * size + 7 ? b : 256;
    }
    case "byte":
      return Math.min(8, b);
    default:
      return most;
  }
}
