/** `StateShard.Read`: committed values, code, proofs and records, by unary calls. */
import { type BytesColumn, BytesVector, decode, encode, schemaIdOf } from "@velarium/columns";
import { CODE_HASH_PREFIX_BYTES, hashKey, partitionOf, SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";
import { proveSlot, StateError } from "@velarium/state-tree";
import {
  CodeReply,
  CodeRequest,
  GetReply,
  GetRequest,
  ProveReply,
  ProveRequest,
  RecordReply,
  RecordRequest,
} from "@velarium/wire";
import { readRecord, type StoredState } from "./stored-state.ts";

/** Keys of one request; a client splits more. */
const MAX_KEYS = 65_536;
const ROOT_BYTES = 32;
const NOTHING = new Uint8Array(0);
/** Status in replies: the height is outside the undo window, or the record is not here. */
const GONE = 1;

export class ReadError extends Error {
  readonly code: "unknown-request" | "too-large";
  constructor(code: ReadError["code"], message: string) {
    super(message);
    this.name = "ReadError";
    this.code = code;
  }
}

export function answerRead(state: StoredState, request: Uint8Array): Uint8Array {
  switch (schemaIdOf(request)) {
    case GetRequest.id:
      return getSlots(state, request);
    case CodeRequest.id:
      return getCodes(state, request);
    case ProveRequest.id:
      return prove(state, request);
    case RecordRequest.id:
      return getRecord(state, request);
    default:
      throw new ReadError("unknown-request", `StateShard.Read does not know schema ${schemaIdOf(request)}`);
  }
}

function getSlots({ store }: StoredState, request: Uint8Array): Uint8Array {
  const { height, keys } = decode(GetRequest, request);
  const count = keys.length / SLOT_KEY_BYTES;
  if (count > MAX_KEYS)
    throw new ReadError("too-large", `at most ${MAX_KEYS} keys in one request, got ${count}`);
  const at = height < 0 ? store.durableHeight : height;
  const values = new Uint8Array(count * WORD_BYTES);
  const status = within(() => store.getBatch(keys, count, values, at));
  return encode(GetReply, { height: at, status, values: status === 0 ? values : NOTHING });
}

function getCodes({ codes }: StoredState, request: Uint8Array): Uint8Array {
  const { prefixes } = decode(CodeRequest, request);
  const found: number[] = [];
  const bytes = new BytesVector();
  for (let at = 0; at < prefixes.length; at += CODE_HASH_PREFIX_BYTES) {
    const code = codes.get(prefixes.subarray(at, at + CODE_HASH_PREFIX_BYTES));
    found.push(code ? 1 : 0);
    bytes.push(code ?? NOTHING);
  }
  const column: BytesColumn = bytes.view();
  return encode(CodeReply, { found: Uint8Array.from(found), codes: column });
}

function prove({ store, owned }: StoredState, request: Uint8Array): Uint8Array {
  const { height, key } = decode(ProveRequest, request);
  const at = height < 0 ? store.durableHeight : height;
  let proof: Uint8Array = NOTHING;
  let roots: Uint8Array = NOTHING;
  const status = within(() => {
    roots = store.partitionRoots(at);
    // A shard that does not hold the key answers with its roots alone.
    if (!owned.includes(partitionOf(hashKey(key), 0, store.partitions))) return;
    const proven = proveSlot(store, key, at, scattered(roots, owned, store.partitions));
    proof = new Uint8Array(Buffer.from(JSON.stringify(proven)));
  });
  return encode(ProveReply, { height: at, status, proof, partitions: Uint8Array.from(owned), roots });
}

/** Roots at the places of their partitions. Others' stay zero: the client has all roots and makes the path above them. */
function scattered(roots: Uint8Array, owned: ArrayLike<number>, partitions: number): Uint8Array {
  const all = new Uint8Array(partitions * ROOT_BYTES);
  for (let i = 0; i < owned.length; i++)
    all.set(roots.subarray(i * ROOT_BYTES, (i + 1) * ROOT_BYTES), owned[i]! * ROOT_BYTES);
  return all;
}

function getRecord({ store, owned }: StoredState, request: Uint8Array): Uint8Array {
  const { height } = decode(RecordRequest, request);
  const record = readRecord(store, height);
  let roots: Uint8Array = NOTHING;
  let status = record ? 0 : GONE;
  if (record) status = within(() => (roots = store.partitionRoots(height)));
  return encode(RecordReply, {
    height,
    status,
    closeSeq: record?.closeSeq ?? 0,
    stripe: record?.stripe ?? NOTHING,
    partitions: status === 0 ? Uint8Array.from(owned) : NOTHING,
    roots,
  });
}

/** 0, or GONE when the height is outside the window. */
function within(work: () => void): number {
  try {
    work();
    return 0;
  } catch (error) {
    if (error instanceof StateError && error.code === "height-out-of-window") return GONE;
    throw error;
  }
}
