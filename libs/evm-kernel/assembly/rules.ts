// Rules and prices of the fork in force, written by the host from the opcode table and the gas schedule.
import { OPCODES } from "./bounds";
import { OP_FLAGS, OPFLAG_INVALID } from "./layout";

export let fork: u32 = 0;
/** Changes with the rules: analyses and compiled functions of other epochs do not count. */
export let rulesEpoch: u32 = 0;
export let homestead: bool = false;
export let tangerine: bool = false;
export let eip158: bool = false;
export let byzantium: bool = false;
export let berlin: bool = false;
export let london: bool = false;
export let shanghai: bool = false;
export let cancun: bool = false;
export let prague: bool = false;
export let istanbul: bool = false;

export let maxType: u32 = 0;
/** Bytes; u32 max for no limit. */
export let codeLimit: u32 = 0;
export let initcodeLimit: u32 = 0;
/** Gas; u64 max for no limit. */
export let transactionGasLimit: u64 = 0;
export let blobLimit: u32 = 0;
/** Bit i: there is a precompile at address i (1 to 31). */
export let precompileMask: u32 = 0;
/** P256VERIFY at address 256. */
export let precompile256: bool = false;

export let expByteGas: i64 = 0;
export let coldAccountGas: i64 = 0;
export let warmAccountGas: i64 = 0;
export let coldSlotGas: i64 = 0;
export let warmSlotGas: i64 = 0;
/** 0 flat, 1 net without sentry (EIP-1283), 2 net with sentry (EIP-2200). */
export let sstoreScheme: u32 = 0;
export let sstoreSentry: i64 = 0;
export let sstoreSetGas: i64 = 0;
export let sstoreResetGas: i64 = 0;
export let sstoreDirtyGas: i64 = 0;
export let sstoreClearRefund: i64 = 0;
export let sstoreRestoreZeroRefund: i64 = 0;
export let sstoreRestoreRefund: i64 = 0;
export let callValueGas: i64 = 0;
export let callStipend: i64 = 0;
export let callNewAccountGas: i64 = 0;
export let selfdestructNewAccountGas: i64 = 0;
export let selfdestructRefund: i64 = 0;
export let initcodeWordGas: i64 = 0;
export let codeDepositGas: i64 = 0;
export let maxRefundQuotient: i64 = 2;

// Indices of FORKS in libs/chain-rules.
export function setRules(
  index: u32, types: u32, codeBytes: u32, initcodeBytes: u32, transactionGas: f64, blobs: u32, mask: u32, p256: bool,
): void {
  rulesEpoch++;
  fork = index;
  homestead = index >= 1;
  tangerine = index >= 2;
  eip158 = index >= 3;
  byzantium = index >= 4;
  istanbul = index >= 7;
  berlin = index >= 9;
  london = index >= 10;
  shanghai = index >= 14;
  cancun = index >= 15;
  prague = index >= 16;
  maxType = types;
  codeLimit = codeBytes;
  initcodeLimit = initcodeBytes;
  transactionGasLimit = transactionGas < 0 ? u64.MAX_VALUE : <u64>transactionGas;
  blobLimit = blobs;
  precompileMask = mask;
  precompile256 = p256;
}

export function setPrices(
  expByte: i32, coldAccount: i32, warmAccount: i32, coldSlot: i32, warmSlot: i32, callValue: i32, stipend: i32,
  newAccount: i32, selfdestructNewAccount: i32, selfdestructBack: i32, initcodeWord: i32, codeDeposit: i32,
  refundQuotient: i32,
): void {
  expByteGas = expByte;
  coldAccountGas = coldAccount;
  warmAccountGas = warmAccount;
  coldSlotGas = coldSlot;
  warmSlotGas = warmSlot;
  callValueGas = callValue;
  callStipend = stipend;
  callNewAccountGas = newAccount;
  selfdestructNewAccountGas = selfdestructNewAccount;
  selfdestructRefund = selfdestructBack;
  initcodeWordGas = initcodeWord;
  codeDepositGas = codeDeposit;
  maxRefundQuotient = refundQuotient;
}

export function setSstorePrices(
  scheme: u32, sentry: i32, set: i32, reset: i32, dirty: i32, clearRefund: i32, restoreZero: i32, restore: i32,
): void {
  sstoreScheme = scheme;
  sstoreSentry = sentry;
  sstoreSetGas = set;
  sstoreResetGas = reset;
  sstoreDirtyGas = dirty;
  sstoreClearRefund = clearRefund;
  sstoreRestoreZeroRefund = restoreZero;
  sstoreRestoreRefund = restore;
}

/** True when the address, given as limbs, is a precompile. */
@inline
export function isPrecompile(low: u64, mid: u64, high: u64): bool {
  if ((mid | high) != 0 || low > 256) return false;
  return low < 32 ? ((precompileMask >> <u32>low) & 1) != 0 : low == 256 && precompile256;
}

/** True when the opcode is not of this fork. */
@inline
export function isUndefined(op: u32): bool {
  return (load<u8>(OPCODES + (<usize>op << 3), OP_FLAGS) & OPFLAG_INVALID) != 0;
}
