/** The state before a test, under the encodings of production: slots by key, the code word, code by hash prefix. */
import { bigIntToWord, codeHash, keccak256, MemoryState } from "@velarium/engine";
import { CodeFlag, Domain, domainOf, encodeCodeWord, fieldKey, storageKey } from "@velarium/slots";
import { bytesOf, type Hex, type StateTest } from "./state-test.ts";

const BLOCK_HASH_WINDOW = 256;
const NO_CODE = new Uint8Array(28);
const wordOf = (hex: Hex): Uint8Array => bigIntToWord(BigInt(hex));

/** State tests answer BLOCKHASH(n) with keccak256 of n in decimal digits. */
const blockHashOf = (number: bigint): Uint8Array => keccak256(new TextEncoder().encode(String(number)));

export class CaseState extends MemoryState {
  private readonly blockNumber: bigint;

  constructor(blockNumber: number) {
    super();
    this.blockNumber = BigInt(blockNumber);
  }

  override read(key: Uint8Array): Uint8Array {
    if (domainOf(key) !== Domain.blockHash) return super.read(key);
    const number = new DataView(key.buffer, key.byteOffset).getBigUint64(48);
    const inside = number < this.blockNumber && number + BigInt(BLOCK_HASH_WINDOW) >= this.blockNumber;
    return inside ? blockHashOf(number) : new Uint8Array(32);
  }
}

export function caseStateOf(test: StateTest): CaseState {
  const state = new CaseState(Number(test.env["currentNumber"]));
  for (const [name, account] of Object.entries(test.pre)) {
    const address = bytesOf(name);
    const code = bytesOf(account.code);
    const balance = BigInt(account.balance);
    const nonce = BigInt(account.nonce);
    state.set(fieldKey(Domain.balance, address), bigIntToWord(balance));
    state.set(fieldKey(Domain.nonce, address), bigIntToWord(nonce));
    const storage = Object.entries(account.storage).filter(([, value]) => BigInt(value) !== 0n);
    let flags = storage.length > 0 ? CodeFlag.storage : 0;
    if (code.length === 0 && balance === 0n && nonce === 0n) flags |= CodeFlag.exists;
    const hashPrefix = code.length === 0 ? NO_CODE : codeHash(code).subarray(0, 28);
    state.set(fieldKey(Domain.code, address), encodeCodeWord({ flags, incarnation: 0, hashPrefix }));
    if (code.length > 0) state.addCode(code);
    for (const [slot, value] of storage) state.set(storageKey(address, wordOf(slot)), wordOf(value));
  }
  return state;
}
