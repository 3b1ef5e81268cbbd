/** The step list of `debug_traceTransaction` without a tracer, as geth shapes it. */
import { TraceError } from "./error.ts";
import type { TraceEvent } from "./events.ts";
import { gasCostOf } from "./gas-cost.ts";
import { bytesHex, quantity, wordHex } from "./hex.ts";
import { FAILURE_TEXT, RecordKind } from "./layout.ts";
import { opcodeName } from "./opcode-facts.ts";
import { memoryOf, type OpenFrame, type ReplayedStep, replayTrace } from "./replay.ts";

export interface StructLogOptions {
  readonly disableStack?: boolean;
  readonly disableStorage?: boolean;
  readonly enableMemory?: boolean;
  /** Steps at most; more are left out. 0: all. */
  readonly limit?: number;
  /** JSON of the steps at most, in bytes, by estimate; default unlimited. */
  readonly maxBytes?: number;
}

/** JSON of one step without its lists, of a stack word, of a word of memory or an entry of storage. */
const STEP_BYTES = 120;
const STACK_WORD_BYTES = 24;
const WORD_BYTES = 68;

export interface StructLog {
  readonly pc: number;
  readonly op: string;
  readonly gas: number;
  readonly gasCost: number;
  readonly depth: number;
  readonly refund?: number;
  readonly error?: string;
  readonly stack?: readonly string[];
  readonly memory?: readonly string[];
  readonly storage?: Readonly<Record<string, string>>;
}

const SLOAD = 0x54;
const SSTORE = 0x55;

/** @throws TraceError `format`, `limit` */
export function structLogs(events: Iterable<TraceEvent>, options: StructLogOptions): StructLog[] {
  const logs: StructLog[] = [];
  const storage = new StorageSeen();
  const limit = options.limit ?? 0;
  let left = options.maxBytes ?? Number.POSITIVE_INFINITY;
  replayTrace(events, {
    step(replayed) {
      const seen = options.disableStorage === true ? undefined : storage.after(replayed);
      if (limit !== 0 && logs.length >= limit) return;
      const log = structLog(replayed, options, seen);
      logs.push(log);
      left -= sizeOf(log);
      if (left < 0)
        throw new TraceError(
          "limit",
          `the steps take more than ${options.maxBytes} bytes: leave out memory or stack, or set a limit`,
        );
    },
  });
  return logs;
}

function structLog(
  { step, frame, next }: ReplayedStep,
  options: StructLogOptions,
  storage: Readonly<Record<string, string>> | undefined,
): StructLog {
  const error = next?.kind === RecordKind.exit ? FAILURE_TEXT[next.failure] : undefined;
  return {
    pc: step.pc,
    op: opcodeName(step.op),
    gas: Number(step.gas),
    gasCost: Number(gasCostOf(step, next)),
    depth: step.depth + 1,
    ...(step.refund === 0n ? {} : { refund: Number(step.refund) }),
    ...(error === undefined ? {} : { error }),
    ...(options.disableStack === true ? {} : { stack: frame.stack.map(quantity) }),
    ...(options.enableMemory === true ? { memory: memoryWords(frame, step.memoryWords) } : {}),
    ...(storage === undefined ? {} : { storage }),
  };
}

function sizeOf({ stack, memory, storage }: StructLog): number {
  const slots = storage === undefined ? 0 : Object.keys(storage).length;
  return (
    STEP_BYTES + (stack?.length ?? 0) * STACK_WORD_BYTES + ((memory?.length ?? 0) + 2 * slots) * WORD_BYTES
  );
}

function memoryWords(frame: OpenFrame, words: number): string[] {
  const bytes = memoryOf(frame, 0, words * 32);
  return Array.from({ length: words }, (_, i) => bytesHex(bytes.subarray(i * 32, i * 32 + 32)).slice(2));
}

/** Slots that a contract has read or written so far, as shown with its SLOADs and SSTOREs. */
class StorageSeen {
  private readonly byOwner = new Map<string, Record<string, string>>();

  after({ step, frame, result }: ReplayedStep): Record<string, string> | undefined {
    if (step.op !== SLOAD && step.op !== SSTORE) return undefined;
    const { stack } = frame;
    const slot = stack.at(-1);
    const value = step.op === SLOAD ? result : stack.at(-2);
    if (slot === undefined || value === undefined) return undefined;
    const owner = bytesHex(frame.owner);
    let seen = this.byOwner.get(owner);
    if (seen === undefined) this.byOwner.set(owner, (seen = {}));
    seen[wordHex(slot).slice(2)] = wordHex(value).slice(2);
    return { ...seen };
  }
}
