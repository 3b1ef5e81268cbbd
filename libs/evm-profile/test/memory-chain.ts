/** A chain in memory for tests: accounts, codes, and calls on them. */
import { createBlockRules } from "@velarium/chain-rules";
import { type BlockContext, codeHash, type ExecutableTransaction, MemoryState } from "@velarium/engine";
import { Domain, encodeCodeWord, fieldKey, storageKey } from "@velarium/slots";

export const rules = createBlockRules("osaka", 1);

export const context: BlockContext = {
  rules,
  number: 20_000_000,
  timestamp: 1_750_000_000,
  beneficiary: new Uint8Array(20).fill(0xbe),
  gasLimit: 30_000_000,
  baseFee: 7n,
  prevRandao: new Uint8Array(32).fill(9),
  difficulty: 0n,
  blobBaseFee: 1n,
};

export const account = (n: number): Uint8Array => {
  const address = new Uint8Array(20).fill(0xa0);
  new DataView(address.buffer).setUint32(16, n);
  return address;
};

export const word = (value: bigint | Uint8Array): Uint8Array => {
  const out = new Uint8Array(32);
  if (value instanceof Uint8Array) out.set(value, 32 - value.length);
  else out.set(Buffer.from(value.toString(16).padStart(64, "0"), "hex"));
  return out;
};

export class MemoryChain extends MemoryState {
  deploy(address: Uint8Array, code: Uint8Array): this {
    this.addCode(code);
    const hashPrefix = codeHash(code).subarray(0, 28);
    this.set(fieldKey(Domain.code, address), encodeCodeWord({ flags: 2, incarnation: 0, hashPrefix }));
    return this;
  }

  fund(address: Uint8Array, wei: bigint): this {
    this.set(fieldKey(Domain.balance, address), word(wei));
    return this;
  }

  put(address: Uint8Array, slot: Uint8Array, value: bigint | Uint8Array): this {
    this.set(storageKey(address, slot), word(value));
    return this;
  }
}

export const callOf = (
  sender: Uint8Array,
  to: Uint8Array,
  data: Uint8Array,
  over: Partial<ExecutableTransaction> = {},
): ExecutableTransaction => ({
  type: 2,
  sender,
  nonce: 0n,
  gasLimit: 2_000_000,
  to,
  value: 0n,
  data,
  maxFeePerGas: 100n,
  maxPriorityFeePerGas: 1n,
  ...over,
});
