/** A case on two engines: where their results differ. */
import {
  bigIntToWord,
  type Engine,
  type ExecutionResult,
  type MemoryState,
  type StateView,
  wordToBigInt,
} from "@velarium/engine";
import { AccessKind, SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";
import {
  bytesOf,
  type CaseTransaction,
  contextOf,
  executableOf,
  type FuzzCase,
  type Hex,
  hexOf,
  stateOf,
} from "./fuzz-case.ts";

/** How the engine under test sees the state. */
export type Hand = "all-at-hand" | "nothing-at-hand";

export interface Difference {
  /** Index of the transaction. */
  readonly transaction: number;
  /** What differs: a field of the result, or `error`. */
  readonly field: string;
  readonly reference: string;
  readonly tested: string;
}

type Columns = ReadonlyMap<Hex, Hex>;

function columnsOf(count: number, keys: Uint8Array, values: Uint8Array, valueBytes: number): Columns {
  const columns = new Map<Hex, Hex>();
  for (let i = 0; i < count; i++)
    columns.set(
      hexOf(keys.subarray(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES)),
      hexOf(values.subarray(i * valueBytes, (i + 1) * valueBytes)),
    );
  return columns;
}

const linesOf = (columns: Columns): string =>
  [...columns]
    .map((pair) => pair.join("="))
    .sort()
    .join("\n");

/** What the slots that the transaction changes hold afterwards. */
function afterwards(result: ExecutionResult, before: MemoryState): Columns {
  const { writes, deltas } = result;
  const words = new Map(columnsOf(writes.count, writes.keys, writes.words, WORD_BYTES));
  for (const [key, delta] of columnsOf(deltas.count, deltas.keys, deltas.words, WORD_BYTES)) {
    const sum = wordToBigInt(before.read(bytesOf(key))) + BigInt(delta);
    words.set(key, hexOf(bigIntToWord(sum)));
  }
  return words;
}

/** Results that must be equal, as text by field; order within columns does not matter. */
function fieldsOf(result: ExecutionResult, before: MemoryState): Record<string, string> {
  return {
    outcome: result.outcome,
    reason: result.reason ?? "",
    status: String(result.status),
    gasUsed: String(result.gasUsed),
    refund: String(result.refund),
    returnData: hexOf(result.returnData),
    logs: hexOf(result.logs),
    createdAddress: result.createdAddress === undefined ? "" : hexOf(result.createdAddress),
    beneficiaryFee: String(result.beneficiaryFee),
    state: linesOf(afterwards(result, before)),
    codes: result.codes
      .map(({ hash, bytes }) => `${hexOf(hash)}:${hexOf(bytes)}`)
      .sort()
      .join("\n"),
  };
}

const kindsOf = ({ accesses }: ExecutionResult): Columns =>
  columnsOf(accesses.count, accesses.keys, accesses.kinds, 1);
const READ = hexOf(Uint8Array.of(AccessKind.R));
const WRITE = hexOf(Uint8Array.of(AccessKind.W));
const DELTA = hexOf(Uint8Array.of(AccessKind.D));

/**
 * The reference looks at an account while it works out the gas of an operation, even when that gas is not there. Such a
 * read never happened (EIP-7928: only what was paid for counts). So a read that only the reference reports is accepted
 * when the tested engine has never asked for that slot; likewise a balance that it therefore credits by a write.
 */
function accessesDiffer(
  expected: Columns,
  found: Columns,
  asked: ReadonlySet<Hex>,
): [string, string] | undefined {
  const wrong = [...new Set([...expected.keys(), ...found.keys()])].filter((key) => {
    const [wanted, got] = [expected.get(key), found.get(key)];
    if (wanted === got) return false;
    if (asked.has(key)) return true;
    return !((wanted === READ && got === undefined) || (wanted === WRITE && got === DELTA));
  });
  if (wrong.length === 0) return undefined;
  const tell = (columns: Columns): string =>
    wrong.map((key) => `${key}=${columns.get(key) ?? "-"}`).join(" ");
  return [tell(expected), tell(found)];
}

/** A view that notes which slots were asked for. */
class AskedView implements StateView {
  readonly asked = new Set<Hex>();
  private readonly state: MemoryState;
  private readonly atHand: boolean;

  constructor(state: MemoryState, hand: Hand) {
    this.state = state;
    this.atHand = hand === "all-at-hand";
  }

  read(key: Uint8Array): Uint8Array | undefined {
    if (!this.atHand) return undefined;
    this.asked.add(hexOf(key));
    return this.state.read(key);
  }
  fetch(key: Uint8Array): Promise<Uint8Array> {
    this.asked.add(hexOf(key));
    return this.state.fetch(key);
  }
  codeByPrefix(prefix: Uint8Array): Uint8Array | undefined {
    return this.atHand ? this.state.codeByPrefix(prefix) : undefined;
  }
  fetchCode(prefix: Uint8Array): Promise<Uint8Array> {
    return this.state.fetchCode(prefix);
  }
}

/**
 * Frontier creates an account without code when the gas for storing its code is missing. Whether that is a success no
 * receipt of its time tells.
 */
const hasNoStatus = (fork: FuzzCase["fork"], transaction: CaseTransaction): boolean =>
  fork === "chainstart" && transaction.to === undefined;

type Run = { readonly result: ExecutionResult } | { readonly error: string };

async function attempt(run: () => Promise<ExecutionResult> | ExecutionResult): Promise<Run> {
  try {
    return { result: await run() };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** What both texts do not share, line by line: whole columns would hide the difference. */
function distinct(one: string, other: string): string {
  const known = new Set(other.split("\n"));
  const own = one.split("\n").filter((line) => !known.has(line));
  return own.join(" ") || "(nothing more)";
}

/**
 * Runs the case on both engines, each transaction on the state that the reference left. Undefined when all is equal;
 * otherwise the first field that differs. Errors of the reference itself end the comparison.
 */
export async function findDifference(
  fuzzCase: FuzzCase,
  reference: Engine,
  tested: Engine,
  hand: Hand,
): Promise<Difference | undefined> {
  const context = contextOf(fuzzCase);
  const state = stateOf(fuzzCase);
  for (const [transaction, fields] of fuzzCase.transactions.entries()) {
    const executable = executableOf(fields);
    const expected = await attempt(() => reference.execute(context, executable, state));
    if ("error" in expected) return undefined;
    const view = new AskedView(state, hand);
    const found = await attempt(() => tested.execute(context, executable, view));
    if ("error" in found)
      return { transaction, field: "error", reference: expected.result.outcome, tested: found.error };
    const [a, b] = [fieldsOf(expected.result, state), fieldsOf(found.result, state)];
    if (hasNoStatus(fuzzCase.fork, fields))
      for (const name of ["status", "createdAddress", "returnData"]) a[name] = b[name]!;
    const field = Object.keys(a).find((name) => a[name] !== b[name]);
    if (field !== undefined)
      return {
        transaction,
        field,
        reference: distinct(a[field]!, b[field]!),
        tested: distinct(b[field]!, a[field]!),
      };
    const accesses = accessesDiffer(kindsOf(expected.result), kindsOf(found.result), view.asked);
    if (accesses !== undefined)
      return { transaction, field: "accesses", reference: accesses[0], tested: accesses[1] };
    if (expected.result.outcome === "included") state.apply(expected.result);
  }
  return undefined;
}
