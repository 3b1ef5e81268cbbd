/**
 * Slot keys: 56 bytes, `domain 1 | address 20 | incarnation 3 (big-endian) | storage key 32`.
 * The domain byte keeps a field of an account from ever meeting storage slot 0; the incarnation makes a wipe of an
 * account's storage one write. Fields have incarnation 0 and storage key 0.
 */
export const SLOT_KEY_BYTES = 56;
export const WORD_BYTES = 32;

export const Domain = {
  balance: 0,
  nonce: 1,
  code: 2,
  storage: 3,
  /** Not in the tree: hash of block `storage key`. */ blockHash: 4,
} as const;
export type Domain = (typeof Domain)[keyof typeof Domain];

const ADDRESS = 1;
const INCARNATION = 21;
const STORAGE = 24;

/** Writes the key of an account field at `offset` of `out`. */
export function writeFieldKey(
  out: Uint8Array,
  offset: number,
  domain: Domain,
  address: Uint8Array,
  addressOffset = 0,
): void {
  out[offset] = domain;
  for (let i = 0; i < 20; i++) out[offset + ADDRESS + i] = address[addressOffset + i]!;
  // A loop: the call of fill costs more than its 35 bytes.
  for (let i = INCARNATION; i < SLOT_KEY_BYTES; i++) out[offset + i] = 0;
}

/** Writes the key of a storage slot at `offset` of `out`; `storageKey` has 32 bytes. */
export function writeStorageKey(
  out: Uint8Array,
  offset: number,
  address: Uint8Array,
  storageKey: Uint8Array,
  incarnation = 0,
): void {
  out[offset] = Domain.storage;
  out.set(address.length === 20 ? address : address.subarray(0, 20), offset + ADDRESS);
  out[offset + INCARNATION] = (incarnation >>> 16) & 0xff;
  out[offset + INCARNATION + 1] = (incarnation >>> 8) & 0xff;
  out[offset + INCARNATION + 2] = incarnation & 0xff;
  out.set(storageKey, offset + STORAGE);
}

export function fieldKey(domain: Domain, address: Uint8Array): Uint8Array {
  const key = new Uint8Array(SLOT_KEY_BYTES);
  writeFieldKey(key, 0, domain, address);
  return key;
}

export function storageKey(address: Uint8Array, slot: Uint8Array, incarnation = 0): Uint8Array {
  const key = new Uint8Array(SLOT_KEY_BYTES);
  writeStorageKey(key, 0, address, slot, incarnation);
  return key;
}

/** The pseudo-slot that BLOCKHASH reads; its version is published when the block's header is known. */
export function blockHashKey(number: number): Uint8Array {
  const key = new Uint8Array(SLOT_KEY_BYTES);
  key[0] = Domain.blockHash;
  new DataView(key.buffer).setBigUint64(SLOT_KEY_BYTES - 8, BigInt(number));
  return key;
}

export const domainOf = (key: Uint8Array, offset = 0): Domain => key[offset] as Domain;
export const addressOf = (key: Uint8Array, offset = 0): Uint8Array =>
  key.subarray(offset + ADDRESS, offset + INCARNATION);
export const storageSlotOf = (key: Uint8Array, offset = 0): Uint8Array =>
  key.subarray(offset + STORAGE, offset + SLOT_KEY_BYTES);
export const incarnationOf = (key: Uint8Array, offset = 0): number =>
  (key[offset + INCARNATION]! << 16) | (key[offset + INCARNATION + 1]! << 8) | key[offset + INCARNATION + 2]!;

export function keysEqual(a: Uint8Array, aOffset: number, b: Uint8Array, bOffset: number): boolean {
  for (let i = SLOT_KEY_BYTES - 1; i >= 0; i--) if (a[aOffset + i] !== b[bOffset + i]) return false;
  return true;
}
