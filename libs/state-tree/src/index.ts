export { combinedPath, combinedRoot } from "./combined-root.ts";
export { StateError, type StateErrorCode } from "./errors.ts";
export type { ChainIdentity } from "./manifest.ts";
export { decodeProof, encodeProof, proveSlot } from "./prove.ts";
export { loadSnapshot, writeSnapshot } from "./snapshot.ts";
export { StateStore } from "./store.ts";
export type { AppliedBlock, BlockChanges, StateStats, StateStoreOptions } from "./store-types.ts";
export { type ProofVerdict, type StateProof, verifyProof } from "./verify-proof.ts";
