/**
 * State tests as `ethereum/tests` and `execution-spec-tests` publish them: files of `{name: {env, pre, transaction,
 * post}}`, one case per entry of `post[fork]`.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Hexadecimal with the prefix 0x. */
export type Hex = string;

export interface AccountFields {
  readonly balance: Hex;
  readonly code: Hex;
  readonly nonce: Hex;
  readonly storage: Readonly<Record<Hex, Hex>>;
}

export interface Post {
  /** Secure Merkle Patricia root after the transaction. */
  readonly hash: Hex;
  /** keccak256 of the RLP of all logs. */
  readonly logs: Hex;
  /** The signed transaction; older suites give fields and a key only. */
  readonly txbytes?: Hex;
  /** Classes of rejection that are right, separated by |; absent: the transaction is valid. */
  readonly expectException?: string;
  readonly indexes: { readonly data: number; readonly gas: number; readonly value: number };
}

export interface AccessListFields {
  readonly address: Hex;
  readonly storageKeys: readonly Hex[];
}

export interface TransactionFields {
  readonly data: readonly Hex[];
  readonly gasLimit: readonly Hex[];
  readonly value: readonly Hex[];
  readonly gasPrice?: Hex;
  readonly maxFeePerGas?: Hex;
  readonly maxPriorityFeePerGas?: Hex;
  readonly nonce: Hex;
  /** Empty: the transaction creates a contract. */
  readonly to: Hex;
  readonly sender: Hex;
  readonly accessLists?: readonly (readonly AccessListFields[] | null)[];
}

export interface BlobFields {
  readonly target: Hex;
  readonly max: Hex;
  readonly baseFeeUpdateFraction: Hex;
}

export interface StateTest {
  readonly env: Readonly<Record<string, Hex>>;
  readonly pre: Readonly<Record<Hex, AccountFields>>;
  readonly transaction: TransactionFields;
  readonly post: Readonly<Record<string, readonly Post[]>>;
  readonly config?: {
    readonly chainid?: Hex;
    readonly blobSchedule?: Readonly<Record<string, BlobFields>>;
  };
}

/** One case of one file. */
export interface StateCase {
  /** `name fork[index]`, unique within its file. */
  readonly name: string;
  readonly test: StateTest;
  /** As the file calls it. */
  readonly fork: string;
  readonly post: Post;
}

/** A path is not there, or a file is no state test. */
export class StateTestError extends Error {
  readonly code = "unreadable";
}

export const bytesOf = (hex: Hex): Uint8Array => {
  const digits = hex.startsWith("0x") ? hex.slice(2) : hex;
  return Uint8Array.from(Buffer.from(digits.length % 2 ? `0${digits}` : digits, "hex"));
};
export const hexOf = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString("hex")}`;

function* jsonFilesBelow(path: string): Generator<string> {
  if (statSync(path).isFile()) {
    if (path.endsWith(".json")) yield path;
    return;
  }
  for (const name of readdirSync(path).sort()) yield* jsonFilesBelow(join(path, name));
}

/** All JSON files at and below `paths`, sorted within each. Throws StateTestError. */
export function stateTestFiles(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    try {
      return [...jsonFilesBelow(path)];
    } catch (error) {
      throw new StateTestError(`${path} cannot be read: ${(error as Error).message}`);
    }
  });
}

/** The cases of one file, in its order; none where the file holds other kinds of test. Throws StateTestError. */
export function readStateCases(path: string): StateCase[] {
  let file: unknown;
  try {
    file = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new StateTestError(`${path} is no JSON: ${(error as Error).message}`);
  }
  const cases: StateCase[] = [];
  for (const [name, value] of Object.entries((file ?? {}) as Record<string, Partial<StateTest> | null>)) {
    if (value?.post === undefined || value.transaction === undefined || value.pre === undefined) continue;
    const test = value as StateTest;
    for (const [fork, posts] of Object.entries(test.post))
      posts.forEach((post, index) => cases.push({ name: `${name} ${fork}[${index}]`, test, fork, post }));
  }
  return cases;
}
