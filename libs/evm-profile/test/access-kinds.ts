/** Predicted and real accesses in the same form: kinds by key, the fee to the beneficiary left out. */
import {
  type BlockContext,
  bytesToMapKey,
  createReferenceEngine,
  type ExecutableTransaction,
  type StateView,
} from "@velarium/engine";
import { AccessKind, addressOf, covers, Domain, domainOf, joinKinds, SLOT_KEY_BYTES } from "@velarium/slots";
import type { Evaluation } from "../src/index.ts";
import { context } from "./memory-chain.ts";

export type Kinds = Map<string, AccessKind>;

export function kindsOf(evaluation: Evaluation): Kinds {
  if (!evaluation.known) throw new Error(`unknown: ${evaluation.reason}`);
  const kinds: Kinds = new Map();
  evaluation.forEachAccess((key, kind) => {
    const name = bytesToMapKey(key);
    const known = kinds.get(name);
    kinds.set(name, known === undefined ? kind : joinKinds(known, kind));
  });
  return kinds;
}

const engine = createReferenceEngine();

/** What the reference engine reads and writes; `status` 1: it succeeded. */
export async function realKinds(
  transaction: ExecutableTransaction,
  state: StateView,
  block: BlockContext = context,
): Promise<{ kinds: Kinds; status: number }> {
  const { accesses, status, outcome, reason } = await engine.execute(block, transaction, state);
  if (outcome !== "included") throw new Error(`not included: ${reason}`);
  const kinds: Kinds = new Map();
  for (let i = 0; i < accesses.count; i++) {
    const at = i * SLOT_KEY_BYTES;
    const domain = domainOf(accesses.keys, at);
    let kind = accesses.kinds[i] as AccessKind;
    if (domain === Domain.blockHash) kind = AccessKind.H;
    const isFee =
      domain === Domain.balance &&
      kind === AccessKind.D &&
      Buffer.compare(addressOf(accesses.keys, at), context.beneficiary) === 0;
    if (!isFee) kinds.set(bytesToMapKey(accesses.keys, at, at + SLOT_KEY_BYTES), kind);
  }
  return { kinds, status };
}

/** Keys, in hexadecimal, of real accesses that the prediction does not cover. */
export function uncovered(predicted: Kinds, real: Kinds): string[] {
  return [...real]
    .filter(([key, kind]) => {
      const declared = predicted.get(key);
      return declared === undefined || !covers(declared, kind);
    })
    .map(([key, kind]) => `${Buffer.from(key, "latin1").toString("hex")} ${kind}`);
}
