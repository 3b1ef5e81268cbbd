/**
 * Accounts of a workload, from its seed. Signed: private key i is keccak256("velarium key", seed, i), about 30 µs of
 * curve arithmetic per address, so addresses can be kept in a file. Verified: address i is a hash, without a key.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { keccak256 } from "@velarium/hash-kernel";
import { addressOf } from "@velarium/tx-codec";

export const ADDRESS_BYTES = 20;

const domain = (text: string): Uint8Array => {
  const out = new Uint8Array(24);
  out.set(new TextEncoder().encode(text));
  return out;
};
const KEY = domain("velarium key");
const ACCOUNT = domain("velarium account");
const CONTRACT = domain("velarium contract");

const input = new Uint8Array(32);
const inputView = new DataView(input.buffer);

function derive(prefix: Uint8Array, seed: number, index: number): Uint8Array {
  input.set(prefix);
  inputView.setUint32(24, seed);
  inputView.setUint32(28, index);
  return keccak256(input);
}

/** Private key of account `index`. The chance that a hash is not a valid key is 2^-128. */
export const privateKeyOf = (seed: number, index: number): Uint8Array => derive(KEY, seed, index);

/** Address of contract `index` of a workload's genesis. */
export const contractAddressOf = (seed: number, index: number): Uint8Array =>
  derive(CONTRACT, seed, index).slice(12);

/** `count` addresses, 20 bytes each. `progress` is called now and then with how many are there. */
export function deriveAddresses(
  seed: number,
  count: number,
  signed: boolean,
  cacheFolder = "",
  progress: (done: number, total: number) => void = () => {},
): Uint8Array {
  const file = signed && cacheFolder !== "" ? join(cacheFolder, `addresses-${seed}-${count}.bin`) : "";
  const out = file === "" ? undefined : readCached(file, seed, count);
  if (out) return out;
  const made = new Uint8Array(count * ADDRESS_BYTES);
  for (let i = 0; i < count; i++) {
    const address = signed ? addressOf(privateKeyOf(seed, i)) : derive(ACCOUNT, seed, i).subarray(12);
    for (let j = 0; j < ADDRESS_BYTES; j++) made[i * ADDRESS_BYTES + j] = address[j]!;
    if ((i & 4095) === 4095) progress(i + 1, count);
  }
  progress(count, count);
  if (file !== "") {
    mkdirSync(cacheFolder, { recursive: true });
    writeFileSync(`${file}.${process.pid}.tmp`, made);
    renameSync(`${file}.${process.pid}.tmp`, file);
  }
  return made;
}

/** A cached file of another size or another derivation is not used: first and last address are derived again. */
function readCached(file: string, seed: number, count: number): Uint8Array | undefined {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(readFileSync(file));
  } catch {
    return undefined;
  }
  if (bytes.length !== count * ADDRESS_BYTES) return undefined;
  for (const i of [0, count - 1]) {
    const expected = addressOf(privateKeyOf(seed, i));
    if (Buffer.compare(expected, bytes.subarray(i * ADDRESS_BYTES, (i + 1) * ADDRESS_BYTES)) !== 0)
      return undefined;
  }
  return bytes;
}
