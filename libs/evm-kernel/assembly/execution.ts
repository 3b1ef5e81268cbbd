// What one execution is, apart from its records and frames. Everything here is saved and restored with it
// (`ranges` in host.ts), so nothing may be added without adding it there.

// Steps of a transaction.
export const PHASE_START: u32 = 0;
export const PHASE_SENDER: u32 = 1;
export const PHASE_AUTHORIZATIONS: u32 = 2;
export const PHASE_LAUNCH: u32 = 3;
export const PHASE_SETTLE: u32 = 4;
export const PHASE_DONE: u32 = 5;

/** Number of the transaction: stamps in records that carry another number are of an earlier one. */
export let stamp: u32 = 1;
/** Number of the table contents: index entries that carry another number are empty. */
export let generation: u32 = 1;
/** Ends of the record regions in use. */
export let accountsEnd: usize = 0;
export let slotsEnd: usize = 0;
export let journalEnd: usize = 0;
export let touchedAccountsEnd: usize = 0;
export let touchedSlotsEnd: usize = 0;
/** Where the logs of the transaction stand, and their end. Those before are of earlier transactions of the batch. */
export let logsFrom: usize = 0;
export let logsEnd: usize = 0;
export let logCount: u32 = 0;
export let refund: i64 = 0;
export let returnBytes: usize = 0;
export let temporaryEnd: usize = 0;
/** End of the packed transactions of the batch; 0 outside one. */
export let batchEnd: usize = 0;
/** Current frame; 0 when there is none. */
export let frame: usize = 0;
/** Step of the transaction (transaction.ts), PHASE_*. */
export let phase: u32 = 0;
/** Authorization that comes next, and where it stands. */
export let authorization: u32 = 0;
export let authorizationRefund: i64 = 0;
/** Reads that the declared accesses do not cover. */
export let undeclared: u32 = 0;
export let intrinsicGas: i64 = 0;
export let floorGas: i64 = 0;
/** Status of the outermost frame, and its gas left. */
export let topStatus: u32 = 0;
export let topGas: i64 = 0;
/** Account record under creation by the transaction. */
export let createdAccount: usize = 0;
/** The access list named storage keys: cold slots are looked up there. */
export let listsSlots: bool = false;
/** Flags of the transaction, TXFLAG_*. */
export let flags: u32 = 0;

/** A bound was reached. Not part of the execution: it is over. */
export let limited: bool = false;
export let learned: bool = false;
/** Absent slots are zero instead of missing. */
export let resident: bool = false;

@inline export function setStamp(value: u32): void { stamp = value; }
@inline export function setGeneration(value: u32): void { generation = value; }
@inline export function setAccountsEnd(value: usize): void { accountsEnd = value; }
@inline export function setSlotsEnd(value: usize): void { slotsEnd = value; }
@inline export function setJournalEnd(value: usize): void { journalEnd = value; }
@inline export function setTouchedAccountsEnd(value: usize): void { touchedAccountsEnd = value; }
@inline export function setTouchedSlotsEnd(value: usize): void { touchedSlotsEnd = value; }
@inline export function setLogsFrom(value: usize): void { logsFrom = value; }
@inline export function setLogsEnd(value: usize): void { logsEnd = value; }
@inline export function setLogCount(value: u32): void { logCount = value; }
@inline export function setRefund(value: i64): void { refund = value; }
@inline export function setReturnBytes(value: usize): void { returnBytes = value; }
@inline export function setTemporaryEnd(value: usize): void { temporaryEnd = value; }
@inline export function setBatchEnd(value: usize): void { batchEnd = value; }
@inline export function setFrame(value: usize): void { frame = value; }
@inline export function setPhase(value: u32): void { phase = value; }
@inline export function setAuthorization(value: u32): void { authorization = value; }
@inline export function setAuthorizationRefund(value: i64): void { authorizationRefund = value; }
@inline export function setUndeclared(value: u32): void { undeclared = value; }
@inline export function setIntrinsicGas(value: i64): void { intrinsicGas = value; }
@inline export function setFloorGas(value: i64): void { floorGas = value; }
@inline export function setTopStatus(value: u32): void { topStatus = value; }
@inline export function setTopGas(value: i64): void { topGas = value; }
@inline export function setCreatedAccount(value: usize): void { createdAccount = value; }
@inline export function setListsSlots(value: bool): void { listsSlots = value; }
@inline export function setFlags(value: u32): void { flags = value; }
@inline export function setLimited(value: bool): void { limited = value; }
@inline export function setLearned(value: bool): void { learned = value; }
@inline export function setResident(value: bool): void { resident = value; }
