/** Ethereum block headers of every fork up to Osaka (Yellow Paper 4.3; EIPs 1559, 4895, 4844, 4788, 7685). */
import { keccak256 } from "@velarium/hash-kernel";
import { integerAt, type RlpItem, RlpWriter, rlpDecode, TxError } from "@velarium/tx-codec";
import { BlockError } from "./error.ts";

export interface BlockHeader {
  readonly parentHash: Uint8Array;
  readonly ommersHash: Uint8Array;
  readonly beneficiary: Uint8Array;
  readonly stateRoot: Uint8Array;
  readonly transactionsRoot: Uint8Array;
  readonly receiptsRoot: Uint8Array;
  /** 256 bytes. */
  readonly logsBloom: Uint8Array;
  readonly difficulty: bigint;
  readonly number: number;
  readonly gasLimit: number;
  readonly gasUsed: number;
  /** Seconds. */
  readonly timestamp: number;
  readonly extraData: Uint8Array;
  /** prevRandao from the merge on. */
  readonly mixHash: Uint8Array;
  /** 8 bytes. */
  readonly nonce: Uint8Array;
  /** From London; each later field needs all the earlier ones. */
  readonly baseFeePerGas?: bigint | undefined;
  readonly withdrawalsRoot?: Uint8Array | undefined;
  readonly blobGasUsed?: number | undefined;
  readonly excessBlobGas?: number | undefined;
  readonly parentBeaconBlockRoot?: Uint8Array | undefined;
  readonly requestsHash?: Uint8Array | undefined;
}

/** Name and form of each field, in the order of the encoding: `h` fixed bytes, `i` integer, `n` safe number, `b` bytes. */
const FIELDS = [
  ["parentHash", "h", 32],
  ["ommersHash", "h", 32],
  ["beneficiary", "h", 20],
  ["stateRoot", "h", 32],
  ["transactionsRoot", "h", 32],
  ["receiptsRoot", "h", 32],
  ["logsBloom", "h", 256],
  ["difficulty", "i", 32],
  ["number", "n", 8],
  ["gasLimit", "n", 8],
  ["gasUsed", "n", 8],
  ["timestamp", "n", 8],
  ["extraData", "b", 0],
  ["mixHash", "h", 32],
  ["nonce", "h", 8],
  ["baseFeePerGas", "i", 32],
  ["withdrawalsRoot", "h", 32],
  ["blobGasUsed", "n", 8],
  ["excessBlobGas", "n", 8],
  ["parentBeaconBlockRoot", "h", 32],
  ["requestsHash", "h", 32],
] as const satisfies readonly (readonly [keyof BlockHeader, "h" | "i" | "n" | "b", number])[];

/** Lengths of a header before London, from London, Shanghai, Cancun, Prague. */
const LENGTHS: ReadonlySet<number> = new Set([15, 16, 17, 20, 21]);

/** keccak256(rlp([])): no ommers, as in every block since the merge. */
export const NO_OMMERS_HASH: Uint8Array = keccak256(Uint8Array.of(0xc0));
/** Root of an empty list. */
export const EMPTY_ROOT: Uint8Array = keccak256(Uint8Array.of(0x80));

/** Throws BlockError `header` when fields of a later fork stand without those of the earlier ones. */
export function encodeHeader(header: BlockHeader): Uint8Array {
  const w = new RlpWriter(768);
  const list = w.openList();
  let fields = 0;
  let ended = false;
  for (const [name, form, size] of FIELDS) {
    const value = header[name];
    if (value === undefined) {
      ended = true;
      continue;
    }
    if (ended) throw new BlockError("header", `${name} is given, but not every field before it`);
    fields++;
    if (form === "i" || form === "n") w.integer(value as number | bigint);
    else {
      const bytes = value as Uint8Array;
      if (form === "h" && bytes.length !== size) {
        throw new BlockError("header", `${name} has ${bytes.length} bytes, expected ${size}`);
      }
      w.string(bytes);
    }
  }
  if (!LENGTHS.has(fields)) throw new BlockError("header", `no fork has a header of ${fields} fields`);
  w.closeList(list);
  return w.bytes();
}

/** Byte fields are views into `rlp`. Throws BlockError `header`. */
export function decodeHeader(rlp: Uint8Array): BlockHeader {
  let items: readonly RlpItem[];
  try {
    items = rlpDecode(rlp) as readonly RlpItem[];
  } catch (error) {
    if (error instanceof TxError) throw new BlockError("header", error.message);
    throw error;
  }
  if (!Array.isArray(items) || !LENGTHS.has(items.length))
    throw new BlockError("header", "not a header of any fork");
  const header: Record<string, unknown> = {};
  for (let i = 0; i < items.length; i++) {
    const [name, form, size] = FIELDS[i]!;
    const bytes = items[i]!;
    if (!(bytes instanceof Uint8Array)) throw new BlockError("header", `${name} is a list`);
    if (form === "h" && bytes.length !== size) {
      throw new BlockError("header", `${name} has ${bytes.length} bytes, expected ${size}`);
    }
    if (form === "h" || form === "b") header[name] = bytes;
    else {
      if (bytes.length > size || bytes[0] === 0)
        throw new BlockError("header", `${name} is not a canonical integer`);
      const value = integerAt(bytes, 0, bytes.length);
      if (form === "n" && value > BigInt(Number.MAX_SAFE_INTEGER)) {
        throw new BlockError("header", `${name} is above 2^53 - 1`);
      }
      header[name] = form === "n" ? Number(value) : value;
    }
  }
  return header as unknown as BlockHeader;
}

export const headerHash = (rlp: Uint8Array): Uint8Array => keccak256(rlp);

// A header is longer than 255 and shorter than 65,536 bytes (the bloom alone has 256), so its list header has
// 3 bytes, and the fields before the state root have fixed sizes.
const PARENT_HASH_AT = 3 + 1;
const STATE_ROOT_AT = 3 + 33 + 33 + 21 + 1;

/**
 * Fills in what is known last: the state root, when all partitions are committed, and, if given, the parent's
 * hash. Returns the sealed header; its hash is headerHash of it.
 */
export function sealHeader(rlp: Uint8Array, stateRoot: Uint8Array, parentHash?: Uint8Array): Uint8Array {
  if (rlp[0] !== 0xf9 || rlp[STATE_ROOT_AT - 1] !== 0xa0)
    throw new BlockError("header", "not an encoded header");
  const sealed = rlp.slice();
  sealed.set(stateRoot.subarray(0, 32), STATE_ROOT_AT);
  if (parentHash) sealed.set(parentHash.subarray(0, 32), PARENT_HASH_AT);
  return sealed;
}
