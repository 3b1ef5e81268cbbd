/** Reads results out of the kernel's memory. */
import type { AccessColumns, DeployedCode, WordColumns } from "@velarium/engine";
import { SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";
import * as L from "../assembly/layout.ts";
import { OUTCOMES, REASONS } from "./reasons.ts";
import type { KernelEffects, KernelOutcome } from "./types.ts";

/** RLP of the list whose items are `payload`. */
function rlpList(payload: Uint8Array): Uint8Array {
  const size = payload.length;
  let sizeBytes = 0;
  if (size > 55) for (let rest = size; rest > 0; rest = Math.floor(rest / 256)) sizeBytes++;
  const out = new Uint8Array(1 + sizeBytes + size);
  out[0] = size > 55 ? 0xf7 + sizeBytes : 0xc0 + size;
  for (let i = 0; i < sizeBytes; i++) out[1 + i] = Math.floor(size / 256 ** (sizeBytes - 1 - i)) & 0xff;
  out.set(payload, 1 + sizeBytes);
  return out;
}

const NO_LOGS = Uint8Array.of(0xc0);
const NOTHING = new Uint8Array(0);

function readBigInt(view: DataView, at: number): bigint {
  const low = view.getBigUint64(at + 24);
  const middle = view.getBigUint64(at + 16);
  const upper = view.getBigUint64(at + 8) | view.getBigUint64(at);
  if (upper === 0n) return middle === 0n ? low : (middle << 64n) | low;
  return (view.getBigUint64(at) << 192n) | (view.getBigUint64(at + 8) << 128n) | (middle << 64n) | low;
}

/** The outcome at `at`; `withReturn`: its return data is still there. */
export function readOutcome(heap: Uint8Array, view: DataView, at: number, withReturn = true): KernelOutcome {
  const u32 = (offset: number): number => view.getUint32(at + offset, true);
  const outcome = OUTCOMES[u32(L.RESULT_OUTCOME)]!;
  if (outcome !== "included")
    return {
      outcome,
      reason: REASONS[u32(L.RESULT_REASON)]!,
      status: 0,
      gasUsed: 0,
      refund: 0,
      logs: NO_LOGS,
      returnData: NOTHING,
      createdAddress: undefined,
      beneficiaryFee: 0n,
    };
  const logsAt = u32(L.RESULT_LOGS);
  const logBytes = u32(L.RESULT_LOG_BYTES);
  const returnAt = u32(L.RESULT_RETURN);
  const returnBytes = withReturn ? u32(L.RESULT_RETURN_BYTES) : 0;
  return {
    outcome,
    status: u32(L.RESULT_STATUS) === 1 ? 1 : 0,
    gasUsed: Number(view.getBigInt64(at + L.RESULT_GAS_USED, true)),
    refund: Number(view.getBigInt64(at + L.RESULT_REFUND, true)),
    logs: logBytes === 0 ? NO_LOGS : rlpList(heap.subarray(logsAt, logsAt + logBytes)),
    returnData: returnBytes === 0 ? NOTHING : heap.slice(returnAt, returnAt + returnBytes),
    createdAddress:
      u32(L.RESULT_HAS_CREATED) === 0
        ? undefined
        : heap.slice(at + L.RESULT_CREATED, at + L.RESULT_CREATED + 20),
    beneficiaryFee: readBigInt(view, at + L.RESULT_FEE),
  };
}

export function readEffects(heap: Uint8Array, view: DataView, at: number): KernelEffects {
  const u32 = (offset: number): number => view.getUint32(at + offset, true);
  const bytes = (offset: number, count: number, each: number): Uint8Array => {
    const from = u32(offset);
    return heap.slice(from, from + count * each);
  };
  const accessCount = u32(L.RESULT_ACCESS_COUNT);
  const accesses: AccessColumns = {
    count: accessCount,
    keys: bytes(L.RESULT_ACCESSES, accessCount, SLOT_KEY_BYTES),
    kinds: bytes(L.RESULT_ACCESS_KINDS, accessCount, 1),
  };
  const words = (count: number, keys: number, values: number): WordColumns => ({
    count,
    keys: bytes(keys, count, SLOT_KEY_BYTES),
    words: bytes(values, count, WORD_BYTES),
  });
  const codes: DeployedCode[] = [];
  for (let i = 0, list = u32(L.RESULT_CODES); i < u32(L.RESULT_CODE_COUNT); i++) {
    const entry = view.getUint32(list + 4 * i, true);
    const code = view.getUint32(entry + L.CODE_AT, true);
    codes.push({
      hash: heap.slice(entry + L.CODE_HASH, entry + L.CODE_HASH + 32),
      bytes: heap.slice(code, code + view.getUint32(entry + L.CODE_BYTES, true)),
    });
  }
  return {
    accesses,
    writes: words(u32(L.RESULT_WRITE_COUNT), L.RESULT_WRITE_KEYS, L.RESULT_WRITE_WORDS),
    deltas: words(u32(L.RESULT_DELTA_COUNT), L.RESULT_DELTA_KEYS, L.RESULT_DELTA_WORDS),
    codes,
  };
}
