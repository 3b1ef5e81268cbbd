/** Every opcode from Frontier to Osaka: the source from which the table of each fork is made. */
import type { Fork } from "@velarium/chain-rules";
import type { GasPart, MemoryRange, Opcode, OpcodeKind, StateAccess } from "./opcode.ts";

/** Static gas that changes with forks: pairs of fork and gas, oldest first. */
export type GasByFork = number | readonly (readonly [Fork, number])[];

export interface Definition
  extends Omit<Opcode, "code" | "staticGas" | "gasBeforeAccess" | "gasAfterAccess" | "section"> {
  readonly code: number;
  readonly gas: GasByFork;
  readonly before: readonly GasPart[];
  readonly after: readonly GasPart[];
  /** Mnemonic from a later fork on. */
  readonly renamed?: readonly [Fork, string];
}

type Details = Partial<Omit<Definition, "code" | "mnemonic" | "inputs" | "outputs" | "gas" | "kind">>;

const definitions: Definition[] = [];

function define(
  kind: OpcodeKind,
  code: number,
  mnemonic: string,
  inputs: number,
  outputs: number,
  gas: GasByFork,
  details: Details = {},
): void {
  definitions.push({
    code,
    mnemonic,
    kind,
    inputs,
    outputs,
    gas,
    since: "chainstart",
    immediateBytes: 0,
    before: [],
    after: [],
    memory: [],
    state: [],
    suspends: false,
    observesGas: false,
    changesState: false,
    halts: false,
    ...details,
  });
}

const read = (offset: number, size: number | { bytes: number }): MemoryRange => range("read", offset, size);
const write = (offset: number, size: number | { bytes: number }): MemoryRange => range("write", offset, size);
function range(access: MemoryRange["access"], offset: number, size: number | { bytes: number }): MemoryRange {
  return { access, offset, size: typeof size === "number" ? { operand: size } : size };
}
const state = (
  target: StateAccess["target"],
  access: StateAccess["access"],
  operand?: number,
): StateAccess => (operand === undefined ? { target, access } : { target, access, operand });

function defineArithmetic(): void {
  const op = (code: number, name: string, inputs: number, gas: number, details?: Details) =>
    define("arithmetic", code, name, inputs, 1, gas, details);
  op(0x01, "ADD", 2, 3);
  op(0x02, "MUL", 2, 5);
  op(0x03, "SUB", 2, 3);
  op(0x04, "DIV", 2, 5);
  op(0x05, "SDIV", 2, 5);
  op(0x06, "MOD", 2, 5);
  op(0x07, "SMOD", 2, 5);
  op(0x08, "ADDMOD", 3, 8);
  op(0x09, "MULMOD", 3, 8);
  op(0x0a, "EXP", 2, 10, { before: ["expBytes"] });
  op(0x0b, "SIGNEXTEND", 2, 5);
  for (const [i, name] of ["LT", "GT", "SLT", "SGT", "EQ"].entries()) op(0x10 + i, name, 2, 3);
  op(0x15, "ISZERO", 1, 3);
  op(0x16, "AND", 2, 3);
  op(0x17, "OR", 2, 3);
  op(0x18, "XOR", 2, 3);
  op(0x19, "NOT", 1, 3);
  op(0x1a, "BYTE", 2, 3);
  for (const [i, name] of ["SHL", "SHR", "SAR"].entries())
    op(0x1b + i, name, 2, 3, { since: "constantinople" });
  op(0x1e, "CLZ", 1, 5, { since: "osaka" });
}

function defineEnvironment(): void {
  const op = (code: number, name: string, gas: number, details?: Details, inputs = 0) =>
    define("environment", code, name, inputs, 1, gas, details);
  op(0x30, "ADDRESS", 2);
  op(0x32, "ORIGIN", 2);
  op(0x33, "CALLER", 2);
  op(0x34, "CALLVALUE", 2);
  op(0x35, "CALLDATALOAD", 3, {}, 1);
  op(0x36, "CALLDATASIZE", 2);
  op(0x38, "CODESIZE", 2);
  op(0x3a, "GASPRICE", 2);
  op(0x3d, "RETURNDATASIZE", 2, { since: "byzantium" });
  op(0x41, "COINBASE", 2);
  op(0x42, "TIMESTAMP", 2);
  op(0x43, "NUMBER", 2);
  op(0x44, "DIFFICULTY", 2, { renamed: ["paris", "PREVRANDAO"] });
  op(0x45, "GASLIMIT", 2);
  op(0x46, "CHAINID", 2, { since: "istanbul" });
  op(0x48, "BASEFEE", 2, { since: "london" });
  op(0x49, "BLOBHASH", 3, { since: "cancun" }, 1);
  op(0x4a, "BLOBBASEFEE", 2, { since: "cancun" });
  op(0x58, "PC", 2);
}

