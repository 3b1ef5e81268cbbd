/** Random programs that get somewhere: blocks of instructions that jump to each other, call and return. */
import { opcodeTableOf } from "@velarium/evm-opcodes";
import fc from "fast-check";
import { CALLEE } from "./reference.ts";

const TABLE = opcodeTableOf("osaka");
const code = (mnemonic: string): number => TABLE.byMnemonic(mnemonic)!.code;

/** Part of a program: bytes, or a label to be filled in with the position of a block. */
type Part = number | { readonly label: number };

const push = (value: bigint): Part[] => {
  const hex = value === 0n ? "00" : value.toString(16);
  const bytes = [...Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex")];
  return [0x5f + bytes.length, ...bytes];
};
const pushLabel = (label: number): Part[] => [0x61, { label }, 0];

const smallNumber = fc.bigInt({ min: 0n, max: 300n });
const number = fc.oneof(
  { weight: 6, arbitrary: smallNumber },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom((1n << 256n) - 1n, 1n << 255n, (1n << 160n) - 1n, 1n << 64n, (1n << 64n) - 1n),
  },
);

const PURE =
  "ADD MUL SUB DIV SDIV MOD SMOD ADDMOD MULMOD EXP SIGNEXTEND LT GT SLT SGT EQ ISZERO AND OR XOR NOT BYTE SHL SHR SAR".split(
    " ",
  );
const ENVIRONMENT =
  "ADDRESS ORIGIN CALLER CALLVALUE CALLDATASIZE CODESIZE GASPRICE RETURNDATASIZE COINBASE TIMESTAMP NUMBER GASLIMIT CHAINID SELFBALANCE MSIZE GAS PC".split(
    " ",
  );

/** An instruction with its operands pushed before it, some of them left to what is on the stack. */
function withOperands(mnemonic: string, operands: fc.Arbitrary<bigint>): fc.Arbitrary<Part[]> {
  const { inputs } = TABLE.byMnemonic(mnemonic)!;
  return fc
    .array(fc.option(operands, { freq: 3 }), { minLength: inputs, maxLength: inputs })
    .map((values) => [...values.flatMap((value) => (value === null ? [] : push(value))), code(mnemonic)]);
}

const pure = fc.constantFrom(...PURE).chain((mnemonic) => withOperands(mnemonic, number));
const environment = fc.constantFrom(...ENVIRONMENT).map((mnemonic): Part[] => [code(mnemonic)]);
const memory = fc
  .constantFrom(
    "MLOAD",
    "MSTORE",
    "MSTORE8",
    "KECCAK256",
    "CALLDATACOPY",
    "CODECOPY",
    "RETURNDATACOPY",
    "CALLDATALOAD",
  )
  .chain((mnemonic) => withOperands(mnemonic, smallNumber));
const state = fc
  .constantFrom("SLOAD", "SSTORE", "BALANCE", "EXTCODESIZE", "EXTCODEHASH", "EXTCODECOPY", "LOG0", "LOG2")
  .chain((mnemonic) => withOperands(mnemonic, fc.bigInt({ min: 0n, max: 3n })));
const mapping = fc
  .tuple(smallNumber, fc.constantFrom("SLOAD", "POP"))
  .map(([slot, use]): Part[] => [
    ...[...push(0n), code("MSTORE"), ...push(slot), ...push(32n), code("MSTORE")],
    ...[...push(64n), ...push(0n), code("KECCAK256"), code(use)],
  ]);
const stack = fc.oneof(
  number.map(push),
  fc.integer({ min: 0x80, max: 0x84 }).map((op): Part[] => [op]),
  fc.integer({ min: 0x90, max: 0x93 }).map((op): Part[] => [op]),
  fc.constant<Part[]>([code("POP")]),
);
const call = fc
  .tuple(fc.constantFrom("CALL", "STATICCALL", "DELEGATECALL", "CALLCODE"), fc.bigInt({ min: 0n, max: 96n }))
  .map(([mnemonic, at]): Part[] => [
    ...[...push(32n), ...push(at), ...push(at), ...push(0n)],
    ...(TABLE.byMnemonic(mnemonic)!.inputs === 7 ? push(0n) : []),
    ...[...push(BigInt(CALLEE)), ...push(5000n), code(mnemonic)],
  ]);

