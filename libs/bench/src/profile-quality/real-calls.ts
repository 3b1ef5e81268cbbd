/**
 * The contract calls of one real block with what they really accessed. The truth comes from running the block in its
 * order on the engine in WebAssembly (the reference takes 0.3 s for one of the heavy calls), and the gas used is held to
 * the block's header; whoever predicts is given the state of the parent block only.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { blobBaseFee, createEthereumRules, type Fork } from "@velarium/chain-rules";
import {
  type AccessColumns,
  type BlockContext,
  type Engine,
  type ExecutableTransaction,
  MemoryState,
  toExecutable,
} from "@velarium/engine";
import { createEngine } from "@velarium/engine-wasm";
import { type BlockFixture, FixtureError, readBlockFixture } from "@velarium/fixtures";
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
  /** State of the parent block: what a prediction may look at. Nobody changes it. */
  readonly parent: MemoryState;
  /** State just before the transaction, valid until the visit ends: tells why a prediction failed, never makes one. */
  readonly before: MemoryState;
}

export interface RealBlock {
  readonly number: number;
  readonly format: BlockFixture["format"];
  readonly fork: Fork;
  readonly context: BlockContext;
  readonly engine: Engine;
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

/** Runs the block at `path` in its order and shows each contract call. @throws FixtureError, EngineError */
export async function visitRealCalls(
  path: string,
  visit: (block: RealBlock, call: RealCall) => Promise<void>,
): Promise<RealBlock> {
  const fixture = readBlockFixture(path);
  const { environment, config } = fixture;
  const context = contextOf(fixture);
  const engine = createEngine("wasm", { keepsEmptyAccounts: keepsEmptyAccounts(fixture.genesis) });
  const block = {
    number: environment.number,
    format: fixture.format,
    fork: context.rules.fork,
    context,
    engine,
  };
  const parent = parentStateOf(fixture);
  const before = parentStateOf(fixture);
  for (const call of createEthereumRules(config).systemCallsAtOpen(context.rules, environment))
    before.apply(await engine.systemCall(context, call, before));
  let gas = 0;
  for (const [index, { raw, sender }] of fixture.transactions.entries()) {
    const transaction = toExecutable(decodeTransaction(raw), sender);
    const { to } = transaction;
    const runsCode = to !== undefined && hasCode(before.read(fieldKey(Domain.code, to)));
    const result = await engine.execute(context, transaction, before);
    if (runsCode && result.outcome === "included") {
      const { status, gasUsed, accesses: actual } = result;
      await visit(block, { index, transaction, status, gasUsed, actual, parent, before });
    }
    before.apply(result);
    gas += result.gasUsed;
  }
  const { expected, omitted } = fixture;
  if (expected !== undefined && omitted.length === 0 && gas !== expected.gasUsed)
    throw new FixtureError("invalid", path, `its run used ${gas} gas, its header says ${expected.gasUsed}`);
  return block;
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
