/**
 * Proof files: one slot of one account at one block, with everything that a verifier needs.
 *
 * The state is a map of slots (libs/slots), so a proof names a field of an account, or one key of its storage. The key
 * of storage holds the account's incarnation, which the code word tells: a proof of storage therefore carries a proof
 * of the code word too, or else it could be about storage that was wiped.
 */
import { decodeHeader, headerHash } from "@velarium/blocks";
import { CodeFlag, Domain, decodeCodeWord, fieldKey, hasCode, storageKey } from "@velarium/slots";
import { type ProofVerdict, type StateProof, verifyProof } from "@velarium/state-tree";

export const PROOF_FORMAT = 1;
export const provableFields = ["balance", "nonce", "code", "storage"] as const;
export type ProvableField = (typeof provableFields)[number];

export interface ProofFile {
  readonly format: typeof PROOF_FORMAT;
  readonly chainId: number;
  readonly block: number;
  readonly blockHash?: string;
  /** The header whose state root the proofs lead to; its keccak256 is the block's hash. */
  readonly headerRlp?: string;
  readonly stateRoot: string;
  readonly address: string;
  readonly field: ProvableField;
  /** The storage key, 32 bytes. */
  readonly slot?: string;
  /** The slot's 32-byte word; zero when it is absent. */
  readonly value: string;
  readonly proof: StateProof;
  /** For storage: the account's code word, which holds the incarnation in the key. */
  readonly codeProof?: StateProof;
}

export type ProofFileVerdict =
  | {
      readonly ok: true;
      readonly kind: "inclusion" | "exclusion";
      readonly value: string;
      readonly height: number | undefined;
      readonly headerChecked: boolean;
    }
  | { readonly ok: false; readonly reason: string };

export const ABSENT = `0x${"00".repeat(32)}`;
export const hexOf = (bytes: Uint8Array): string =>
  `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`;

export function slotKeyOf(
  field: ProvableField,
  address: Uint8Array,
  slot: Uint8Array | undefined,
  incarnation: number,
): Uint8Array {
  if (field === "storage") return storageKey(address, slot ?? new Uint8Array(32), incarnation);
  return fieldKey(Domain[field], address);
}

const refuse = (reason: string): ProofFileVerdict => ({ ok: false, reason });

/** The bytes of `0x...` when it is exactly `length` bytes of hex. */
export function bytesOfHex(text: unknown, length: number): Uint8Array | undefined {
  if (typeof text !== "string" || text.length !== 2 + 2 * length || !/^0x[0-9a-fA-F]*$/.test(text))
    return undefined;
  return new Uint8Array(Buffer.from(text.slice(2), "hex"));
}

/** Checks a proof file against `trustedRoot`, or against its own header and root when none is given. Never throws on malformed files. */
export function verifyProofFile(file: ProofFile, trustedRoot?: string): ProofFileVerdict {
  if (file === null || typeof file !== "object" || file.format !== PROOF_FORMAT)
    return refuse(`not a proof file of format ${PROOF_FORMAT}`);
  const address = bytesOfHex(file.address, 20);
  const root = bytesOfHex(trustedRoot ?? file.stateRoot, 32);
  const slot = file.field === "storage" ? bytesOfHex(file.slot, 32) : undefined;
  if (!address || !root || !provableFields.includes(file.field) || (file.field === "storage" && !slot)) {
    return refuse("address, field, slot or state root is missing or malformed");
  }
  if (trustedRoot !== undefined && file.stateRoot.toLowerCase() !== trustedRoot.toLowerCase())
    return refuse("the file is about another state root than the given one");
  const header = headerProblem(file);
  if (header !== undefined) return refuse(header);

  let incarnation = 0;
  if (file.field === "storage") {
    const code = verifiedWord(root, file.codeProof, fieldKey(Domain.code, address));
    if (!code.ok) return refuse(`code word: ${code.reason}`);
    incarnation = decodeCodeWord(code.word).incarnation;
  }
  const word = verifiedWord(root, file.proof, slotKeyOf(file.field, address, slot, incarnation));
  if (!word.ok) return refuse(word.reason);
  const value = hexOf(word.word);
  if (value !== file.value) return refuse(`the proof shows ${value}, the file says ${file.value}`);
  return {
    ok: true,
    kind: word.kind,
    value,
    height: word.height,
    headerChecked: file.headerRlp !== undefined,
  };
}

type VerifiedWord =
  | {
      readonly ok: true;
      readonly kind: "inclusion" | "exclusion";
      readonly word: Uint8Array;
      readonly height: number | undefined;
    }
  | { readonly ok: false; readonly reason: string };

function verifiedWord(root: Uint8Array, proof: StateProof | undefined, key: Uint8Array): VerifiedWord {
  if (proof === null || typeof proof !== "object") return { ok: false, reason: "no proof in the file" };
  if (`0x${proof.key}` !== hexOf(key)) return { ok: false, reason: "the proof is about another slot" };
  const verdict: ProofVerdict = verifyProof(root, proof);
  if (!verdict.ok) return verdict;
  if (verdict.kind === "exclusion")
    return { ok: true, kind: "exclusion", word: new Uint8Array(32), height: undefined };
  return {
    ok: true,
    kind: "inclusion",
    word: new Uint8Array(Buffer.from(verdict.value, "hex")),
    height: verdict.height,
  };
}

function headerProblem(file: ProofFile): string | undefined {
  if (file.headerRlp === undefined) return undefined;
  try {
    const rlp = new Uint8Array(Buffer.from(file.headerRlp.slice(2), "hex"));
    const header = decodeHeader(rlp);
    if (file.blockHash !== undefined && hexOf(headerHash(rlp)) !== file.blockHash.toLowerCase())
      return "the header is not the one of the block's hash";
    if (header.number !== file.block)
      return `the header is of block ${header.number}, the file says ${file.block}`;
    if (hexOf(header.stateRoot) !== file.stateRoot.toLowerCase())
      return "the header holds another state root";
    return undefined;
  } catch (error) {
    return `the header cannot be read: ${(error as Error).message}`;
  }
}

/** A word as a reader understands it. */
export function describeValue(field: ProvableField, value: string): string {
  if (field === "balance") return `${BigInt(value)} wei`;
  if (field === "nonce") return BigInt(value).toString();
  if (field === "storage") return value;
  const bytes = new Uint8Array(Buffer.from(value.slice(2), "hex"));
  const word = decodeCodeWord(bytes);
  const code = hasCode(bytes) ? `code hash begins with ${hexOf(word.hashPrefix)}` : "no code";
  const flags = [
    ...((word.flags & CodeFlag.storage) !== 0 ? ["has storage"] : []),
    ...(word.incarnation > 0 ? [`incarnation ${word.incarnation}`] : []),
  ];
  return [code, ...flags].join(", ");
}
