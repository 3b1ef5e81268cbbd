/** What the pre-state of a block fixture says, zero values included: reads outside it may differ from the original chain's. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Below this address there are only precompiles, which nobody lists. */
const PRECOMPILE_PREFIX = "0".repeat(37);

export class GivenState {
  private readonly accounts = new Map<string, ReadonlySet<string>>();
  private readonly outsideAccounts = new Set<string>();
  private readonly outsideSlots = new Set<string>();

  /** Reads `pre_state.json` of a block's folder. */
  constructor(blockFolder: string) {
    const file = JSON.parse(readFileSync(join(blockFolder, "pre_state.json"), "utf8")) as Record<
      string,
      { storage?: Record<string, unknown> | null }
    >;
    for (const [address, account] of Object.entries(file)) {
      const slots = Object.keys(account.storage ?? {}).map((slot) =>
        BigInt(slot).toString(16).padStart(64, "0"),
      );
      this.accounts.set(address.toLowerCase().replace(/^0x/, ""), new Set(slots));
    }
  }

  /** Takes note of a read of an account, or of one of its storage slots. */
  note(address: Uint8Array, slot: Uint8Array | undefined): void {
    const name = Buffer.from(address).toString("hex");
    const given = this.accounts.get(name);
    if (!given) {
      // Storage of an account that is not given at all is the same gap, counted once.
      if (!name.startsWith(PRECOMPILE_PREFIX)) this.outsideAccounts.add(name);
      return;
    }
    if (!slot) return;
    const key = Buffer.from(slot).toString("hex").padStart(64, "0");
    if (!given.has(key)) this.outsideSlots.add(`${name}${key}`);
  }

  /** Distinct accounts that were read and are not given; most did not exist before the block. */
  get accountsOutside(): number {
    return this.outsideAccounts.size;
  }

  /** Distinct storage slots of given accounts that were read and are not given. */
  get slotsOutside(): number {
    return this.outsideSlots.size;
  }
}
