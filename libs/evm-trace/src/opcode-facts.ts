/** What readers of a trace need of opcodes. Shapes do not differ between forks; names and prices are those of the newest. */
import { type Opcode, opcodeTableOf } from "@velarium/evm-opcodes";

const table = opcodeTableOf("osaka");

const fact = <T>(op: number, of: (opcode: Opcode) => T, otherwise: T): T => {
  const opcode = table.opcode(op);
  return opcode === undefined ? otherwise : of(opcode);
};

export const opcodeName = (op: number): string =>
  fact(op, (opcode) => opcode.mnemonic, `opcode 0x${op.toString(16)} not defined`);
export const staticGas = (op: number): number => fact(op, (opcode) => opcode.staticGas, 0);
export const stackInputs = (op: number): number => fact(op, (opcode) => opcode.inputs, 0);
export const stackOutputs = (op: number): number => fact(op, (opcode) => opcode.outputs, 0);
