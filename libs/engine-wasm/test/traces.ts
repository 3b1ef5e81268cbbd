/** Traces of either engine, and what of them can be compared. */
import type { Fork } from "@velarium/chain-rules";
import type {
  BlockContext,
  Engine,
  ExecutableTransaction,
  ExecutionResult,
  StateView,
} from "@velarium/engine";
import { opcodeTableOf } from "@velarium/evm-opcodes";
import { RecordKind, type TraceEvent, traceEvents, writeEip3155 } from "@velarium/evm-trace";

const SSTORE = 0x55;

export interface Traced {
  readonly events: TraceEvent[];
  readonly packed: Uint8Array;
  readonly result: ExecutionResult;
}

export async function trace(
  engine: Pick<Engine, "execute">,
  context: BlockContext,
  transaction: ExecutableTransaction,
  state: StateView,
): Promise<Traced> {
  const chunks: Uint8Array[] = [];
  const result = await engine.execute(context, transaction, state, {
    trace: {
      memory: true,
      maxBytes: 1 << 26,
      restart: () => void (chunks.length = 0),
      write: (records) => void chunks.push(records.slice()),
    },
  });
  const packed = new Uint8Array(Buffer.concat(chunks));
  return { events: [...traceEvents(packed)], packed, result };
}

export const text = (event: TraceEvent): string =>
  JSON.stringify(event, (_, value) =>
    typeof value === "bigint"
      ? value.toString()
      : value instanceof Uint8Array
        ? Buffer.from(value).toString("hex")
        : value,
  );

/** The reference shows no STOP behind the end of code nor a REVERT without operands. */
const isOurs = (event: TraceEvent): boolean =>
  event.kind === RecordKind.step && (event.op === 0 || (event.op === 0xfd && event.stackHeight < 2));

/**
 * ... calls opcodes that a fork has not INVALID, gives some failures other names, and has counted an SSTORE's refund when
 * it tells of its step.
 */
function alike(event: TraceEvent, fork: Fork): TraceEvent {
  if (event.kind === RecordKind.exit)
    return { ...event, failure: Math.min(event.failure, 2) as typeof event.failure };
  if (event.kind === RecordKind.step && event.op === SSTORE) return { ...event, refund: 0n };
  if (event.kind !== RecordKind.step || opcodeTableOf(fork).opcode(event.op) !== undefined) return event;
  return { ...event, op: 0xfe };
}

/** What both engines tell alike; of memory the reference shows only bytes that changed, see `exported`. */
export const comparable = (events: readonly TraceEvent[], fork: Fork): string[] =>
  events
    .filter((event) => event.kind !== RecordKind.memory && !isOurs(event))
    .map((event) => text(alike(event, fork)));

/** Lines of EIP-3155 with whole stacks and memories, of what both engines tell alike. */
export function exported({ events, result }: Traced, fork: Fork): string[] {
  const lines: string[] = [];
  const outcome = { output: result.returnData, gasUsed: result.gasUsed, pass: result.status === 1 };
  const shared = events.filter((event) => !isOurs(event)).map((event) => alike(event, fork));
  writeEip3155(shared, outcome, { memory: true }, (line) => void lines.push(line));
  return lines;
}
