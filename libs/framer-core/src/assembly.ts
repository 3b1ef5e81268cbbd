/** From a complete block to its record and header; the roots and the parent's hash are the last to come in. */
import { createHash } from "node:crypto";
import { BlockAssembler, EMPTY_ROOT, type NewBlockRecord } from "@velarium/blocks";
import type { BlockRules } from "@velarium/chain-rules";
import { BytesVector, bytesAt, F64Vector, FixedVector, U8Vector } from "@velarium/columns";
import { rlpDecode } from "@velarium/tx-codec";
import { Outcome } from "@velarium/wire";
import type { AccountTable } from "./account-table.ts";
import { type BlockState, CLOSE_WORK } from "./block-state.ts";
import { FramerError } from "./options.ts";
import type { TransactionSlab } from "./transaction-slab.ts";

export interface HeaderContext {
  readonly rules: BlockRules;
  readonly beneficiary: Uint8Array;
  readonly prevRandao: Uint8Array;
  readonly parentBeaconRoot: Uint8Array;
  readonly extraData: Uint8Array;
  /** Up to 256 hashes, the parent's last. */
  readonly ancestors: Uint8Array;
  readonly watermark: number;
  readonly resolved: Float64Array;
}

/** Hash over the requests that close work reported (EIP-7685): its logs column holds an RLP list of type | data. */
function requestsHash(block: BlockState): Uint8Array {
  const outer = createHash("sha256");
  for (let at = block.length - 1; at >= 0 && block.rows[at] === CLOSE_WORK; at--) {
    const logs = block.logsAt(at);
    if (!logs) continue;
    for (const request of rlpDecode(bytesAt(logs.column, logs.index)) as Uint8Array[])
      if (request.length > 1) outer.update(createHash("sha256").update(request).digest());
  }
  return Uint8Array.from(outer.digest());
}

/**
 * Columns of the included transactions, in block order. Of a frame whose transactions were all included they are copied
 * whole.
 */
function includedColumns(block: BlockState, slab: TransactionSlab, accounts: AccountTable) {
  const { rows, outcomes } = block;
  let count = 0;
  let rawBytes = 0;
  for (let at = 0; at < block.length; at++)
    if (rows[at]! >= 0 && outcomes[at] === Outcome.included) {
      count++;
      rawBytes += slab.rawBytes(rows[at]!);
    }
  const rawEnds = new Uint32Array(count);
  const blob = new Uint8Array(rawBytes);
  const senders = new Uint8Array(count * 20);
  const hashes = new Uint8Array(count * 32);
  const verified = new Uint8Array(count);
  const arrivals = new Float64Array(count);
  const statuses = new Uint8Array(count);
  const gasUsed = new Float64Array(count);
  const logEnds = new Uint32Array(count);
  const logs = new BytesVector();
  const hashWords = new Uint32Array(hashes.buffer);
  const slabWords = new Uint32Array(slab.hash.buffer);
  let n = 0;
  let rawAt = 0;
  const addRest = (at: number): void => {
    const word = rows[at]! * 8;
    for (let k = 0; k < 8; k++) hashWords[n * 8 + k] = slabWords[word + k]!;
    const log = block.logsAt(at);
    if (log) logs.push(bytesAt(log.column, log.index));
    logEnds[n++] = logs.byteLength;
  };
  for (let f = 0; f < block.frameColumns.length; f++) {
    const frame = block.frameColumns[f]!;
    const start = block.frameStarts[f]!;
    const end = start + frame.arrivals.length;
    let isWhole = true;
    for (let at = start; isWhole && at < end; at++)
      isWhole = rows[at]! >= 0 && outcomes[at] === Outcome.included;
    if (isWhole) {
      const { ends } = frame.raw;
      blob.set(frame.raw.blob, rawAt);
      for (let i = 0; i < ends.length; i++) rawEnds[n + i] = rawAt + ends[i]!;
      rawAt += frame.raw.blob.length;
      senders.set(frame.senders, n * 20);
      verified.set(frame.verified, n);
      arrivals.set(frame.arrivals, n);
      statuses.set(block.statuses.subarray(start, end), n);
      gasUsed.set(block.gasUsed.subarray(start, end), n);
      for (let at = start; at < end; at++) addRest(at);
      continue;
    }
    for (let at = start; at < end; at++) {
      const row = rows[at]!;
      if (row < 0 || outcomes[at] !== Outcome.included) continue;
      blob.set(slab.sourceOf(row).raw.blob.subarray(slab.rawFrom[row]!, slab.rawTo[row]!), rawAt);
      rawEnds[n] = rawAt += slab.rawBytes(row);
      const address = accounts.addressAt(slab.account[row]!);
      senders.set(accounts.addresses.subarray(address, address + 20), n * 20);
      verified[n] = slab.verified[row]!;
      arrivals[n] = slab.arrival[row]!;
      statuses[n] = block.statuses[at]!;
      gasUsed[n] = block.gasUsed[at]!;
      addRest(at);
    }
  }
  return {
    raw: { ends: rawEnds, blob },
    logs: { ends: logEnds, blob: logs.view().blob },
    senders,
    hashes,
    verified,
    arrivals,
    statuses,
    gasUsed,
  };
}

