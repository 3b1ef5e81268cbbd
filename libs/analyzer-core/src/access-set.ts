/** Accesses of one transaction while they are collected: each slot once, kinds joined. */
import { bytesToMapKey } from "@velarium/engine";
import {
  type AccessKind,
  type Domain,
  joinKinds,
  SLOT_KEY_BYTES,
  writeFieldKey,
  writeStorageKey,
} from "@velarium/slots";

const INITIAL_SLOTS = 16;

export class AccessSet {
  private bytes = new Uint8Array(INITIAL_SLOTS * SLOT_KEY_BYTES);
  private kindBytes = new Uint8Array(INITIAL_SLOTS);
  private readonly index = new Map<string, number>();
  private readonly scratch = new Uint8Array(SLOT_KEY_BYTES);
  count = 0;

  get keys(): Uint8Array {
    return this.bytes.subarray(0, this.count * SLOT_KEY_BYTES);
  }
  get kinds(): Uint8Array {
    return this.kindBytes.subarray(0, this.count);
  }

  /** Adds the key at `offset` of `keys`, or joins the kind to what is there. */
  add(keys: Uint8Array, offset: number, kind: AccessKind): void {
    const name = bytesToMapKey(keys, offset, offset + SLOT_KEY_BYTES);
    const at = this.index.get(name);
    if (at !== undefined) {
      this.kindBytes[at] = joinKinds(this.kindBytes[at] as AccessKind, kind);
      return;
    }
    if (this.count === this.kindBytes.length) this.grow();
    this.index.set(name, this.count);
    for (let i = 0; i < SLOT_KEY_BYTES; i++) this.bytes[this.count * SLOT_KEY_BYTES + i] = keys[offset + i]!;
    this.kindBytes[this.count++] = kind;
  }

  addField(domain: Domain, address: Uint8Array, kind: AccessKind, addressOffset = 0): void {
    writeFieldKey(this.scratch, 0, domain, address, addressOffset);
    this.add(this.scratch, 0, kind);
  }

  addStorage(address: Uint8Array, slot: Uint8Array, incarnation: number, kind: AccessKind): void {
    writeStorageKey(this.scratch, 0, address, slot, incarnation);
    this.add(this.scratch, 0, kind);
  }

  /** Forgets all but the first `count` slots. */
  keepFirst(count: number): void {
    if (count >= this.count) return;
    this.count = count;
    for (const [name, at] of this.index) if (at >= count) this.index.delete(name);
  }

  private grow(): void {
    const bytes = new Uint8Array(this.bytes.length * 2);
    bytes.set(this.bytes);
    this.bytes = bytes;
    const kinds = new Uint8Array(this.kindBytes.length * 2);
    kinds.set(this.kindBytes);
    this.kindBytes = kinds;
  }
}
