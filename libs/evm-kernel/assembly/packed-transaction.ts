// Where the parts of the packed transaction stand behind its header (layout.ts): data, access list, blob hashes,
// authorizations, one behind the other.
import { INPUT } from "./bounds";
import { AUTH_BYTES, TX_ACCESS_ADDRESSES, TX_AUTHORIZATIONS, TX_BLOB_HASHES, TX_BYTES, TX_DATA_BYTES } from "./layout";

@inline
export function dataAt(): usize {
  return INPUT + TX_BYTES;
}

@inline
export function listAt(): usize {
  return INPUT + TX_BYTES + ((<usize>load<u32>(INPUT, TX_DATA_BYTES) + 7) & ~(<usize>7));
}

function hashesOf(packed: usize): usize {
  let at = packed + TX_BYTES + ((<usize>load<u32>(packed, TX_DATA_BYTES) + 7) & ~(<usize>7));
  for (let i = load<u32>(packed, TX_ACCESS_ADDRESSES); i > 0; i--) at += 24 + (<usize>load<u32>(at, 20) << 5);
  return at;
}

export function hashesAt(): usize {
  return hashesOf(INPUT);
}

export function authorizationsAt(): usize {
  return hashesAt() + (<usize>load<u32>(INPUT, TX_BLOB_HASHES) << 5);
}

/** Bytes of the packed transaction. */
export function inputBytes(): usize {
  return endOf(INPUT) - INPUT;
}

/** End of a packed transaction: the next one of a batch stands there. */
export function endOf(packed: usize): usize {
  return (
    hashesOf(packed) + (<usize>load<u32>(packed, TX_BLOB_HASHES) << 5) +
    <usize>load<u32>(packed, TX_AUTHORIZATIONS) * AUTH_BYTES
  );
}