export class RecordAssembler {
  private readonly blocks = new BlockAssembler();

  /** The record with the header as far as it is known. Throws FramerError `state` when gas does not add up. */
  assemble(
    block: BlockState,
    slab: TransactionSlab,
    accounts: AccountTable,
    context: HeaderContext,
  ): NewBlockRecord {
    const { raw, logs, senders, hashes, verified, arrivals, statuses, gasUsed } = includedColumns(
      block,
      slab,
      accounts,
    );
    const rejectedArrivals = new F64Vector();
    const rejectedHashes = new FixedVector(32);
    const rejectedSenders = new FixedVector(20);
    const rejectedReasons = new U8Vector();
    for (let at = 0; at < block.length; at++) {
      const row = block.rows[at]!;
      if (row < 0 || block.outcomes[at] === Outcome.included) continue;
      rejectedArrivals.push(slab.arrival[row]!);
      rejectedHashes.push(slab.hash, row * 32);
      rejectedSenders.push(accounts.addresses, accounts.addressAt(slab.account[row]!));
      rejectedReasons.push(block.reasons[at]!);
    }
    const taken = block.rejections;
    for (let i = 0; taken && i < taken.arrivals.length; i++) {
      rejectedArrivals.push(taken.arrivals[i]!);
      rejectedHashes.push(taken.hashes, i * 32);
      rejectedSenders.push(taken.senders, i * 20);
      rejectedReasons.push(taken.reasons[i]!);
    }
    const { rules } = context;
    const completed = block.completed!;
    const fields = rules.header;
    const assembled = this.blocks.assemble(
      {
        number: block.number,
        timestamp: block.time,
        gasLimit: block.gasLimit,
        beneficiary: context.beneficiary,
        prevRandao: context.prevRandao,
        extraData: context.extraData,
        parentHash: context.ancestors.slice(context.ancestors.length - 32),
        baseFeePerGas: fields.baseFee
          ? BigInt(`0x${Buffer.from(completed.baseFee).toString("hex")}`)
          : undefined,
        withdrawalsRoot: fields.withdrawalsRoot ? EMPTY_ROOT : undefined,
        blobGasUsed: fields.blobGas ? completed.blobGasUsed : undefined,
        excessBlobGas: fields.blobGas ? completed.excessBlobGas : undefined,
        parentBeaconBlockRoot: fields.parentBeaconBlockRoot ? context.parentBeaconRoot : undefined,
        requestsHash: fields.requestsHash ? requestsHash(block) : undefined,
      },
      raw,
      { statuses, gasUsed, logs },
    );
    if (assembled.gasUsed !== completed.gasUsed)
      throw new FramerError(
        "state",
        `block ${block.number}: receipts add up to ${assembled.gasUsed} gas, the scheduler says ${completed.gasUsed}`,
      );
    return {
      number: block.number,
      firstSeq: block.firstSeq,
      lastSeq: block.lastSeq,
      watermark: context.watermark,
      frames: block.frames,
      returned: block.returned,
      sealed: 0,
      header: assembled.headerRlp,
      raw,
      senders,
      hashes,
      verified,
      arrivals,
      statuses,
      gasUsed,
      logs,
      rejectedArrivals: rejectedArrivals.view(),
      rejectedHashes: rejectedHashes.view(),
      rejectedSenders: rejectedSenders.view(),
      rejectedReasons: rejectedReasons.view(),
      ancestors: context.ancestors,
      resolved: context.resolved,
    };
  }
}
