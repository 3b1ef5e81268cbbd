// The layout of everything in linear memory that more than one party reads: the kernel (AssemblyScript), its host
// (TypeScript) and compiled code. One source: this file is compiled into the kernel and imported by the host, so it
// holds nothing but constants. Offsets and sizes are in bytes. "Word": 256 bits as four little-endian u64 limbs,
// limb 0 lowest. "BE word": the same number as 32 big-endian bytes. Addresses of accounts are 20 bytes; as words they
// are the number that ADDRESS pushes.

/**
 * Raised with every change of this file, and of what exported functions take or give: a host refuses a kernel that was
 * built from other sources than its own.
 */
export const INTERFACE = 3;

// ---- Status of a frame: what `interpret` and compiled functions return -------------------------------------------
/** Ends with success and no return data. */
export const STATUS_STOP = 0;
/** Ends with success; RETURN_AT and RETURN_BYTES say where the data stands in the frame's EVM memory. */
export const STATUS_RETURN = 1;
/** As RETURN, state changes undone, gas kept. */
export const STATUS_REVERT = 2;
/** Exceptional halt: state changes undone, all gas gone. */
export const STATUS_HALT = 3;
/** The trampoline executes the operation at the frame's pc, then continues the frame (or a callee) itself. */
export const STATUS_OPERATION = 4;
/** Something is missing (MISS_*); run again when it was supplied. The frame is as before the operation at its pc. */
export const STATUS_MISS = 5;
/** A bound of the kernel was reached: the execution is of no use, another engine has to run it. */
export const STATUS_LIMIT = 6;
/** The watched transaction made more undeclared reads than it may. */
export const STATUS_LEARNED = 7;

// ---- What `run` returns to the host -------------------------------------------------------------------------------
export const RUN_DONE = 0;
export const RUN_MISS = 5;
export const RUN_LIMIT = 6;
export const RUN_LEARNED = 7;

// ---- Frame --------------------------------------------------------------------------------------------------------
export const FRAME_BYTES = 320;
export const FRAME_PC = 0; // u32
export const FRAME_SP = 4; // u32, address of the next free stack entry
export const FRAME_GAS = 8; // i64
export const FRAME_STACK = 16; // u32, address of stack entry 0; entries grow upward, 32 bytes each
export const FRAME_MEMORY = 20; // u32, address of EVM memory
export const FRAME_MEMORY_BYTES = 24; // u32, size of EVM memory, a multiple of 32
export const FRAME_CODE = 28; // u32, address of code byte 0; 64 zero bytes follow the last
export const FRAME_CODE_BYTES = 32; // u32
export const FRAME_INPUT = 36; // u32, address of call data
export const FRAME_INPUT_BYTES = 40; // u32
export const FRAME_ENTRY = 44; // u32, address of the code entry
export const FRAME_SELF = 48; // u32, address of the account record that owns storage
export const FRAME_FLAGS = 52; // u32, FLAG_*
export const FRAME_DEPTH = 56; // u32
export const FRAME_RESUME = 60; // u32, 1: the operation at pc was begun and suspended; its stack has been checked
export const FRAME_ADDRESS = 64; // word
export const FRAME_CALLER = 96; // word
export const FRAME_VALUE = 128; // word
export const FRAME_JOURNAL = 160; // u32, journal length at entry
export const FRAME_LOGS = 164; // u32, log bytes at entry
export const FRAME_LOG_COUNT = 168; // u32, logs at entry
export const FRAME_KIND = 172; // u32, opcode that made the frame, 0 for the outermost
export const FRAME_REFUND = 176; // i64, refund counter at entry
export const FRAME_OUT = 184; // u32, offset in the parent's memory where output goes
export const FRAME_OUT_BYTES = 188; // u32
export const FRAME_TEMPORARY = 192; // u32, mark of the initcode region at entry
export const FRAME_FUNCTION = 196; // u32, table index of the compiled function, 0: interpreted
export const FRAME_GAS_GIVEN = 200; // i64, gas at entry
export const FRAME_SECTIONS = 208; // u32, address of the code's section index
export const FRAME_CREATED = 212; // u32, account record under creation, 0: none
export const FRAME_POINT = 216; // u32, resume point of the compiled function; 0 when the frame begins. Only compiled code writes it

export const FLAG_STATIC = 1;
export const FLAG_CREATE = 2;

