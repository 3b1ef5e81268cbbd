/** What the tests need of transactions. */
import { keccak256 } from "@velarium/hash-kernel";

export {
  addressOf,
  encodeTransaction,
  placeholderSignature,
  signTransaction,
  type TxFields,
} from "@velarium/tx-codec";
export const keccakOf = (bytes: Uint8Array): Uint8Array => keccak256(bytes);
