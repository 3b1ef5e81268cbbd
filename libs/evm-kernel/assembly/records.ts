// Account records, 256 bytes, and slot records, 128 bytes. Fields above A_TX hold state and outlive a transaction in
// resident mode; A_TX belongs to the transaction whose stamp
// the record carries; an original counts once its field is KNOWN, the delta once HAS_DELTA.

// ---- Accounts ----
export const A_ADDRESS: usize = 0; // u64, u64, u32: the address as a number, low limb first
export const A_LOADED: usize = 24; // u32, LOADED_*: values that are at hand
export const A_STAMP: usize = 28; // u32
export const A_TX: usize = 32; // u32, bits below
export const A_KINDS: usize = 36; // u8 each: declared kind of balance, nonce, code
export const A_ENTRY: usize = 40; // u32, code entry of the code as it stands, 0: not resolved; NO_CODE tells that there is none
export const A_WIPES: usize = 44; // u32
export const A_NONCE: usize = 48; // u64
export const A_NONCE0: usize = 56; // u64
export const A_BALANCE: usize = 64; // word
export const A_BALANCE0: usize = 96;
export const A_CODE: usize = 128; // code word as the host has it: flags 1, incarnation 3, hash 28
export const A_CODE0: usize = 160; // once CODE_KEPT
/** Word: ether added without looking. Shares its place with the original, which is there once the balance is KNOWN. */
export const A_DELTA: usize = A_BALANCE0;

export const LOADED_BALANCE: u32 = 1;
export const LOADED_NONCE: u32 = 2;
export const LOADED_CODE: u32 = 4;

// Transaction bits. KNOWN: read by the transaction, so reported. TRIED: written, in reverted frames too.
export const KNOWN_BALANCE: u32 = 1;
export const KNOWN_NONCE: u32 = 2;
export const KNOWN_CODE: u32 = 4;
export const TRIED_BALANCE: u32 = 8;
export const TRIED_NONCE: u32 = 16;
export const TRIED_CODE: u32 = 32;
export const TRIED_DELTA: u32 = 64;
export const WARM: u32 = 128;
/** Storage starts empty: the account was created by this transaction. */
export const CREATED: u32 = 256;
export const DESTROYED: u32 = 512;
export const TOUCHED: u32 = 1024;
/** Existence before EIP-158: whether it has been settled, and what it is. */
export const SETTLED: u32 = 2048;
export const EXISTS: u32 = 4096;
/** Removed at the end of the transaction. */
export const WIPED: u32 = 8192;
/** A_DELTA holds something. */
export const HAS_DELTA: u32 = 32768;
/** A_CODE0 holds the original: the code word was written. Before, it is A_CODE. */
export const CODE_KEPT: u32 = 65536;
/** EIP-6780: created in this transaction (reverts with the frame that created it). */
export const NEW: u32 = 16384;

// ---- Slots ----
export const S_KEY: usize = 0; // word
export const S_VALUE: usize = 32; // word
export const S_FIRST: usize = 64; // word, value before the transaction
export const S_ACCOUNT: usize = 96; // u32
export const S_INCARNATION: usize = 100; // u32, or a marker below
export const S_LOADED: usize = 104; // u32, 1: the value is at hand
export const S_STAMP: usize = 108; // u32
export const S_TX: usize = 112; // u32, bits below
export const S_KIND: usize = 116; // u32, declared kind

export const SLOT_READ: u32 = 1;
export const SLOT_TRIED: u32 = 2;
export const SLOT_WARM: u32 = 4;

/** In place of an incarnation: transient storage; keys of the access list; hashes of blocks. */
export const TRANSIENT: u32 = 0xfffffffe;
export const LISTED: u32 = 0xfffffffd;
export const BLOCK_HASH: u32 = 0xfffffffc;
