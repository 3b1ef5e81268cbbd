/** Code as one line of mnemonics, for people who read a failing case. */
import { opcodeTableOf } from "@velarium/evm-opcodes";

const table = opcodeTableOf("osaka");

export function disassemble(code: Uint8Array): string {
  const words: string[] = [];
  for (let at = 0; at < code.length; ) {
    const opcode = table.opcode(code[at]!);
    const size = opcode?.immediateBytes ?? 0;
    const name = opcode?.mnemonic ?? `0x${code[at]!.toString(16)}`;
    const constant = Buffer.from(code.subarray(at + 1, at + 1 + size)).toString("hex");
    words.push(size > 0 ? `${name} ${constant}` : name);
    at += 1 + size;
  }
  return words.join(" ");
}
