/**
 * The contract calls of one real block with what they really accessed. The truth comes from running the block in its
 * order on the reference engine; whoever predicts is given the state of the parent block only.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { blobBaseFee, createEthereumRules, type Fork } from "@velarium/chain-rules";
import {
  type AccessColumns,
  type BlockContext,
  createReferenceEngine,
  type Engine,
  type ExecutableTransaction,
  MemoryState,
  toExecutable,
} from "@velarium/engine";
import { type BlockFixture, readBlockFixture } from "@velarium/fixtures";
import { genesisCodes, genesisSlots, keepsEmptyAccounts } from "@velarium/genesis";
import { blockHashKey, Domain, fieldKey, hasCode, SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";
import { decodeTransaction } from "@velarium/tx-codec";

/** A transaction that ran code, and what became of it. */
export interface RealCall {
  readonly index: number;
  readonly transaction: ExecutableTransaction;
  /** 0: it failed in its place in the block. */
  readonly status: 0 | 1;
  readonly gasUsed: number;
  readonly actual: AccessColumns;
}

export interface RealBlock {
  readonly number: number;
  readonly format: BlockFixture["format"];
  readonly fork: Fork;
  readonly context: BlockContext;
  readonly engine: Engine;
  /** State of the parent block. Nobody changes it. */
  readonly parent: MemoryState;
  readonly calls: readonly RealCall[];
  /** Creations, plain transfers, and transactions that were not included. */
  readonly others: number;
}

/** State before the first transaction, without the system work that opens the block. */
export function parentStateOf(fixture: BlockFixture): MemoryState {
  const state = new MemoryState();
  for (const { count, keys, words } of genesisSlots(fixture.genesis))
    for (let i = 0; i < count; i++)
      state.set(
        keys.slice(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES),
        words.slice(i * WORD_BYTES, (i + 1) * WORD_BYTES),
      );
  for (const { bytes } of genesisCodes(fixture.genesis)) state.addCode(bytes);
  for (const [number, hash] of fixture.blockHashes) state.set(blockHashKey(number), hash);
  return state;
}

function contextOf({ environment, config }: BlockFixture): BlockContext {
  const rules = createEthereumRules(config).rulesAt(environment.number, environment.timestamp);
  return {
    rules,
    ...environment,
    prevRandao: rules.header.prevRandao ? environment.prevRandao : new Uint8Array(WORD_BYTES),
    blobBaseFee: rules.blobs === undefined ? 0n : blobBaseFee(environment.excessBlobGas, rules.blobs),
  };
}

/** Runs the block at `path` in its order. @throws FixtureError, EngineError */
export async function realCallsOf(path: string): Promise<RealBlock> {
  const fixture = readBlockFixture(path);
  const { environment, config } = fixture;
  const context = contextOf(fixture);
  const engine = createReferenceEngine({ keepsEmptyAccounts: keepsEmptyAccounts(fixture.genesis) });
  const parent = parentStateOf(fixture);
  const state = parentStateOf(fixture);
  for (const call of createEthereumRules(config).systemCallsAtOpen(context.rules, environment))
    state.apply(await engine.systemCall(context, call, state));
  const calls: RealCall[] = [];
  for (const [index, { raw, sender }] of fixture.transactions.entries()) {
    const transaction = toExecutable(decodeTransaction(raw), sender);
    const { to } = transaction;
    const runsCode = to !== undefined && hasCode(state.read(fieldKey(Domain.code, to)));
    const result = await engine.execute(context, transaction, state);
    state.apply(result);
    if (!runsCode || result.outcome !== "included") continue;
    const { status, gasUsed, accesses } = result;
    calls.push({ index, transaction, status, gasUsed, actual: accesses });
  }
  const { number } = environment;
  const others = fixture.transactions.length - calls.length;
  return { number, format: fixture.format, fork: context.rules.fork, context, engine, parent, calls, others };
}

/** Folders of all real blocks under `root`, in the order of their chains and numbers; none when there is no `root`. */
export function realBlockPaths(root: string): string[] {
  if (!existsSync(root)) return [];
  return ["ethereum", "rise", "grevm"].flatMap((chain) => {
    const folder = join(root, chain);
    if (!existsSync(folder)) return [];
    const numbers = readdirSync(folder).filter((name) => /^\d+$/.test(name));
    return numbers.sort((a, b) => Number(a) - Number(b)).map((name) => join(folder, name));
  });
}
