/** What the chain itself does at block open and close, as rows of frames: accesses that follow from number and time. */
import {
  BEACON_ROOTS_ADDRESS,
  type BlockRules,
  type ChainRules,
  HISTORY_STORAGE_ADDRESS,
} from "@velarium/chain-rules";
import {
  AccessKind,
  blockHashKey,
  Domain,
  fieldKey,
  SLOT_KEY_BYTES,
  type SlotIds,
  storageKey,
} from "@velarium/slots";

/** Ring length of EIP-4788 and of EIP-2935. */
const RING = 8191;
/** Storage slots of EIP-7002 and EIP-7251 that every system call reads or writes: excess, count, head and tail. */
const REQUEST_SLOTS = 4;

export interface DeclaredWork {
  readonly hi: Uint32Array;
  readonly lo: Uint32Array;
  readonly kinds: Uint8Array;
  readonly keys: Uint8Array;
}

const word = (value: number): Uint8Array => {
  const out = new Uint8Array(32);
  new DataView(out.buffer).setBigUint64(24, BigInt(value));
  return out;
};

class Declaration {
  private readonly keys: Uint8Array[] = [];
  private readonly kinds: number[] = [];

  add(key: Uint8Array, kind: AccessKind): void {
    this.keys.push(key);
    this.kinds.push(kind);
  }

  finish(ids: SlotIds): DeclaredWork | undefined {
    const n = this.keys.length;
    if (n === 0) return undefined;
    const keys = new Uint8Array(n * SLOT_KEY_BYTES);
    for (let i = 0; i < n; i++) keys.set(this.keys[i]!, i * SLOT_KEY_BYTES);
    const hi = new Uint32Array(n);
    const lo = new Uint32Array(n);
    ids.idsOf(keys, n, hi, lo);
    return { hi, lo, kinds: Uint8Array.from(this.kinds), keys };
  }
}

/** Undefined when these rules have no work at block open. */
export function workAtOpen(
  chain: ChainRules,
  rules: BlockRules,
  ids: SlotIds,
  number: number,
  time: number,
): DeclaredWork | undefined {
  const declaration = new Declaration();
  for (const call of chain.systemCallsAtOpen(rules, { number, parentHash: new Uint8Array(32) })) {
    declaration.add(fieldKey(Domain.code, call.address), AccessKind.R);
    if (call.name === "beaconRoots") {
      const slot = time % RING;
      declaration.add(storageKey(BEACON_ROOTS_ADDRESS, word(slot)), AccessKind.W);
      declaration.add(storageKey(BEACON_ROOTS_ADDRESS, word(slot + RING)), AccessKind.W);
    } else if (call.name === "blockHashes") {
      declaration.add(storageKey(HISTORY_STORAGE_ADDRESS, word((number - 1) % RING)), AccessKind.W);
      declaration.add(blockHashKey(number - 1), AccessKind.H);
    }
  }
  return declaration.finish(ids);
}

/**
 * Undefined when these rules have no work at block close. Which queue entries are read depends on the state, so the
 * frame that holds this is a tail frame, where undeclared accesses are allowed.
 */
export function workAtClose(chain: ChainRules, rules: BlockRules, ids: SlotIds): DeclaredWork | undefined {
  const declaration = new Declaration();
  for (const call of chain.systemCallsAtClose(rules)) {
    declaration.add(fieldKey(Domain.code, call.address), AccessKind.R);
    for (let slot = 0; slot < REQUEST_SLOTS; slot++)
      declaration.add(storageKey(call.address, word(slot)), AccessKind.W);
  }
  return declaration.finish(ids);
}
