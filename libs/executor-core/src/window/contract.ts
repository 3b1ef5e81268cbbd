/** Transactions that need an engine: their view of the state, and what became of them in terms of declared accesses. */
import type { ChainRules } from "@velarium/chain-rules";
import {
  type AccessColumns,
  type DeployedCode,
  type Engine,
  type ExecutionResult,
  type StateView,
  toExecutable,
} from "@velarium/engine";
import { AccessKind, Domain, KEY_WORDS, SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";
import { decodeTransaction, RlpWriter } from "@velarium/tx-codec";
import { GrantMode, Shape } from "@velarium/wire";
import type { Batch } from "./batch.ts";
import { ExecutorError } from "./error.ts";

/** Fetches what was not declared. */
export interface UndeclaredReads {
  word(batch: Batch, index: number, key: Uint8Array): Promise<Uint8Array>;
  blockHash(number: number, tail: boolean): Uint8Array | Promise<Uint8Array>;
  codeNow(prefix: Uint8Array): Uint8Array | undefined;
  code(prefix: Uint8Array): Promise<Uint8Array>;
}

export interface UndeclaredWrite {
  readonly key: Uint8Array;
  readonly word: Uint8Array;
}

/** What one execution leaves, as its declaration is to be served: values for every declared W, amounts for every D. */
export interface ContractOutcome {
  readonly result: Pick<ExecutionResult, "outcome" | "reason" | "status" | "gasUsed" | "logs">;
  readonly writes: ReadonlyMap<string, Uint8Array>;
  readonly deltas: ReadonlyMap<string, bigint>;
  readonly codes: readonly DeployedCode[];
  readonly blobGas: number;
  readonly fee: bigint;
  /** Marked tail only. */
  readonly undeclared: readonly UndeclaredWrite[];
  readonly learned: AccessColumns | undefined;
}

const BLOB_GAS = 131_072;
const NO_LOGS = Uint8Array.of(0xc0);
const name = (bytes: Uint8Array, from = 0, to = bytes.length): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1");
const toBigInt = (word: Uint8Array): bigint =>
  BigInt(`0x${Buffer.from(word.buffer, word.byteOffset, 32).toString("hex")}`);
const toWord = (value: bigint): Uint8Array =>
  Uint8Array.from(Buffer.from(BigInt.asUintN(256, value).toString(16).padStart(64, "0"), "hex"));

export const keyName = (keys: Uint32Array, access: number): string =>
  name(new Uint8Array(keys.buffer, keys.byteOffset + access * SLOT_KEY_BYTES, SLOT_KEY_BYTES));

/** The state as one transaction sees it. */
class TransactionView implements StateView {
  readonly declared = new Map<string, number>();
  /** Writes of earlier calls of the same chain work. */
  readonly overlay = new Map<string, Uint8Array>();
  private readonly batch: Batch;
  private readonly index: number;
  private readonly reads: UndeclaredReads;

  constructor(batch: Batch, index: number, reads: UndeclaredReads) {
    this.batch = batch;
    this.index = index;
    this.reads = reads;
    const end = batch.message.accessEnds[index]!;
    for (let a = batch.firstAccess(index); a < end; a++) this.declared.set(keyName(batch.keys, a), a);
  }

  read(key: Uint8Array): Uint8Array | undefined {
    const named = name(key);
    const written = this.overlay.get(named);
    if (written) return written;
    const access = this.declared.get(named);
    if (access === undefined || this.batch.message.modes[access] === GrantMode.contribute) return undefined;
    return this.batch.valueBytes.subarray(access * WORD_BYTES, (access + 1) * WORD_BYTES);
  }

  async fetch(key: Uint8Array): Promise<Uint8Array> {
    const known = this.read(key);
    if (known) return known;
    if (key[0] === Domain.blockHash) {
      const number = Number(new DataView(key.buffer, key.byteOffset).getBigUint64(SLOT_KEY_BYTES - 8));
      return this.reads.blockHash(number, this.batch.message.tail === 1);
    }
    return this.reads.word(this.batch, this.index, key);
  }

  codeByPrefix(prefix: Uint8Array): Uint8Array | undefined {
    return this.reads.codeNow(prefix);
  }

  fetchCode(prefix: Uint8Array): Promise<Uint8Array> {
    return this.reads.code(prefix);
  }
}

/** The declaration for the engine: block hashes are reads there, and the fee to the beneficiary is a contribution. */
function declaredColumns(batch: Batch, index: number): AccessColumns {
  const { message, keys, block } = batch;
  const first = batch.firstAccess(index);
  const count = message.accessEnds[index]! - first;
  const paysByContribution = message.feeGens[index]! >= 0;
  const out = new Uint8Array((count + 1) * SLOT_KEY_BYTES);
  const kinds = new Uint8Array(count + 1);
  const bytes = new Uint8Array(keys.buffer, keys.byteOffset);
  out.set(bytes.subarray(first * SLOT_KEY_BYTES, (first + count) * SLOT_KEY_BYTES));
  let listed = false;
  for (let i = 0; i < count; i++) {
    const kind = message.accessKinds[first + i]!;
    kinds[i] = kind === AccessKind.H ? AccessKind.R : kind;
    let same = true;
    for (let k = 0; k < KEY_WORDS; k++)
      if (keys[(first + i) * KEY_WORDS + k] !== block.beneficiaryKey[k]) same = false;
    if (same) listed = true;
  }
  if (!paysByContribution || listed) return { count, keys: out, kinds };
  out.set(new Uint8Array(block.beneficiaryKey.buffer), count * SLOT_KEY_BYTES);
  kinds[count] = AccessKind.D;
  return { count: count + 1, keys: out, kinds };
}

function wordsByName(columns: {
  count: number;
  keys: Uint8Array;
  words: Uint8Array;
}): Map<string, Uint8Array> {
  const out = new Map<string, Uint8Array>();
  for (let i = 0; i < columns.count; i++)
    out.set(
      name(columns.keys, i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES),
      columns.words.slice(i * WORD_BYTES, (i + 1) * WORD_BYTES),
    );
  return out;
}

/** Learned accesses with block hashes as H again. */
function learnedOf(accesses: AccessColumns): AccessColumns {
  const kinds = accesses.kinds.slice(0, accesses.count);
  for (let i = 0; i < accesses.count; i++)
    if (accesses.keys[i * SLOT_KEY_BYTES] === Domain.blockHash) kinds[i] = AccessKind.H;
  return { count: accesses.count, keys: accesses.keys, kinds };
}

export async function runContract(
  batch: Batch,
  index: number,
  engine: Engine,
  reads: UndeclaredReads,
): Promise<ContractOutcome> {
  const { message, block } = batch;
  const view = new TransactionView(batch, index, reads);
  const tail = message.tail === 1;
  const raw = message.raw.blob.slice(batch.rawStart(index), message.raw.ends[index]!);
  const sender = message.senders.slice(index * 20, index * 20 + 20);
  const executable = toExecutable(decodeTransaction(raw), sender);
  const options = tail ? {} : { declared: declaredColumns(batch, index) };
  const result = await engine.execute(block.context!, executable, view, options);
  const writes = wordsByName(result.writes);
  const sums = new Map<string, bigint>();
  for (const [key, word] of wordsByName(result.deltas)) sums.set(key, toBigInt(word));
  const undeclared: UndeclaredWrite[] = [];
  if (tail) await settleTail(batch, index, view, writes, sums, undeclared);
  return {
    result,
    writes,
    deltas: sums,
    codes: result.codes,
    blobGas: result.outcome === "included" ? (executable.blobVersionedHashes?.length ?? 0) * BLOB_GAS : 0,
    fee: result.outcome === "included" ? result.beneficiaryFee : 0n,
    undeclared,
    learned: result.reason === "diverged" ? learnedOf(result.accesses) : undefined,
  };
}

/** In the marked tail every change is a version: amounts become values, and what was not declared is listed. */
async function settleTail(
  batch: Batch,
  index: number,
  view: TransactionView,
  writes: Map<string, Uint8Array>,
  sums: Map<string, bigint>,
  undeclared: UndeclaredWrite[],
): Promise<void> {
  const { message, block } = batch;
  const beneficiary = keyName(block.beneficiaryKey, 0);
  const isWritten = (key: string): boolean => {
    const access = view.declared.get(key);
    if (access === undefined) return false;
    const kind = message.accessKinds[access];
    return kind === AccessKind.W || kind === AccessKind.D || kind === AccessKind.X;
  };
  for (const [key, amount] of [...sums]) {
    if (isWritten(key)) continue;
    // Goes to the generation of the fee.
    if (key === beneficiary && message.feeGens[index]! >= 0) continue;
    const bytes = Uint8Array.from(Buffer.from(key, "latin1"));
    writes.set(key, toWord(toBigInt(await view.fetch(bytes)) + amount));
    sums.delete(key);
  }
  for (const [key, word] of writes) {
    if (!isWritten(key)) undeclared.push({ key: Uint8Array.from(Buffer.from(key, "latin1")), word });
  }
}

/** Work of the chain rules at block open or close. */
export async function runChainWork(
  batch: Batch,
  index: number,
  engine: Engine,
  rules: ChainRules,
  reads: UndeclaredReads,
): Promise<ContractOutcome> {
  const { message, block } = batch;
  const tail = message.tail === 1;
  const view = new TransactionView(batch, index, reads);
  const context = block.context!;
  const opens = message.shapes[index] === Shape.blockOpen;
  const calls = opens
    ? rules.systemCallsAtOpen(context.rules, {
        number: block.number,
        parentHash: await reads.blockHash(block.number - 1, true),
        parentBeaconBlockRoot: block.parentBeaconRoot,
      })
    : rules.systemCallsAtClose(context.rules);
  const requests = new RlpWriter(256);
  const list = requests.openList();
  let anyRequests = false;
  const codes: DeployedCode[] = [];
  for (const call of calls) {
    const result = await engine.systemCall(context, call, view);
    for (const [key, word] of wordsByName(result.writes)) view.overlay.set(key, word);
    codes.push(...result.codes);
    if (call.requestType === undefined || result.returnData.length === 0) continue;
    anyRequests = true;
    requests.string(Uint8Array.of(call.requestType, ...result.returnData));
  }
  requests.closeList(list);
  const undeclared: UndeclaredWrite[] = [];
  for (const [key, word] of view.overlay) {
    const access = view.declared.get(key);
    if (access !== undefined && message.accessKinds[access] === AccessKind.W) continue;
    undeclared.push({ key: Uint8Array.from(Buffer.from(key, "latin1")), word });
  }
  if (!tail && undeclared.length > 0)
    throw new ExecutorError(
      "work",
      `work of block ${block.number} writes ${undeclared.length} slots that it does not declare`,
    );
  return {
    result: {
      outcome: "included",
      status: 1,
      gasUsed: 0,
      logs: anyRequests ? requests.bytes().slice() : NO_LOGS,
    },
    writes: view.overlay,
    deltas: new Map(),
    codes,
    blobGas: 0,
    fee: 0n,
    undeclared,
    learned: undefined,
  };
}

/** The amount of a declared D: what the transaction added, without the fee that goes to the fee's generation. */
export function contributionOf(outcome: ContractOutcome, key: string, paysFeeApart: boolean): Uint8Array {
  return toWord((outcome.deltas.get(key) ?? 0n) - (paysFeeApart ? outcome.fee : 0n));
}

/** The value of a declared W (or of a D in the tail) after the transaction. */
export function finalValue(outcome: ContractOutcome, key: string, before: Uint8Array): Uint8Array {
  const written = outcome.writes.get(key);
  if (written) return written;
  const added = outcome.deltas.get(key);
  return added === undefined ? before : toWord(toBigInt(before) + added);
}

/**
 * What goes to the generation of the beneficiary's fee. In the marked tail it takes all that the beneficiary got,
 * unless the transaction has written that balance itself.
 */
export function feeContribution(outcome: ContractOutcome, beneficiary: string, listed: boolean): Uint8Array {
  if (listed) return toWord(outcome.fee);
  if (outcome.writes.has(beneficiary)) return toWord(0n);
  return toWord(outcome.deltas.get(beneficiary) ?? 0n);
}
