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

export class RecordAssembler {
  private readonly blocks = new BlockAssembler();

  /** The record with the header as far as it is known. Throws FramerError `state` when gas does not add up. */
  assemble(
    block: BlockState,
    slab: TransactionSlab,
    accounts: AccountTable,
    context: HeaderContext,
  ): NewBlockRecord {
    const raw = new BytesVector();
    const logs = new BytesVector();
    const senders = new FixedVector(20);
    const hashes = new FixedVector(32);
    const verified = new U8Vector();
    const arrivals = new F64Vector();
    const statuses = new U8Vector();
    const gasUsed = new F64Vector();
    const rejectedArrivals = new F64Vector();
    const rejectedHashes = new FixedVector(32);
    const rejectedSenders = new FixedVector(20);
    const rejectedReasons = new U8Vector();
    const none = new Uint8Array(0);
    for (let at = 0; at < block.length; at++) {
      const row = block.rows[at]!;
      if (row < 0) continue;
      if (block.outcomes[at] === Outcome.included) {
        raw.push(slab.sourceOf(row).raw.blob, slab.rawFrom[row]!, slab.rawTo[row]!);
        senders.push(accounts.addresses, accounts.addressAt(slab.account[row]!));
        hashes.push(slab.hash, row * 32);
        verified.push(slab.verified[row]!);
        arrivals.push(slab.arrival[row]!);
        statuses.push(block.statuses[at]!);
        gasUsed.push(block.gasUsed[at]!);
        const log = block.logsAt(at);
        logs.push(log ? bytesAt(log.column, log.index) : none);
      } else {
        rejectedArrivals.push(slab.arrival[row]!);
        rejectedHashes.push(slab.hash, row * 32);
        rejectedSenders.push(accounts.addresses, accounts.addressAt(slab.account[row]!));
        rejectedReasons.push(block.reasons[at]!);
      }
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
      raw.view(),
      { statuses: statuses.view(), gasUsed: gasUsed.view(), logs: logs.view() },
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
      raw: raw.view(),
      senders: senders.view(),
      hashes: hashes.view(),
      verified: verified.view(),
      arrivals: arrivals.view(),
      statuses: statuses.view(),
      gasUsed: gasUsed.view(),
      logs: logs.view(),
      rejectedArrivals: rejectedArrivals.view(),
      rejectedHashes: rejectedHashes.view(),
      rejectedSenders: rejectedSenders.view(),
      rejectedReasons: rejectedReasons.view(),
      ancestors: context.ancestors,
      resolved: context.resolved,
    };
  }
}
