// The accounts that every transaction comes back to: who sends it, whom it names, who gets the fee.
import { accountAtBytes, accountOf } from "./accounts";
import { BLOCK, INPUT } from "./bounds";
import { BLOCK_COINBASE, TX_SENDER, TX_TO } from "./layout";

// Their records; 0: not looked up yet.
let senderRecord: usize = 0;
let targetRecord: usize = 0;
let beneficiaryRecord: usize = 0;

/** Another transaction is under way. */
export function forgetRecords(): void {
  senderRecord = 0;
  targetRecord = 0;
  beneficiaryRecord = 0;
}

export function sender(): usize {
  if (senderRecord == 0) senderRecord = accountAtBytes(INPUT + TX_SENDER);
  return senderRecord;
}

export function target(): usize {
  if (targetRecord == 0) targetRecord = accountAtBytes(INPUT + TX_TO);
  return targetRecord;
}

export function beneficiary(): usize {
  if (beneficiaryRecord == 0)
    beneficiaryRecord = accountOf(
      load<u64>(BLOCK, BLOCK_COINBASE), load<u64>(BLOCK, BLOCK_COINBASE + 8), load<u64>(BLOCK, BLOCK_COINBASE + 16),
    );
  return beneficiaryRecord;
}
