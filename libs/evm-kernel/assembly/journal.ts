// Undo entries, 48 bytes each: kind u32, record u32, old value 32 bytes, one more u32. Reads are never undone.
import { JOURNAL, JOURNAL_END, JOURNAL_ENTRY_BYTES } from "./bounds";
import { copy, sub } from "./u256";
import { journalEnd, setJournalEnd, setLimited } from "./execution";
import {
  A_BALANCE, A_CODE, A_DELTA, A_ENTRY, A_NONCE, A_TX, KNOWN_BALANCE, S_TX, S_VALUE,
} from "./records";

const KIND: usize = 0;
const RECORD: usize = 4;
const VALUE: usize = 8;
const MORE: usize = 40;

const BALANCE: u32 = 1;
const NONCE: u32 = 2;
const CODE: u32 = 3;
const SLOT: u32 = 4;
const ACCOUNT_BITS: u32 = 5;
const SLOT_BITS: u32 = 6;
const DELTA: u32 = 7;

@inline
function entry(kind: u32, record: usize): usize {
  const at = journalEnd;
  if (at < JOURNAL_END) setJournalEnd(at + JOURNAL_ENTRY_BYTES);
  else setLimited(true);
  store<u32>(at, kind, KIND);
  store<u32>(at, <u32>record, RECORD);
  return at;
}

export function noteBalance(account: usize): void {
  copy(account + A_BALANCE, entry(BALANCE, account) + VALUE);
}
export function noteNonce(account: usize): void {
  store<u64>(entry(NONCE, account), load<u64>(account, A_NONCE), VALUE);
}
export function noteCode(account: usize): void {
  const at = entry(CODE, account);
  copy(account + A_CODE, at + VALUE);
  store<u32>(at, load<u32>(account, A_ENTRY), MORE);
}
export function noteSlot(slot: usize): void {
  copy(slot + S_VALUE, entry(SLOT, slot) + VALUE);
}
/** The transaction bits of an account as they stand, of which those in `mask` are put back. */
export function noteBits(account: usize, mask: u32): void {
  const at = entry(ACCOUNT_BITS, account);
  store<u32>(at, load<u32>(account, A_TX) & mask, VALUE);
  store<u32>(at, mask, MORE);
}
export function noteSlotBits(slot: usize, mask: u32): void {
  const at = entry(SLOT_BITS, slot);
  store<u32>(at, load<u32>(slot, S_TX) & mask, VALUE);
  store<u32>(at, mask, MORE);
}
export function noteDelta(account: usize, amount: usize): void {
  copy(amount, entry(DELTA, account) + VALUE);
}

/** Undoes everything back to the mark. */
export function undo(mark: usize): void {
  let at = journalEnd;
  while (at > mark) {
    at -= JOURNAL_ENTRY_BYTES;
    const record = <usize>load<u32>(at, RECORD);
    const value = at + VALUE;
    switch (load<u32>(at, KIND)) {
      case SLOT: {
        copy(value, record + S_VALUE);
        break;
      }
      case SLOT_BITS: {
        const mask = load<u32>(at, MORE);
        store<u32>(record, (load<u32>(record, S_TX) & ~mask) | load<u32>(value), S_TX);
        break;
      }
      case ACCOUNT_BITS: {
        const mask = load<u32>(at, MORE);
        store<u32>(record, (load<u32>(record, A_TX) & ~mask) | load<u32>(value), A_TX);
        break;
      }
      case BALANCE: {
        copy(value, record + A_BALANCE);
        break;
      }
      case NONCE: {
        store<u64>(record, load<u64>(value), A_NONCE);
        break;
      }
      case CODE: {
        copy(value, record + A_CODE);
        store<u32>(record, load<u32>(at, MORE), A_ENTRY);
        break;
      }
      case DELTA: {
        // The balance may have been looked at since: then the amount is part of it.
        const field = load<u32>(record, A_TX) & KNOWN_BALANCE ? A_BALANCE : A_DELTA;
        sub(record + field, value, record + field);
        break;
      }
    }
  }
  setJournalEnd(mark);
}
