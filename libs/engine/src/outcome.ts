/** Turns the records of an execution into packed accesses, writes and deltas. */
import { AccessKind, blockHashKey, CodeFlag, Domain, fieldKey } from "@velarium/slots";
import { type AccountRecord, codeWordBytes, FieldBit } from "./account-record.ts";
import { AccessBuilder, WordBuilder } from "./columns.ts";
import { codeHash, type JournaledSlots } from "./journaled-slots.ts";
import type { AccessColumns, DeployedCode, WordColumns } from "./types.ts";
import { bigIntToWord, equalBytes, isZero } from "./words.ts";

export interface StateOutcome {
  readonly accesses: AccessColumns;
  readonly writes: WordColumns;
  readonly deltas: WordColumns;
  readonly codes: readonly DeployedCode[];
}

/** The code word an account ends with: flags follow from what the transaction left behind. */
function finalCodeWord(record: AccountRecord, eip158: boolean): Uint8Array {
  const code = record.code!;
  let { flags } = code.word;
  const knownEmpty = code.isEmpty && record.nonce === 0n && record.balance === 0n;
  if (!eip158 && record.exists === true && knownEmpty) flags |= CodeFlag.exists;
  if (record.created && !record.wiped && code.isEmpty && (record.nonce ?? 0n) === 0n) {
    for (const slot of record.storage.values()) if (!isZero(slot.value)) flags |= CodeFlag.storage;
  }
  return codeWordBytes(flags === code.word.flags ? code : { ...code, word: { ...code.word, flags } });
}

export function collectOutcome(
  slots: JournaledSlots,
  eip158: boolean,
  reportAttempts: boolean,
): StateOutcome {
  const accesses = new AccessBuilder();
  const writes = new WordBuilder();
  const deltas = new WordBuilder();
  const codes: DeployedCode[] = [];
  const deployed = (bytes: Uint8Array): void => {
    const hash = codeHash(bytes);
    if (!codes.some((code) => equalBytes(code.hash, hash))) codes.push({ hash, bytes });
  };

  const field = (
    record: AccountRecord,
    domain: Domain,
    bit: number,
    first: Uint8Array,
    final: Uint8Array,
  ): void => {
    const key = fieldKey(domain, record.address);
    const changed = !equalBytes(first, final);
    if (changed) writes.add(key, final);
    const wrote = changed || (reportAttempts && (record.attempts & bit) !== 0);
    accesses.add(key, wrote ? AccessKind.W : AccessKind.R);
  };

  for (const record of slots.accounts.values()) {
    if (record.balance !== undefined) {
      field(
        record,
        Domain.balance,
        FieldBit.balance,
        bigIntToWord(record.firstBalance!),
        bigIntToWord(record.balance),
      );
    } else if (record.delta !== 0n || (reportAttempts && record.deltaAttempted)) {
      const key = fieldKey(Domain.balance, record.address);
      accesses.add(key, AccessKind.D);
      if (record.delta !== 0n) deltas.add(key, bigIntToWord(record.delta));
    }
    if (record.nonce !== undefined)
      field(
        record,
        Domain.nonce,
        FieldBit.nonce,
        bigIntToWord(record.firstNonce!),
        bigIntToWord(record.nonce),
      );
    if (record.code !== undefined) {
      const final = finalCodeWord(record, eip158);
      // A wipe ends every slot of the account; storage that the same transaction created needs none.
      if (record.wiped && !equalBytes(record.firstCode!.subarray(1, 4), final.subarray(1, 4))) {
        const key = fieldKey(Domain.code, record.address);
        accesses.add(key, AccessKind.X);
        writes.add(key, final);
      } else field(record, Domain.code, FieldBit.code, record.firstCode!, final);
      if (!record.code.isEmpty && !equalBytes(record.firstCode!, final)) deployed(record.code.bytes!);
    }
    for (const slot of record.storage.values()) {
      const changed = !record.wiped && !equalBytes(slot.first, slot.value);
      if (changed) writes.add(slot.key, slot.value);
      if (changed || (reportAttempts && slot.attempted)) accesses.add(slot.key, AccessKind.W);
      else if (slot.read) accesses.add(slot.key, AccessKind.R);
    }
  }
  for (const number of slots.blockHashes.keys()) accesses.add(blockHashKey(number), AccessKind.R);
  return { accesses: accesses.finish(), writes: writes.finish(), deltas: deltas.finish(), codes };
}
