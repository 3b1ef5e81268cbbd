/** Ways to find the access set of a transaction that is no plain transfer, in the order in which they are asked. */
import {
  type BlockContext,
  bytesToMapKey,
  type Engine,
  EngineError,
  type ExecutableTransaction,
  simulateTransaction,
} from "@velarium/engine";
import {
  AccessKind,
  addressOf,
  Domain,
  decodeCodeWord,
  domainOf,
  fieldKey,
  SLOT_KEY_BYTES,
  writeFieldKey,
} from "@velarium/slots";
import type { AccessSet } from "./access-set.ts";
import type { CommittedView } from "./committed-view.ts";

/** `complete`: ask no one else; `partial`: contributed, ask on; `none`: knows nothing of this transaction. */
export type Knowledge = "complete" | "partial" | "none";

export interface AccessQuestion {
  readonly transaction: ExecutableTransaction;
  readonly context: BlockContext;
  readonly view: CommittedView;
}

export interface AccessStrategy {
  readonly name: "declared" | "profile" | "simulation";
  /** Adds what it knows to `into`. Rejects only when the state did not answer. */
  contribute(question: AccessQuestion, into: AccessSet): Knowledge | Promise<Knowledge>;
}

/** What the sender lists itself (EIP-2930): a hint that says which slots, not what is done to them. */
export const declaredAccesses: AccessStrategy = {
  name: "declared",
  async contribute({ transaction, view }, into) {
    const list = transaction.accessList;
    if (list === undefined || list.length === 0) return "none";
    const codeKeys = new Uint8Array(list.length * SLOT_KEY_BYTES);
    for (let i = 0; i < list.length; i++)
      writeFieldKey(codeKeys, i * SLOT_KEY_BYTES, Domain.code, list[i]!.address);
    await view.prefetch(codeKeys, list.length);
    for (const { address, storageKeys } of list) {
      if (storageKeys.length === 0) continue;
      into.addField(Domain.code, address, AccessKind.R);
      const key = fieldKey(Domain.code, address);
      const { incarnation } = decodeCodeWord(view.read(key) ?? (await view.fetch(key)));
      for (const slot of storageKeys) into.addStorage(address, slot, incarnation, AccessKind.R);
    }
    return "partial";
  },
};

/** Templates kept: (contract, function, sender) → slots of its last simulation. Some 1 KB each. */
const MAX_TEMPLATES = 16_384;

/**
 * Runs the transaction on committed state. Remembers what the last run of the same (contract, function, sender) has
 * touched, so that the next one finds it prefetched.
 */
export class SimulationStrategy implements AccessStrategy {
  readonly name = "simulation";
  /** Simulations that the engine could not finish, or that touched too much: the sender's own slots are declared. */
  failures = 0;
  /** Gas of all simulations. */
  gas = 0;
  private readonly engine: Engine;
  private readonly templates = new Map<string, Uint8Array>();

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** Slots that a run will probably ask for: appended to `into` by the caller's prefetch. */
  expected(transaction: ExecutableTransaction): Uint8Array | undefined {
    return this.templates.get(templateOf(transaction));
  }

  async contribute({ transaction, context, view }: AccessQuestion, into: AccessSet): Promise<Knowledge> {
    const run = (): ReturnType<typeof simulateTransaction> =>
      simulateTransaction(this.engine, context, transaction, view);
    const failuresBefore = view.failures;
    let accesses: Awaited<ReturnType<typeof run>>["accesses"];
    try {
      const result = await run();
      accesses = result.accesses;
      this.gas += result.gasUsed;
    } catch (error) {
      if (view.failures !== failuresBefore) throw view.lastFailure;
      if (!(error instanceof EngineError)) throw error;
      this.failures++;
      return "partial";
    }
    const creditsBeneficiary =
      transaction.to !== undefined &&
      transaction.value > 0n &&
      Buffer.compare(transaction.to, context.beneficiary) === 0;
    for (let i = 0; i < accesses.count; i++) {
      const at = i * SLOT_KEY_BYTES;
      let kind = accesses.kinds[i] as AccessKind;
      const domain = domainOf(accesses.keys, at);
      if (domain === Domain.blockHash) kind = AccessKind.H;
      else if (domain === Domain.balance && isAddress(addressOf(accesses.keys, at), context.beneficiary)) {
        // The fee is everyone's and is not listed; whoever looks at that balance adds the fee to it himself.
        if (kind === AccessKind.D && !creditsBeneficiary) continue;
        if (kind === AccessKind.R) kind = AccessKind.W;
      }
      into.add(accesses.keys, at, kind);
    }
    this.remember(templateOf(transaction), accesses.keys);
    return "complete";
  }

  private remember(name: string, keys: Uint8Array): void {
    this.templates.delete(name);
    this.templates.set(name, keys);
    if (this.templates.size <= MAX_TEMPLATES) return;
    const oldest = this.templates.keys().next();
    if (!oldest.done) this.templates.delete(oldest.value);
  }
}

function isAddress(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < 20; i++) if (a[i] !== b[i]) return false;
  return true;
}

function templateOf({ to, data, sender }: ExecutableTransaction): string {
  if (to === undefined) return bytesToMapKey(sender);
  return bytesToMapKey(to) + bytesToMapKey(data, 0, Math.min(4, data.length)) + bytesToMapKey(sender);
}
