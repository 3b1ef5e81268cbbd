/** What the chain itself does at block open and close, as one result. */
import type { ChainRules } from "@velarium/chain-rules";
import type { BlockContext, Engine, ExecutionResult, StateView } from "@velarium/engine";
import { rlpEncode } from "@velarium/tx-codec";
import { Shape } from "@velarium/wire";

const NO_BYTES = new Uint8Array(0);

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/**
 * The calls touch contracts of their own, so they do not see each other. The result's `logs` are the requests of
 * close work (EIP-7685) as an RLP list of `type | data`, empty bytes when there are none; it uses no gas of the block.
 */
export async function runChainWork(
  shape: number,
  engine: Engine,
  chain: ChainRules,
  context: BlockContext,
  parentHash: Uint8Array,
  parentBeaconBlockRoot: Uint8Array,
  view: StateView,
): Promise<ExecutionResult> {
  const { rules, number } = context;
  const calls =
    shape === Shape.blockOpen
      ? chain.systemCallsAtOpen(rules, { number, parentHash, parentBeaconBlockRoot })
      : chain.systemCallsAtClose(rules);
  const results: ExecutionResult[] = [];
  const requests: Uint8Array[] = [];
  for (const call of calls) {
    const result = await engine.systemCall(context, call, view);
    results.push(result);
    if (call.requestType !== undefined && result.returnData.length > 0)
      requests.push(Uint8Array.of(call.requestType, ...result.returnData));
  }
  const sum = (of: (result: ExecutionResult) => number): number =>
    results.reduce((n, result) => n + of(result), 0);
  return {
    outcome: "included",
    status: 1,
    gasUsed: 0,
    refund: 0,
    logs: requests.length === 0 ? NO_BYTES : rlpEncode(requests),
    returnData: NO_BYTES,
    createdAddress: undefined,
    beneficiaryFee: 0n,
    accesses: {
      count: sum((r) => r.accesses.count),
      keys: concat(results.map((r) => r.accesses.keys)),
      kinds: concat(results.map((r) => r.accesses.kinds)),
    },
    writes: {
      count: sum((r) => r.writes.count),
      keys: concat(results.map((r) => r.writes.keys)),
      words: concat(results.map((r) => r.writes.words)),
    },
    deltas: {
      count: sum((r) => r.deltas.count),
      keys: concat(results.map((r) => r.deltas.keys)),
      words: concat(results.map((r) => r.deltas.words)),
    },
    codes: results.flatMap((r) => r.codes),
  };
}
