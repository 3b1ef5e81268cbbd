/** Addresses of contracts that contracts create. */
import { keccak256 } from "@velarium/hash-kernel";
import { addressWord, storeWord } from "./bytes.ts";

/** RLP of [creator, nonce]: CREATE. */
function rlpOf(creator: Uint8Array, nonce: bigint): Uint8Array {
  const digits: number[] = [];
  for (let rest = nonce; rest > 0n; rest >>= 8n) digits.unshift(Number(rest & 0xffn));
  const encoded = digits.length === 1 && digits[0]! < 0x80 ? digits : [0x80 + digits.length, ...digits];
  return Uint8Array.of(0xc0 + 21 + encoded.length, 0x94, ...creator, ...encoded);
}

/** `creator` has 20 bytes. With a salt the address is CREATE2's (EIP-1014), else it follows from the nonce. */
export function createdAddress(
  creator: Uint8Array,
  nonce: bigint,
  salt: bigint | undefined,
  initcode: Uint8Array,
): bigint {
  if (salt === undefined) return addressWord(keccak256(rlpOf(creator, nonce)), 12);
  const preimage = new Uint8Array(85);
  preimage[0] = 0xff;
  preimage.set(creator, 1);
  storeWord(preimage, 21, salt);
  preimage.set(keccak256(initcode), 53);
  return addressWord(keccak256(preimage), 12);
}
