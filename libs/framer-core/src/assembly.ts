/** From a complete block to its record and header; the roots and the parent's hash are the last to come in. */
import { createHash } from "node:crypto";
import {
  BlockAssembler,
  type BlockContext,
  type BlockRecord,
  BlockRecordSchema,
  EMPTY_ROOT,
  headerSize,
} from "@velarium/blocks";
import type { BlockRules } from "@velarium/chain-rules";
import { type Allocate, bytesAt, layOut } from "@velarium/columns";
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

/** What a record will hold of a block, so that it can be laid out. */
interface RecordSizes {
  readonly included: number;
  readonly rawBytes: number;
  readonly logBytes: number;
  readonly rejected: number;
}

function sizesOf(block: BlockState, slab: TransactionSlab): RecordSizes {
  const { rows, outcomes } = block;
  let included = 0;
  let rejected = block.rejections?.arrivals.length ?? 0;
  let rawBytes = 0;
  let logBytes = 0;
  for (let at = 0; at < block.length; at++) {
    const row = rows[at]!;
    if (row < 0) continue;
    if (outcomes[at] !== Outcome.included) rejected++;
    else {
      included++;
      rawBytes += slab.rawBytes(row);
      logBytes += block.logBytes(at);
    }
  }
  return { included, rawBytes, logBytes, rejected };
}

/** Fills the columns of the included transactions, in block order. Of a frame whose transactions were all included they are copied whole. */
function fillIncluded(
  record: BlockRecord,
  block: BlockState,
  slab: TransactionSlab,
  accounts: AccountTable,
): void {
  const { rows, outcomes } = block;
  const { senders, hashes, verified, arrivals, statuses, gasUsed, raw, logs } = record;
  const hashWords = new Uint32Array(hashes.buffer, hashes.byteOffset, hashes.length >> 2);
  const slabWords = new Uint32Array(slab.hash.buffer);
  let n = 0;
  let rawAt = 0;
  let logAt = 0;
  const addRest = (at: number): void => {
    const word = rows[at]! * 8;
    for (let k = 0; k < 8; k++) hashWords[n * 8 + k] = slabWords[word + k]!;
    const log = block.logsAt(at);
    if (log) {
      const bytes = bytesAt(log.column, log.index);
      logs.blob.set(bytes, logAt);
      logAt += bytes.length;
    }
    logs.ends[n++] = logAt;
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
      raw.blob.set(frame.raw.blob, rawAt);
      for (let i = 0; i < ends.length; i++) raw.ends[n + i] = rawAt + ends[i]!;
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
      raw.blob.set(slab.sourceOf(row).raw.blob.subarray(slab.rawFrom[row]!, slab.rawTo[row]!), rawAt);
      raw.ends[n] = rawAt += slab.rawBytes(row);
      const address = accounts.addressAt(slab.account[row]!);
      senders.set(accounts.addresses.subarray(address, address + 20), n * 20);
      verified[n] = slab.verified[row]!;
      arrivals[n] = slab.arrival[row]!;
      statuses[n] = block.statuses[at]!;
      gasUsed[n] = block.gasUsed[at]!;
      addRest(at);
    }
  }
}

/** Fills the columns of the rejected transactions: first those that were framed. */
function fillRejected(
  record: BlockRecord,
  block: BlockState,
  slab: TransactionSlab,
  accounts: AccountTable,
): void {
  const { rejectedArrivals, rejectedHashes, rejectedSenders, rejectedReasons } = record;
  let n = 0;
  for (let at = 0; at < block.length; at++) {
    const row = block.rows[at]!;
    if (row < 0 || block.outcomes[at] === Outcome.included) continue;
    rejectedArrivals[n] = slab.arrival[row]!;
    rejectedHashes.set(slab.hash.subarray(row * 32, row * 32 + 32), n * 32);
    const address = accounts.addressAt(slab.account[row]!);
    rejectedSenders.set(accounts.addresses.subarray(address, address + 20), n * 20);
    rejectedReasons[n++] = block.reasons[at]!;
  }
  const taken = block.rejections;
  if (!taken) return;
  rejectedArrivals.set(taken.arrivals, n);
  rejectedHashes.set(taken.hashes, n * 32);
  rejectedSenders.set(taken.senders, n * 20);
  rejectedReasons.set(taken.reasons, n);
}

