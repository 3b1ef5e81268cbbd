/** Next nonces of senders that the pool does not know yet: asked of the committed state for many at a time. */
import { Domain, SLOT_KEY_BYTES, writeFieldKey } from "@velarium/slots";
import type { FramerEffects, FramerStats } from "./framer-types.ts";
import type { Pool } from "./pool.ts";

export class NonceQuestions {
  private readonly pool: Pool;
  private readonly stats: FramerStats;
  private readonly effects: Pick<FramerEffects, "readNonces">;

  constructor(pool: Pool, stats: FramerStats, effects: Pick<FramerEffects, "readNonces">) {
    this.pool = pool;
    this.stats = stats;
    this.effects = effects;
  }

  /** Asks for all that are unknown and not asked for. */
  flush(): void {
    const { pool } = this;
    if (pool.senders.unknown.length === 0) return;
    const accounts = Int32Array.from(pool.senders.unknown);
    pool.senders.unknown.length = 0;
    const keys = new Uint8Array(accounts.length * SLOT_KEY_BYTES);
    const { addresses } = pool.accounts;
    for (let i = 0; i < accounts.length; i++) {
      const address = pool.accounts.addressAt(accounts[i]!);
      writeFieldKey(keys, i * SLOT_KEY_BYTES, Domain.nonce, addresses, address);
    }
    this.stats.nonceReads += accounts.length;
    this.effects.readNonces(accounts, keys);
  }

  /** Committed nonces of the accounts asked for, 32 bytes each; undefined: no answer, to be asked again. */
  answered(accounts: Int32Array, values: Uint8Array | undefined): void {
    for (let i = 0; i < accounts.length; i++) {
      if (values === undefined) this.pool.forgetQuestion(accounts[i]!);
      else this.pool.setNonce(accounts[i]!, nonceAt(values, i * 32));
    }
    // Questions that failed are repeated by the next tick, not in a loop here.
    if (values !== undefined) this.flush();
  }
}

/** A word of the state as a nonce (below 2^64 by EIP-2681; above 2^53 none is ever reached). */
function nonceAt(words: Uint8Array, at: number): number {
  let value = 0;
  for (let i = at + 24; i < at + 32; i++) value = value * 256 + words[i]!;
  return value;
}