// ---- Block: words that opcodes push, written by setBlock ----------------------------------------------------------
export const BLOCK_COINBASE = 0; // word
export const BLOCK_TIMESTAMP = 32; // word
export const BLOCK_NUMBER = 64; // word
export const BLOCK_RANDAO = 96; // word: PREVRANDAO, or the difficulty before the Merge
export const BLOCK_GAS_LIMIT = 128; // word
export const BLOCK_CHAIN_ID = 160; // word
export const BLOCK_BASE_FEE = 192; // word
export const BLOCK_BLOB_BASE_FEE = 224; // word
/** Of the transaction, but read like the rest. */
export const BLOCK_ORIGIN = 256; // word
export const BLOCK_GAS_PRICE = 288; // word
export const BLOCK_BYTES = 320;

// ---- Transaction as the host hands it over. Everything big-endian where it says BE; integers little-endian --------
export const TX_TYPE = 0; // u32
export const TX_FLAGS = 4; // u32, TXFLAG_*
export const TX_GAS_LIMIT = 8; // u64
export const TX_NONCE = 16; // u64
export const TX_CHAIN_ID = 24; // u64
export const TX_SENDER = 32; // 20 bytes
export const TX_TO = 52; // 20 bytes
export const TX_DATA_BYTES = 72; // u32
export const TX_ACCESS_ADDRESSES = 76; // u32, entries of the access list
export const TX_BLOB_HASHES = 80; // u32
export const TX_AUTHORIZATIONS = 84; // u32
export const TX_VALUE = 96; // BE word
export const TX_MAX_FEE = 128; // BE word, wei per gas
export const TX_MAX_PRIORITY_FEE = 160; // BE word
export const TX_MAX_BLOB_FEE = 192; // BE word
/**
 * Then: data, padded with zeros to a multiple of 8; per access list entry 20 bytes address, u32 number of keys, and the keys, 32
 * bytes each; blob hashes, 32 bytes each; authorizations, AUTH_BYTES each.
 */
export const TX_BYTES = 224;
export const AUTH_CHAIN_ID = 0; // BE word
export const AUTH_ADDRESS = 32; // 20 bytes
export const AUTH_AUTHORITY = 52; // 20 bytes
export const AUTH_NONCE = 72; // u64
export const AUTH_FLAGS = 80; // u32, bit 0: the authority is known, bit 1: the nonce is 2^64 or more
export const AUTH_BYTES = 88;

export const TXFLAG_CREATE = 1; // no `to`
export const TXFLAG_CHAIN_ID = 2; // the chain id is given and checked
export const TXFLAG_SKIP_NONCE = 4;
export const TXFLAG_SKIP_FUNDS = 8;
export const TXFLAG_SKIP_FEE = 16;
export const TXFLAG_SKIP_SENDER_CODE = 32;
export const TXFLAG_REPORT_ATTEMPTS = 64;
/** A bare call: no checks, no purchase of gas, no nonce, no fee, no clean-up. Gas is all for execution. */
export const TXFLAG_CALL = 128;
/** A call by the chain itself: as CALL, and nothing happens without code. */
export const TXFLAG_SYSTEM = 256;
/** The state may hold accounts that exist but are empty. */
export const TXFLAG_KEEPS_EMPTY = 512;
/** Declared accesses were preloaded: undeclared reads are counted and stop the execution beyond the limit. */
export const TXFLAG_WATCHED = 1024;
/** A bare call in static context. */
export const TXFLAG_STATIC = 2048;

// ---- Result ---------------------------------------------------------------------------------------------------------
export const RESULT_OUTCOME = 0; // u32: 0 included, 1 rejected, 2 returned
export const RESULT_REASON = 4; // u32, index into REASONS of src/reasons.ts
export const RESULT_STATUS = 8; // u32: 1 success
export const RESULT_GAS_USED = 16; // i64, refunds taken off
export const RESULT_REFUND = 24; // i64, after the cap
export const RESULT_FEE = 32; // BE word, wei for the beneficiary
export const RESULT_CREATED = 64; // 20 bytes
export const RESULT_HAS_CREATED = 84; // u32
export const RESULT_RETURN = 88; // u32, address of return data
export const RESULT_RETURN_BYTES = 92; // u32
export const RESULT_LOGS = 96; // u32, address of the logs' RLP payloads, one list item after the other
export const RESULT_LOG_BYTES = 100; // u32
export const RESULT_LOG_COUNT = 104; // u32
export const RESULT_HALT_REASON = 108; // u32, HALT_* of the outermost frame
/**
 * Up to here a result is also the outcome of one transaction of a batch (RESULT_* at its place in the column), return
 * data excepted: there is room for the last one's only.
 */
