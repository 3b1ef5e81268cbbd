/** Programs of public benchmarks, from the fixtures: `contracts/` of revmc, ipsilon's evm-benchmarks and pevm. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CALL_GAS, type Workload, type WorkloadAccount, wordOf } from "./workload.ts";

type Hex = string;

interface BenchmarkFile {
  readonly pre: Readonly<
    Record<
      Hex,
      {
        readonly balance: Hex;
        readonly code: Hex;
        readonly nonce: Hex;
        readonly storage: Readonly<Record<Hex, Hex>>;
      }
    >
  >;
  readonly transaction:
    | { readonly data: readonly Hex[]; readonly sender: Hex; readonly to: Hex }
    | readonly { readonly data: Hex; readonly sender: Hex; readonly to: Hex }[];
}

export const fixtureFolder = (): string => join(process.env["VELARIUM_FIXTURES"] ?? ".fixtures", "contracts");

export const bytesOf = (hex: Hex): Uint8Array => {
  const digits = hex.trim().replace(/^0x/, "");
  return Uint8Array.from(Buffer.from(digits.length % 2 ? `0${digits}` : digits, "hex"));
};

function accountsOf(pre: BenchmarkFile["pre"]): WorkloadAccount[] {
  return Object.entries(pre).map(([address, account]) => ({
    address: bytesOf(address),
    balance: BigInt(account.balance),
    nonce: BigInt(account.nonce),
    code: bytesOf(account.code),
    storage: Object.entries(account.storage).map(
      ([key, word]) => [wordOf(BigInt(key)), wordOf(BigInt(word))] as const,
    ),
  }));
}

interface Program {
  readonly name: string;
  readonly path: string;
  /** Which of the file's inputs. */
  readonly input: number;
  readonly targets: Workload["targets"];
  readonly turns?: number;
}

const PROGRAMS: readonly Program[] = [
  { name: "snailtracer", path: "revmc/snailtracer.json", input: 0, targets: { compiled: 75 } },
  { name: "burntpix", path: "revmc/burntpix.json", input: 0, targets: { compiled: 75 } },
  { name: "sha1 (shifts)", path: "evm-benchmarks/sha1_shifts.json", input: 1, targets: { compiled: 75 } },
  { name: "sha1 (divs)", path: "evm-benchmarks/sha1_divs.json", input: 1, targets: { compiled: 75 } },
  { name: "blake2b", path: "evm-benchmarks/blake2b_huff.json", input: 1, targets: { compiled: 75 } },
];

export const hashChainProgram: Program = {
  name: "keccak chain (hash_10k)",
  path: "revmc/hash_10k.json",
  input: 0,
  targets: { compiled: 0 },
  turns: 10_000,
};

export const fixtureProgramNames = PROGRAMS.map(({ name }) => name);

/** Undefined where the fixtures are not there. */
export function fixtureProgram(program: Program): Workload | undefined {
  const path = join(fixtureFolder(), program.path);
  if (!existsSync(path)) return undefined;
  const [file] = Object.values(JSON.parse(readFileSync(path, "utf8")) as Record<string, BenchmarkFile>);
  const { pre, transaction } = file!;
  const given = Array.isArray(transaction) ? transaction[program.input] : transaction;
  const data: Hex = Array.isArray(given.data) ? given.data[program.input] : given.data;
  const { name, targets, turns } = program;
  const call = {
    caller: bytesOf(given.sender),
    to: bytesOf(given.to),
    value: 0n,
    data: bytesOf(data),
    gasLimit: CALL_GAS,
  };
  return {
    name,
    targets,
    accounts: accountsOf(pre),
    calls: [call],
    startsOver: true,
    ...(turns === undefined ? {} : { turnsPerCall: turns }),
  };
}

export const fixturePrograms = (): (readonly [name: string, workload: () => Workload | undefined])[] =>
  PROGRAMS.map((program) => [program.name, () => fixtureProgram(program)] as const);
