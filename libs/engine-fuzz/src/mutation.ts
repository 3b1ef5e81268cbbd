/** Real contracts, altered: code that compilers make, with faults that they do not. */
import { opcodeTableOf } from "@velarium/evm-opcodes";
import type { Random } from "./random.ts";

const PUSH1 = 0x60;
const PUSH4 = 0x63;
const PUSH32 = 0x7f;
const MAX_EDITS = 6;

const table = opcodeTableOf("osaka");

/** Starts of instructions. */
function instructionsOf(code: Uint8Array): number[] {
  const starts: number[] = [];
  for (let at = 0; at < code.length; at++) {
    starts.push(at);
    const opcode = code[at]!;
    if (opcode >= PUSH1 && opcode <= PUSH32) at += opcode - PUSH1 + 1;
  }
  return starts;
}

/** Constants of four bytes, among which a contract's selectors are. */
export function selectorsOf(code: Uint8Array): Uint8Array[] {
  return instructionsOf(code)
    .filter((at) => code[at] === PUSH4 && at + 5 <= code.length)
    .map((at) => code.slice(at + 1, at + 5));
}

/** Replaces a few opcodes by others that take and leave as much, and bytes of constants by others. */
export function mutateCode(code: Uint8Array, random: Random): Uint8Array {
  const out = code.slice();
  const starts = instructionsOf(code);
  for (let edits = random.below(MAX_EDITS); edits > 0; edits--) {
    const at = random.pick(starts);
    const opcode = table.opcode(out[at]!);
    if (opcode === undefined || random.chance(10)) out[at] = random.below(256);
    else if (opcode.immediateBytes > 0)
      out[Math.min(at + random.between(1, opcode.immediateBytes), out.length - 1)] = random.below(256);
    else {
      const alike = table.opcodes.filter(
        ({ inputs, outputs, immediateBytes }) =>
          inputs === opcode.inputs && outputs === opcode.outputs && immediateBytes === 0,
      );
      out[at] = random.pick(alike).code;
    }
  }
  return random.chance(5) ? out.subarray(0, random.below(out.length) + 1) : out;
}

/** Calldata for such a contract: one of its selectors and words that may be addresses, amounts or offsets. */
export function callDataFor(code: Uint8Array, random: Random, addresses: readonly bigint[]): Uint8Array {
  const selectors = selectorsOf(code);
  const words = random.below(6);
  const out = new Uint8Array(4 + 32 * words);
  out.set(selectors.length > 0 && !random.chance(5) ? random.pick(selectors) : random.bytes(4));
  for (let i = 0; i < words; i++) {
    const value = random.chance(40)
      ? random.pick(addresses)
      : random.chance(50)
        ? BigInt(random.below(1000))
        : random.word();
    out.set(Buffer.from(value.toString(16).padStart(64, "0"), "hex"), 4 + 32 * i);
  }
  return out;
}
