/** Small programs whose access sets depend on what they read: what makes analysis wrong and order visible. */
const code = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

/** slot[NUMBER] := BLOCKHASH(NUMBER − calldata[0]); the slot moves with the block, and so does the hash. */
export const HASH_READER: Uint8Array = code("6000 35 43 03 40 43 55 00");

/**
 * i := slot[0]; slot[i+1] += calldata[0]; slot[0] := (i + slot[i+1]) mod 8; LOG0. Which slot it writes is known only once
 * every earlier call has run, so a hot one is returned again and again, up to the tail.
 */
export const CHASER: Uint8Array = code(
  "6000 54 80 6001 01 80 54 6000 35 01 80 82 55 90 50 01 6007 16 6000 55 6000 6000 a0 00",
);

/** Sends calldata[1] wei to calldata[0]. */
export const PAYER: Uint8Array = code("6000 6000 6000 6000 6020 35 6000 35 5a f1 50 00");

/** slot[0] := BALANCE(COINBASE). */
export const TREASURER: Uint8Array = code("41 31 6000 55 00");

/** slot[0] += 1, then reverts if calldata[0] is odd. */
export const WAVERER: Uint8Array = code(
  "6000 54 6001 01 6000 55 6000 35 6001 16 15 6018 57 6000 6000 fd 5b 00",
);

/** Creation code for a program of at most 255 bytes. */
export function deploying(program: Uint8Array): Uint8Array {
  const head = code("60 00 600c 6000 39 60 00 6000 f3");
  head[1] = head[8] = program.length;
  return Uint8Array.from([...head, ...program]);
}

/** Creation codes that end otherwise: an invalid instruction, and a contract that destroys itself as it is made. */
export const FAILING_CREATION: Uint8Array = code("fe");
export const SELF_DESTROYING_CREATION: Uint8Array = code("33 ff");