const instruction = fc.oneof(
  { weight: 6, arbitrary: stack },
  { weight: 6, arbitrary: pure },
  { weight: 2, arbitrary: environment },
  { weight: 3, arbitrary: memory },
  { weight: 2, arbitrary: state },
  { weight: 1, arbitrary: mapping },
  { weight: 1, arbitrary: call },
);

const label = fc.integer({ min: 0, max: 7 });
const ending = fc.oneof(
  { weight: 4, arbitrary: label.map((to): Part[] => [...pushLabel(to), code("JUMPI")]) },
  { weight: 2, arbitrary: label.map((to): Part[] => [code("ISZERO"), ...pushLabel(to), code("JUMPI")]) },
  { weight: 2, arbitrary: label.map((to): Part[] => [...pushLabel(to), code("JUMP")]) },
  // Calls an internal function with one argument.
  {
    weight: 3,
    arbitrary: fc
      .tuple(label, label, number)
      .map(([back, to, argument]): Part[] => [
        ...[...pushLabel(back), ...push(argument), ...pushLabel(to), code("JUMP")],
      ]),
  },
  // Returns from one.
  { weight: 3, arbitrary: fc.constant<Part[]>([code("SWAP1"), code("JUMP")]) },
  { weight: 1, arbitrary: fc.constant<Part[]>([code("JUMP")]) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("RETURN", "REVERT").map((m): Part[] => [...push(40n), ...push(8n), code(m)]),
  },
  { weight: 1, arbitrary: fc.constantFrom("STOP", "INVALID").map((m): Part[] => [code(m)]) },
  { weight: 1, arbitrary: fc.constant<Part[]>([]) },
);

const block = fc
  .tuple(fc.array(instruction, { maxLength: 8 }), ending)
  .map(([instructions, end]): Part[] => [code("JUMPDEST"), ...instructions.flat(), ...end]);

function assemble(blocks: readonly Part[][]): Uint8Array {
  const positions: number[] = [];
  let at = 0;
  for (const parts of blocks) {
    positions.push(at);
    at += parts.length;
  }
  const bytes = blocks.flat();
  const code = new Uint8Array(bytes.length);
  for (const [i, part] of bytes.entries()) {
    if (typeof part === "number") code[i] ||= part;
    else {
      // A label that names no block jumps astray.
      const target = positions[part.label] ?? 3;
      code[i] = target >> 8;
      code[i + 1] = target & 0xff;
    }
  }
  return code;
}

/** Programs of up to eight blocks. */
export const program: fc.Arbitrary<Uint8Array> = fc
  .array(block, { minLength: 1, maxLength: 8 })
  .map((blocks) => assemble([push(7n).concat(push(1n), push(3n)), ...blocks].map((parts) => parts)))
  .map((bytes) => bytes);

/** Bytes of which most are opcodes. */
export const noise: fc.Arbitrary<Uint8Array> = fc
  .array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.constantFrom(
          ...TABLE.opcodes.map(({ code: byte }) => byte).filter((byte) => byte < 0xa5),
        ),
      },
      { weight: 4, arbitrary: fc.constantFrom(0x60, 0x5b, 0x56, 0x57, 0x80, 0x01, 0x50, 0x90) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
    ),
    { minLength: 0, maxLength: 80 },
  )
  .map((bytes) => Uint8Array.from(bytes));

/** Returns its calldata's first word plus one, or reverts when that is zero. */
export const CALLEE_CODE = Uint8Array.from(
  Buffer.from("5f358015600f57600101600052602060 00f35b60206000fd".replace(" ", ""), "hex"),
);
