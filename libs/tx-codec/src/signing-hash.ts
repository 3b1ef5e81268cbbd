/** Hash that the sender signed, taken straight from the raw bytes: the signed fields stand together in every type. */
import { keccak256Into } from "@velarium/hash-kernel";
import { headerBytes, putHeader, RlpWriter } from "./rlp.ts";
import type { TxScan } from "./scan.ts";

let scratch = new Uint8Array(4096);
const tail = new RlpWriter(32);

/** Writes the 32-byte signing hash of a scanned transaction to `out` at `to`. */
export function signingHashInto(raw: Uint8Array, scan: TxScan, out: Uint8Array, to: number): void {
  const fields = scan.fieldsEnd - scan.fieldsOffset;
  tail.clear();
  if (scan.type === 0 && scan.chainId >= 0) {
    // EIP-155: chain id, 0, 0 in the place of the signature.
    tail.integer(scan.chainId);
    tail.integer(0);
    tail.integer(0);
  }
  const payload = fields + tail.used;
  const needed = 1 + headerBytes(payload) + payload;
  if (needed > scratch.length) scratch = new Uint8Array(needed * 2);
  let at = 0;
  if (scan.type !== 0) scratch[at++] = scan.type;
  at = putHeader(scratch, at, 0xc0, payload);
  if (fields < 128) for (let i = 0; i < fields; i++) scratch[at + i] = raw[scan.fieldsOffset + i]!;
  else scratch.set(raw.subarray(scan.fieldsOffset, scan.fieldsEnd), at);
  at += fields;
  for (let i = 0; i < tail.used; i++) scratch[at + i] = tail.data[i]!;
  keccak256Into(scratch, 0, at + tail.used, out, to);
}
