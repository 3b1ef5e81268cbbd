/** The table of one fork, made from the definitions. */
import { type BlockRules, type Fork, isAtLeast } from "@velarium/chain-rules";
import { DEFINITIONS, type Definition, type GasByFork } from "./definitions.ts";
import type { Opcode } from "./opcode.ts";
import { type GasSchedule, gasSchedule } from "./schedule.ts";

/** Bits of `PackedOpcodes.flags`. */
export const FLAG_DEFINED = 1;
export const FLAG_SUSPENDS = 2;
export const FLAG_OBSERVES_GAS = 4;
export const FLAG_CHANGES_STATE = 8;
export const FLAG_HALTS = 16;
/** Static gas is in no section: see `Opcode.section`. */
export const FLAG_ALONE = 32;

/** Columns of 256 entries by code, for interpreters; entries of undefined opcodes are zero. */
export interface PackedOpcodes {
  readonly inputs: Uint8Array;
  readonly outputs: Uint8Array;
  readonly immediateBytes: Uint8Array;
  readonly staticGas: Uint16Array;
  readonly flags: Uint8Array;
}

/** All that a fork says about opcodes. One object per fork: compare by reference. */
export interface OpcodeTable {
  readonly fork: Fork;
  readonly gas: GasSchedule;
  /** Undefined where the fork has no such opcode; executing one fails like INVALID. */
  opcode(code: number): Opcode | undefined;
  /** Defined opcodes in order of their codes. */
  readonly opcodes: readonly Opcode[];
  byMnemonic(mnemonic: string): Opcode | undefined;
  readonly packed: PackedOpcodes;
}

function gasAt(gas: GasByFork, fork: Fork): number {
  if (typeof gas === "number") return gas;
  let found = 0;
  for (const [since, price] of gas) if (isAtLeast(fork, since)) found = price;
  return found;
}

function sectionOf(definition: Definition): Opcode["section"] {
  if (definition.mnemonic === "JUMPDEST") return "starts";
  if (definition.suspends) return "alone";
  if (definition.kind === "jump" || definition.kind === "gas" || definition.halts) return "ends";
  return "none";
}

function opcodeAt(definition: Definition, fork: Fork): Opcode {
  const { gas, before, after, renamed, ...rest } = definition;
  return {
    ...rest,
    mnemonic: renamed !== undefined && isAtLeast(fork, renamed[0]) ? renamed[1] : rest.mnemonic,
    staticGas: gasAt(gas, fork),
    gasBeforeAccess: before,
    gasAfterAccess: after,
    section: sectionOf(definition),
  };
}

function pack(opcodes: readonly Opcode[]): PackedOpcodes {
  const packed = {
    inputs: new Uint8Array(256),
    outputs: new Uint8Array(256),
    immediateBytes: new Uint8Array(256),
    staticGas: new Uint16Array(256),
    flags: new Uint8Array(256),
  };
  for (const opcode of opcodes) {
    packed.inputs[opcode.code] = opcode.inputs;
    packed.outputs[opcode.code] = opcode.outputs;
    packed.immediateBytes[opcode.code] = opcode.immediateBytes;
    packed.staticGas[opcode.code] = opcode.staticGas;
    packed.flags[opcode.code] =
      FLAG_DEFINED |
      (opcode.suspends ? FLAG_SUSPENDS : 0) |
      (opcode.observesGas ? FLAG_OBSERVES_GAS : 0) |
      (opcode.changesState ? FLAG_CHANGES_STATE : 0) |
      (opcode.halts ? FLAG_HALTS : 0) |
      (opcode.section === "alone" ? FLAG_ALONE : 0);
  }
  return packed;
}

function createTable(fork: Fork): OpcodeTable {
  const opcodes = DEFINITIONS.filter(({ since }) => isAtLeast(fork, since))
    .map((definition) => opcodeAt(definition, fork))
    .sort((a, b) => a.code - b.code);
  const byCode: (Opcode | undefined)[] = Array.from({ length: 256 }, () => undefined);
  for (const opcode of opcodes) byCode[opcode.code] = opcode;
  const byName = new Map(opcodes.map((opcode) => [opcode.mnemonic, opcode]));
  return {
    fork,
    gas: gasSchedule(fork),
    opcode: (code) => byCode[code],
    opcodes,
    byMnemonic: (mnemonic) => byName.get(mnemonic),
    packed: pack(opcodes),
  };
}

const tables = new Map<Fork, OpcodeTable>();

/** The table of `fork`; the same object for every call. */
export function opcodeTableOf(fork: Fork): OpcodeTable {
  let table = tables.get(fork);
  if (table === undefined) tables.set(fork, (table = createTable(fork)));
  return table;
}

/** The table that holds under `rules`. */
export const opcodeTable = (rules: BlockRules): OpcodeTable => opcodeTableOf(rules.fork);