function defineMemory(): void {
  const copy = (code: number, name: string, details: Details = {}) =>
    define("memory", code, name, 3, 0, 3, {
      before: ["memory", "copyWords"],
      memory: [write(0, 2)],
      ...details,
    });
  define("keccak", 0x20, "KECCAK256", 2, 1, 30, { before: ["memory", "keccakWords"], memory: [read(0, 1)] });
  copy(0x37, "CALLDATACOPY");
  copy(0x39, "CODECOPY");
  copy(0x3e, "RETURNDATACOPY", { since: "byzantium" });
  copy(0x5e, "MCOPY", { since: "cancun", memory: [write(0, 2), read(1, 2)] });
  const word = { bytes: 32 };
  define("memory", 0x51, "MLOAD", 1, 1, 3, { before: ["memory"], memory: [read(0, word)] });
  define("memory", 0x52, "MSTORE", 2, 0, 3, { before: ["memory"], memory: [write(0, word)] });
  define("memory", 0x53, "MSTORE8", 2, 0, 3, { before: ["memory"], memory: [write(0, { bytes: 1 })] });
  define("memory", 0x59, "MSIZE", 0, 1, 2);
}

function defineState(): void {
  const account = (code: number, name: string, gas: GasByFork, target: StateAccess["target"], since: Fork) =>
    define("account", code, name, 1, 1, gas, {
      since,
      before: ["account"],
      state: [state(target, "read", 0)],
      suspends: true,
    });
  account(
    0x31,
    "BALANCE",
    [
      ["chainstart", 20],
      ["tangerineWhistle", 400],
      ["istanbul", 700],
      ["berlin", 0],
    ],
    "balance",
    "chainstart",
  );
  const codeGas: GasByFork = [
    ["chainstart", 20],
    ["tangerineWhistle", 700],
    ["berlin", 0],
  ];
  account(0x3b, "EXTCODESIZE", codeGas, "code", "chainstart");
  define("account", 0x3c, "EXTCODECOPY", 4, 0, codeGas, {
    before: ["memory", "copyWords", "account"],
    memory: [write(1, 3)],
    state: [state("code", "read", 0)],
    suspends: true,
  });
  account(
    0x3f,
    "EXTCODEHASH",
    [
      ["constantinople", 400],
      ["istanbul", 700],
      ["berlin", 0],
    ],
    "account",
    "constantinople",
  );
  define("account", 0x47, "SELFBALANCE", 0, 1, 5, {
    since: "istanbul",
    state: [state("balance", "read")],
    suspends: true,
  });
  define("blockHash", 0x40, "BLOCKHASH", 1, 1, 20, {
    state: [state("blockHash", "read", 0)],
    suspends: true,
  });
  define(
    "storage",
    0x54,
    "SLOAD",
    1,
    1,
    [
      ["chainstart", 50],
      ["tangerineWhistle", 200],
      ["istanbul", 800],
      ["berlin", 0],
    ],
    { before: ["slot"], state: [state("slot", "read", 0)], suspends: true },
  );
  define("storage", 0x55, "SSTORE", 2, 0, 0, {
    before: ["sstoreSentry"],
    after: ["sstore"],
    state: [state("slot", "write", 0)],
    suspends: true,
    observesGas: true,
    changesState: true,
  });
  define("transient", 0x5c, "TLOAD", 1, 1, 100, { since: "cancun", state: [state("transient", "read", 0)] });
  define("transient", 0x5d, "TSTORE", 2, 0, 100, {
    since: "cancun",
    state: [state("transient", "write", 0)],
    changesState: true,
  });
}