function contextOf(block: BlockState, context: HeaderContext): BlockContext {
  const completed = block.completed!;
  const fields = context.rules.header;
  return {
    number: block.number,
    timestamp: block.time,
    gasLimit: block.gasLimit,
    beneficiary: context.beneficiary,
    prevRandao: context.prevRandao,
    extraData: context.extraData,
    parentHash: context.ancestors.slice(context.ancestors.length - 32),
    baseFeePerGas: fields.baseFee ? BigInt(`0x${Buffer.from(completed.baseFee).toString("hex")}`) : undefined,
    withdrawalsRoot: fields.withdrawalsRoot ? EMPTY_ROOT : undefined,
    blobGasUsed: fields.blobGas ? completed.blobGasUsed : undefined,
    excessBlobGas: fields.blobGas ? completed.excessBlobGas : undefined,
    parentBeaconBlockRoot: fields.parentBeaconBlockRoot ? context.parentBeaconRoot : undefined,
    requestsHash: fields.requestsHash ? requestsHash(block) : undefined,
  };
}

export interface AssembledRecord {
  /** The packed record, and its columns in it. */
  readonly bytes: Uint8Array;
  readonly record: BlockRecord;
}

/** Writes records where they stay: a block's columns are large, and are read by the roots' kernel from the record itself. */
export class RecordAssembler {
  private readonly blocks = new BlockAssembler();
  private readonly allocate: Allocate | undefined;

  /** `allocate`: where the memory of records comes from; their own if left out. */
  constructor(allocate?: Allocate) {
    this.allocate = allocate;
  }

  /** The record with the header as far as it is known. Throws FramerError `state` when gas does not add up. */
  assemble(
    block: BlockState,
    slab: TransactionSlab,
    accounts: AccountTable,
    context: HeaderContext,
  ): AssembledRecord {
    const sizes = sizesOf(block, slab);
    const n = sizes.included;
    const headerContext = contextOf(block, context);
    const { gasUsed } = block.completed!;
    const { bytes, message: record } = layOut(
      BlockRecordSchema,
      {
        number: block.number,
        firstSeq: block.firstSeq,
        lastSeq: block.lastSeq,
        watermark: context.watermark,
        frames: block.frames,
        returned: block.returned,
        sealed: 0,
      },
      {
        header: headerSize(headerContext, gasUsed),
        raw: { items: n, bytes: sizes.rawBytes },
        senders: n,
        hashes: n,
        verified: n,
        arrivals: n,
        statuses: n,
        gasUsed: n,
        logs: { items: n, bytes: sizes.logBytes },
        rejectedArrivals: sizes.rejected,
        rejectedHashes: sizes.rejected,
        rejectedSenders: sizes.rejected,
        rejectedReasons: sizes.rejected,
        ancestors: context.ancestors.length / 32,
        resolved: context.resolved.length,
      },
      this.allocate,
    );
    fillIncluded(record, block, slab, accounts);
    fillRejected(record, block, slab, accounts);
    record.ancestors.set(context.ancestors);
    record.resolved.set(context.resolved);
    const assembled = this.blocks.assemble(headerContext, record.raw, record);
    if (assembled.gasUsed !== gasUsed)
      throw new FramerError(
        "state",
        `block ${block.number}: receipts add up to ${assembled.gasUsed} gas, the scheduler says ${gasUsed}`,
      );
    record.header.set(assembled.headerRlp);
    return { bytes, record };
  }
}