export const OUTCOME_BYTES = 112;
/** Written by `collect`. */
export const RESULT_ACCESSES = 112; // u32, address of 56-byte keys
export const RESULT_ACCESS_KINDS = 116; // u32, address of one byte per access
export const RESULT_ACCESS_COUNT = 120; // u32
export const RESULT_WRITE_KEYS = 124; // u32
export const RESULT_WRITE_WORDS = 128; // u32
export const RESULT_WRITE_COUNT = 132; // u32
export const RESULT_DELTA_KEYS = 136; // u32
export const RESULT_DELTA_WORDS = 140; // u32
export const RESULT_DELTA_COUNT = 144; // u32
export const RESULT_CODES = 148; // u32, addresses (u32) of the code entries deployed
export const RESULT_CODE_COUNT = 152; // u32
/** Gas of the outermost frame used before refunds and floor. */
export const RESULT_EXECUTION_GAS = 160; // i64
export const RESULT_BYTES = 192;

// ---- What became of declared accesses, as `relate` leaves it. Indices are of words of 32 bits; -1 is none -----------
export const RELATED_FEE = 0; // i32, index of what was added to the balance of the beneficiary, which was not declared
/** Then by declared access: i32, index of what was added blindly; i32, index of the value written. Big-endian words. */
export const RELATED_ADDED = 4;
export const RELATED_WRITTEN = 8;
export const RELATED_BYTES = 8;

// ---- Miss -------------------------------------------------------------------------------------------------------
export const MISS_KIND = 0; // u32: MISS_SLOT or MISS_CODE
export const MISS_KEY = 4; // 56 bytes of a slot key, or 28 bytes of a code's hash
export const MISS_OPCODE = 60; // u32, opcode that could not go on; 0 outside of code
export const MISS_BYTES = 64;
export const MISS_NONE = 0;
export const MISS_SLOT = 1;
export const MISS_CODE = 2;

// ---- Code entry -------------------------------------------------------------------------------------------------
export const CODE_HASH = 0; // 32 bytes
export const CODE_AT = 32; // u32, address of byte 0
export const CODE_BYTES = 36; // u32
export const CODE_SECTIONS = 40; // u32, address of the section index, 0: not analysed
export const CODE_RULES = 44; // u32, rules epoch of analysis and function
export const CODE_FUNCTION = 48; // u32, table index of the compiled function, 0: none
export const CODE_FLAGS = 52; // u32, CODEFLAG_*
export const CODE_CALLS = 56; // u64, frames begun
export const CODE_GAS = 64; // u64, gas used by frames, callees included
export const CODE_HASH_WORD = 72; // word: the hash as a number
export const CODE_NEXT = 104; // u32, next entry in order of arrival
export const CODE_INTERPRETED = 112; // u64, frames that were interpreted
export const CODE_TRACE = 120; // u32, trace that the code is in, and its number there; written by the traced build
export const CODE_TRACE_NUMBER = 124; // u32
export const CODE_ENTRY_BYTES = 128;
export const CODEFLAG_DELEGATION = 1; // 0xef0100 and an address (EIP-7702)
/** Zero bytes behind every code, so that a truncated PUSH and running off the end need no check. */
export const CODE_PADDING = 64;

// ---- Opcode table, written by the host for a fork: 256 entries ----------------------------------------------------
export const OP_GAS = 0; // u16, static gas
export const OP_INPUTS = 2; // u8
export const OP_OUTPUTS = 3; // u8
export const OP_IMMEDIATES = 4; // u8, bytes behind the opcode
export const OP_FLAGS = 5; // u8, OPFLAG_*
export const OP_BYTES = 8;
export const OPFLAG_INVALID = 1; // not in this fork
export const OPFLAG_ENDS = 2; // the gas section ends behind it
export const OPFLAG_SUSPENDS = 4; // may suspend: charges all of its gas itself
export const OPFLAG_LEAVES = 8; // what stands behind it is not reached through it

// ---- Bounds -----------------------------------------------------------------------------------------------------
/** Declared accesses of one transaction that `relate` knows. */
export const MAX_DECLARED = 65536;
/** Transactions of one batch. */
export const MAX_BATCH = 4096;
export const MAX_DEPTH = 1024;
export const STACK_ENTRIES = 1024;