function defineControl(): void {
  define("halt", 0x00, "STOP", 0, 0, 0, { halts: true });
  define("jump", 0x56, "JUMP", 1, 0, 8);
  define("jump", 0x57, "JUMPI", 2, 0, 10);
  define("jump", 0x5b, "JUMPDEST", 0, 0, 1);
  define("gas", 0x5a, "GAS", 0, 1, 2, { observesGas: true });
  define("halt", 0xf3, "RETURN", 2, 0, 0, { halts: true, before: ["memory"], memory: [read(0, 1)] });
  define("halt", 0xfd, "REVERT", 2, 0, 0, {
    since: "byzantium",
    halts: true,
    before: ["memory"],
    memory: [read(0, 1)],
  });
  define("halt", 0xfe, "INVALID", 0, 0, 0, { halts: true });
  define(
    "halt",
    0xff,
    "SELFDESTRUCT",
    1,
    0,
    [
      ["chainstart", 0],
      ["tangerineWhistle", 5000],
    ],
    {
      halts: true,
      before: ["account"],
      after: ["newAccount"],
      state: [state("balance", "write"), state("balance", "write", 0)],
      suspends: true,
      changesState: true,
    },
  );
}

function defineStack(): void {
  define("stack", 0x50, "POP", 1, 0, 2);
  define("stack", 0x5f, "PUSH0", 0, 1, 2, { since: "shanghai" });
  for (let n = 1; n <= 32; n++)
    define("stack", 0x5f + n, `PUSH${n}`, 0, 1, 3, {
      immediateBytes: n,
    });
  for (let n = 1; n <= 16; n++) {
    define("stack", 0x7f + n, `DUP${n}`, n, n + 1, 3);
    define("stack", 0x8f + n, `SWAP${n}`, n + 1, n + 1, 3);
  }
}

function defineLogs(): void {
  for (let topics = 0; topics <= 4; topics++)
    define("log", 0xa0 + topics, `LOG${topics}`, 2 + topics, 0, 375, {
      before: ["memory", "logTopics", "logBytes"],
      memory: [read(0, 1)],
      changesState: true,
    });
}

function defineCalls(): void {
  const callGas = (since: Fork): GasByFork => [
    [since, 40],
    ["tangerineWhistle", 700],
    ["berlin", 0],
  ];
  const base = { suspends: true, observesGas: true } as const;
  const call = (code: number, name: string, since: Fork, hasValue: boolean, details: Details) => {
    const first = hasValue ? 3 : 2;
    define(
      "call",
      code,
      name,
      hasValue ? 7 : 6,
      1,
      since === "byzantium" ? byzantiumCallGas : callGas(since),
      {
        ...base,
        since,
        before: ["memory", ...(hasValue ? (["callValue"] as const) : []), "account"],
        after: ["delegation", "childGas"],
        memory: [read(first, first + 1), write(first + 2, first + 3)],
        state: [state("code", "read", 1)],
        ...details,
      },
    );
  };
  const byzantiumCallGas: GasByFork = [
    ["byzantium", 700],
    ["berlin", 0],
  ];
  call(0xf1, "CALL", "chainstart", true, {
    after: ["newAccount", "delegation", "childGas"],
    state: [state("code", "read", 1), state("balance", "write"), state("balance", "write", 1)],
    changesState: true,
  });
  call(0xf2, "CALLCODE", "chainstart", true, { state: [state("code", "read", 1), state("balance", "read")] });
  call(0xf4, "DELEGATECALL", "homestead", false, {});
  call(0xfa, "STATICCALL", "byzantium", false, {});
  const create = {
    ...base,
    after: ["childGas"],
    memory: [read(1, 2)],
    state: [state("account", "write")],
    changesState: true,
  } as const;
  define("create", 0xf0, "CREATE", 3, 1, 32000, { ...create, before: ["memory", "initcodeWords"] });
  define("create", 0xf5, "CREATE2", 4, 1, 32000, {
    ...create,
    since: "constantinople",
    before: ["memory", "initcodeWords", "keccakWords"],
  });
}

defineArithmetic();
defineEnvironment();
defineMemory();
defineState();
defineControl();
defineStack();
defineLogs();
defineCalls();

/** In no order. */
export const DEFINITIONS: readonly Definition[] = definitions;
