/**
 * Access sets by profiles, a transaction at a time on the way without objects: most calls of a function that is called
 * often need a word or two of state, or none. Values that are missing are noted and guessed; whoever drives this fetches
 * them for a whole message.
 */
import type { BlockContext } from "@velarium/engine";
import {
  type AccessSink,
  PackedCodes,
  PackedOutcome,
  PackedRun,
  type PackedState,
  WordArena,
} from "@velarium/evm-profile";
import type { TxScan } from "@velarium/tx-codec";
import type { ProfileStrategy } from "./profile-strategy.ts";

export class PackedProfiles {
  private readonly strategy: ProfileStrategy;
  private readonly callsBefore: number | undefined;
  private codes: PackedCodes | undefined;
  private application: PackedRun | undefined;
  private rules: BlockContext["rules"] | undefined;

  /** `callsBefore`: calls after which a function is profiled. */
  constructor(strategy: ProfileStrategy, callsBefore?: number) {
    this.strategy = strategy;
    this.callsBefore = callsBefore;
  }

  /** Block and state of the runs that follow. Packed profiles are kept while the rules stay. */
  open(context: BlockContext, state: PackedState): void {
    if (context.rules !== this.rules) {
      const { store } = this.strategy.predictor.knowledgeOf(context.rules);
      const arena = new WordArena();
      this.codes = new PackedCodes(store, arena, this.callsBefore);
      this.application = new PackedRun(this.codes, arena);
      this.rules = context.rules;
    }
    this.application!.open(context, state);
  }

  /** Accesses of one transaction, for `emit`. Lists of accesses and authorizations, and creations, are not for this way. */
  run(raw: Uint8Array, scan: TxScan, senders: Uint8Array, senderAt: number): PackedOutcome {
    if (scan.type > 2 || scan.accessListSize > 0) return PackedOutcome.elsewhere;
    const outcome = this.application!.run(raw, scan, senders, senderAt);
    if (outcome === PackedOutcome.known) this.strategy.predictor.counters.applied++;
    return outcome;
  }

  /** Accesses of the last run, at most. */
  get most(): number {
    return this.application!.touched.most;
  }

  /** Every slot once, the sender's balance, nonce and code first. */
  emit(sink: AccessSink): void {
    this.application!.emit(sink);
  }

  /** Loads the profiles that runs have missed. */
  async load(): Promise<void> {
    const { codes, rules } = this;
    if (codes === undefined || codes.wanted.length === 0) return;
    const { store } = this.strategy.predictor.knowledgeOf(rules!);
    await Promise.all(codes.wanted.splice(0).map((miss) => store.load(miss)));
  }
}
