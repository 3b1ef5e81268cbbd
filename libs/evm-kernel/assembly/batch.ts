// A batch: packed transactions one behind the other, run and committed in resident state by one call of the host. Each
// has its own journal, warm sets, logs and settlement, exactly as if it had been begun alone; its outcome is kept in a
// column. For small transactions the host's part costs more than theirs, and so do records that no cache holds: they are
// looked up a group ahead, when the processor can wait for all of them at once.
import { fetchEntryAtBytes, fetchRecord } from "./accounts";
import { INPUTS, LOGS, OUTCOMES, setPlace } from "./bounds";
import { logsEnd, setBatchEnd } from "./execution";
import { beginWith, commit } from "./host";
import { OUTCOME_BYTES, RUN_DONE, RUN_MISS, TX_SENDER, TX_TO } from "./layout";
import { endOf } from "./packed-transaction";
import { run } from "./trampoline";

/** Transactions whose accounts are looked up together: some kilobytes of records, which the nearest cache holds. */
const GROUP: u32 = 16;

let count: u32 = 0;
let done: u32 = 0;
/** The packed transaction under way, or that comes next. */
let at: usize = 0;
let underWay: bool = false;

/** Takes a batch of `transactions`, at most MAX_BATCH, which stand from INPUTS to `end`. */
export function openBatch(transactions: u32, end: usize): void {
  count = transactions;
  done = 0;
  at = INPUTS;
  underWay = false;
  setBatchEnd(end);
}

/** Transactions whose outcome is there. */
export function batchDone(): u32 {
  return done;
}

/** Hashes of the addresses of a group. */
const HASHES = memory.data(128, 64);

/**
 * Looks up the accounts of the transactions that come next: first their places in the index, all at once since none waits
 * for another, then their records likewise.
 */
function fetchGroup(): void {
  let packed = at;
  let end = HASHES;
  for (let left = min<u32>(count - done, GROUP); left > 0; left--) {
    store<u32>(end, fetchEntryAtBytes(packed + TX_SENDER));
    // Where there is none, this is of 20 zero bytes.
    store<u32>(end, fetchEntryAtBytes(packed + TX_TO), 4);
    end += 8;
    packed = endOf(packed);
  }
  for (let hash = HASHES; hash < end; hash += 4) fetchRecord(load<u32>(hash));
}

/** Runs the batch to its end: RUN_DONE. Any other RUN_* is of the transaction behind those that are done. */
export function runBatch(): i32 {
  while (true) {
    if (!underWay) {
      if (done == count) return RUN_DONE;
      if ((done & (GROUP - 1)) == 0) fetchGroup();
      setPlace(at, OUTCOMES + <usize>done * OUTCOME_BYTES);
      beginWith(done == 0 ? LOGS : logsEnd);
      underWay = true;
    }
    const status = run();
    if (status == RUN_MISS) return status;
    underWay = false;
    if (status != RUN_DONE) return status;
    commit();
    at = endOf(at);
    done++;
  }
  return RUN_DONE;
}
