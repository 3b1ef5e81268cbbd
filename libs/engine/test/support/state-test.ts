/** Runs state tests of ethereum/tests and execution-spec-tests through an engine over slots. */

import { createMPT } from "@ethereumjs/mpt";
import { RLP } from "@ethereumjs/rlp";
import { blobBaseFee, createBlockRules, forkByName } from "@velarium/chain-rules";
import {
  addressOf,
  blockHashKey,
  CodeFlag,
  Domain,
  decodeCodeWord,
  domainOf,
  encodeCodeWord,
  fieldKey,
  hasCode,
  incarnationOf,
  storageKey,
  storageSlotOf,
} from "@velarium/slots";
import { decodeTransaction, recoverSender, signTransaction } from "@velarium/tx-codec";
import {
  type BlockContext,
  bigIntToWord,
  codeHash,
  type Engine,
  type ExecutionResult,
  keccak256,
  MemoryState,
  toExecutable,
  wordToBigInt,
} from "../../src/index.ts";

type Hex = string;
interface Account {
  balance: Hex;
  code: Hex;
  nonce: Hex;
  storage: Record<Hex, Hex>;
}
interface Post {
  hash: Hex;
  logs: Hex;
  txbytes?: Hex;
  expectException?: string;
  indexes: { data: number; gas: number; value: number };
}
export interface StateTest {
  env: Record<string, Hex>;
  pre: Record<Hex, Account>;
  transaction: {
    data: Hex[];
    gasLimit: Hex[];
    value: Hex[];
    gasPrice?: Hex;
    nonce: Hex;
    to: Hex;
    secretKey: Hex;
  };
  post: Record<string, Post[]>;
  config?: {
    chainid?: Hex;
    blobSchedule?: Record<string, { target: Hex; max: Hex; baseFeeUpdateFraction: Hex }>;
  };
}

export const bytesOf = (hex: Hex): Uint8Array => {
  const digits = hex.startsWith("0x") ? hex.slice(2) : hex;
  return Uint8Array.from(Buffer.from(digits.length % 2 ? `0${digits}` : digits, "hex"));
};
const hexOf = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString("hex")}`;
const wordOf = (hex: Hex): Uint8Array => bigIntToWord(BigInt(hex));

class RecordingState extends MemoryState {
  readonly touched = new Map<string, Uint8Array>();
  override set(key: Uint8Array, word: Uint8Array): void {
    super.set(key, word);
    this.touched.set(hexOf(key), key);
  }
}

function load(pre: StateTest["pre"]): RecordingState {
  const state = new RecordingState();
  for (const [name, account] of Object.entries(pre)) {
    const address = bytesOf(name);
    const code = bytesOf(account.code);
    const balance = BigInt(account.balance);
    const nonce = BigInt(account.nonce);
    state.set(fieldKey(Domain.balance, address), bigIntToWord(balance));
    state.set(fieldKey(Domain.nonce, address), bigIntToWord(nonce));
    const storage = Object.entries(account.storage).filter(([, value]) => BigInt(value) !== 0n);
    let flags = storage.length > 0 ? CodeFlag.storage : 0;
    if (code.length === 0 && balance === 0n && nonce === 0n) flags |= CodeFlag.exists;
    const hashPrefix = code.length === 0 ? new Uint8Array(28) : codeHash(code).subarray(0, 28);
    state.set(fieldKey(Domain.code, address), encodeCodeWord({ flags, incarnation: 0, hashPrefix }));
    if (code.length > 0) state.addCode(code);
    for (const [slot, value] of storage) state.set(storageKey(address, wordOf(slot)), wordOf(value));
  }
  return state;
}

const EMPTY_ROOT = bytesOf("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
const EMPTY_HASH = keccak256(new Uint8Array(0));
const minimal = (word: Uint8Array): Uint8Array => {
  let at = 0;
  while (at < word.length && word[at] === 0) at++;
  return word.subarray(at);
};

/** Secure Merkle Patricia root of everything in the state. */
export async function stateRootOf(state: MemoryState): Promise<Hex> {
  const addresses = new Map<string, Uint8Array>();
  const storages = new Map<string, { key: Uint8Array; word: Uint8Array }[]>();
  for (const [name, word] of state.words) {
    const key = Uint8Array.from(Buffer.from(name, "latin1"));
    if (domainOf(key) === Domain.blockHash) continue;
    const address = addressOf(key);
    addresses.set(hexOf(address), address);
    if (domainOf(key) !== Domain.storage || minimal(word).length === 0) continue;
    const at = `${hexOf(address)}/${incarnationOf(key)}`;
    if (!storages.has(at)) storages.set(at, []);
    storages.get(at)!.push({ key, word });
  }
  const trie = await createMPT({ useKeyHashing: true, useKeyHashingFunction: keccak256 });
  for (const [name, address] of addresses) {
    const balance = minimal(state.read(fieldKey(Domain.balance, address)));
    const nonce = minimal(state.read(fieldKey(Domain.nonce, address)));
    const codeWord = state.read(fieldKey(Domain.code, address));
    const { flags, incarnation, hashPrefix } = decodeCodeWord(codeWord);
    const withCode = hasCode(codeWord);
    const exists = balance.length > 0 || nonce.length > 0 || withCode || (flags & CodeFlag.exists) !== 0;
    const storage = storages.get(`${name}/${incarnation}`) ?? [];
    if (!exists && storage.length === 0) continue;
    let root = EMPTY_ROOT;
    if (storage.length > 0) {
      const tree = await createMPT({ useKeyHashing: true, useKeyHashingFunction: keccak256 });
      for (const { key, word } of storage) await tree.put(storageSlotOf(key), RLP.encode(minimal(word)));
      root = tree.root() as typeof root;
    }
    const hash = withCode ? codeHash(state.codeByPrefix(hashPrefix)!) : EMPTY_HASH;
    await trie.put(address, RLP.encode([nonce, balance, root, hash]));
  }
  return hexOf(trie.root());
}

function contextOf(test: StateTest, forkName: string): BlockContext | undefined {
  const fork = forkByName(forkName);
  if (fork === undefined) return undefined;
  const { env } = test;
  const scheduled = test.config?.blobSchedule?.[forkName];
  const blobs = scheduled && {
    target: Number(scheduled.target),
    max: Number(scheduled.max),
    baseFeeUpdateFraction: Number(scheduled.baseFeeUpdateFraction),
  };
  const rules = createBlockRules(fork, Number(test.config?.chainid ?? 1), blobs);
  return {
    rules,
    number: Number(env["currentNumber"]),
    timestamp: Number(env["currentTimestamp"]),
    beneficiary: bytesOf(env["currentCoinbase"]!),
    gasLimit: Number(env["currentGasLimit"]),
    baseFee: rules.eip1559 ? BigInt(env["currentBaseFee"] ?? 10) : 0n,
    prevRandao: rules.header.prevRandao ? wordOf(env["currentRandom"] ?? "0x0") : new Uint8Array(32),
    difficulty: BigInt(env["currentDifficulty"] ?? 0),
    blobBaseFee:
      rules.blobs === undefined ? 0n : blobBaseFee(BigInt(env["currentExcessBlobGas"] ?? 0), rules.blobs),
  };
}

/** The suites before 2023 give the fields of a legacy transaction and the key to sign it with. */
function rawOf(test: StateTest, post: Post): Uint8Array {
  if (post.txbytes !== undefined) return bytesOf(post.txbytes);
  const { data, gas, value } = post.indexes;
  const { transaction } = test;
  const to = bytesOf(transaction.to);
  return signTransaction(
    {
      type: 0,
      nonce: Number(transaction.nonce),
      gasLimit: Number(transaction.gasLimit[gas]),
      gasPrice: BigInt(transaction.gasPrice!),
      to: to.length === 0 ? null : to,
      value: BigInt(transaction.value[value]!),
      data: bytesOf(transaction.data[data]!),
    },
    bytesOf(transaction.secretKey),
  );
}

export interface CaseResult {
  readonly name: string;
  readonly status: "passed" | "failed" | "skipped";
  readonly why?: string;
}

export type Runner = (
  engine: Engine,
  context: BlockContext,
  tx: ReturnType<typeof toExecutable>,
  state: MemoryState,
) => Promise<ExecutionResult>;

const direct: Runner = async (engine, context, tx, state) => engine.execute(context, tx, state);

/** Runs one case; `run` may interpose, for instance a state that is slow to answer. */
export async function runCase(
  engine: Engine,
  name: string,
  test: StateTest,
  forkName: string,
  post: Post,
  run: Runner = direct,
): Promise<CaseResult> {
  const context = contextOf(test, forkName);
  if (context === undefined) return { name, status: "skipped", why: `fork ${forkName}` };
  const state = load(test.pre);
  // State tests answer BLOCKHASH(n) with keccak256 of n in decimal digits.
  for (let n = Math.max(0, context.number - 256); n < context.number; n++)
    state.set(blockHashKey(n), keccak256(new TextEncoder().encode(String(n))));
  let result: ExecutionResult | undefined;
  let why = "";
  try {
    const tx = decodeTransaction(rawOf(test, post), { maxBytes: 2 ** 24 });
    const sender = recoverSender(tx);
    if (tx.chainId !== null && tx.type === 0 && !context.rules.eip155)
      throw new Error("EIP-155 before its fork");
    result = await run(engine, context, toExecutable(tx, sender), state);
    if (result.outcome === "included") state.apply(result);
    else why = result.reason ?? "";
  } catch (error) {
    why = String(error);
    // Wider than a transaction's gas may be here: no block could hold it.
    if (why.includes("gasLimit is above 2^53"))
      return { name, status: "skipped", why: "gas limit above 2^53" };
    if ((error as { code?: string }).code === "INTERNAL") return { name, status: "failed", why };
  }
  const included = result?.outcome === "included";
  if (included === (post.expectException !== undefined))
    return {
      name,
      status: "failed",
      why: `included=${included} expected=${post.expectException ?? "-"} ${why}`,
    };
  const logs = hexOf(keccak256(included ? result!.logs : Uint8Array.of(0xc0)));
  if (logs !== post.logs) return { name, status: "failed", why: `logs ${logs} expected ${post.logs}` };
  const root = await stateRootOf(state);
  if (root !== post.hash) return { name, status: "failed", why: `root ${root} expected ${post.hash}` };
  return { name, status: "passed" };
}

export { wordToBigInt };
