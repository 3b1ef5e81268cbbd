/**
 * The packed trace of an execution on the reference interpreter, made from its events. For tests of other engines'
 * traces and for what only the reference runs; it copies stack and memory at every step, so it is slow.
 */
import { EVMError, type EVMResult, type InterpreterStep, type Message } from "@ethereumjs/evm";
import { Failure, TraceError, TraceWriter } from "@velarium/evm-trace";
import type { SlotEvm } from "./slot-evm.ts";
import type { TraceSink } from "./types.ts";

const CREATE = 0xf0;
const CALL = 0xf1;
const STIPEND = 2300n;
const NO_ADDRESS = new Uint8Array(20);

const { errorMessages } = EVMError;
const FAILURES: Readonly<Record<string, Failure>> = {
  [errorMessages.REVERT]: Failure.revert,
  [errorMessages.OUT_OF_GAS]: Failure.outOfGas,
  [errorMessages.CODESTORE_OUT_OF_GAS]: Failure.outOfGas,
  [errorMessages.INVALID_OPCODE]: Failure.invalidOpcode,
  [errorMessages.INVALID_JUMP]: Failure.invalidJump,
  [errorMessages.STACK_UNDERFLOW]: Failure.stackUnderflow,
  [errorMessages.STACK_OVERFLOW]: Failure.stackOverflow,
  [errorMessages.STATIC_STATE_CHANGE]: Failure.staticViolation,
  [errorMessages.CREATE_COLLISION]: Failure.collision,
  [errorMessages.CODESIZE_EXCEEDS_MAXIMUM]: Failure.invalidCode,
  [errorMessages.INVALID_BYTECODE_RESULT]: Failure.invalidCode,
  [errorMessages.OUT_OF_RANGE]: Failure.returnDataBounds,
  [errorMessages.INITCODE_SIZE_VIOLATION]: Failure.initcodeSize,
};

interface OpenMessage {
  readonly message: Message;
  readonly op: number;
  readonly callerGas: bigint;
  /** Calldata or initcode; the message of a creation loses it. */
  readonly input: Uint8Array;
  /** Account whose storage the frame works on. */
  owner: Uint8Array;
  entered: boolean;
  memory: Uint8Array;
  /** Last opcode begun, and gas left once it is paid, the stipend added. */
  op0: number;
  gasAfter: bigint;
}

export class ReferenceTracer {
  /** Set when the trace could not be kept; the execution's result is then void. */
  failure: TraceError | undefined;
  private readonly sink: TraceSink;
  private readonly writer: TraceWriter;
  private readonly open: OpenMessage[] = [];

  constructor(sink: TraceSink) {
    this.sink = sink;
    this.writer = new TraceWriter(sink.maxBytes);
  }

  /** Returns what takes it off again. */
  attach(evm: SlotEvm): () => void {
    const before = (message: Message): void => this.guarded(() => this.before(message));
    const created = ({ address }: { address: { bytes: Uint8Array } }): void => {
      const last = this.open.at(-1);
      if (last !== undefined) last.owner = address.bytes;
    };
    const step = (event: InterpreterStep): void => this.guarded(() => this.step(event));
    const after = (result: EVMResult): void => this.guarded(() => this.after(result));
    evm.events.on("beforeMessage", before);
    evm.events.on("newContract", created);
    evm.events.on("step", step);
    evm.events.on("afterMessage", after);
    return () => {
      evm.events.off("beforeMessage", before);
      evm.events.off("newContract", created);
      evm.events.off("step", step);
      evm.events.off("afterMessage", after);
    };
  }

  /** The execution begins, perhaps not for the first time. */
  begin(): void {
    this.open.length = 0;
    this.writer.clear();
  }

  finish(): void {
    this.sink.write(this.writer.trace);
  }

  /** The interpreter would take an error of its listeners for one of the contract's. */
  private guarded(work: () => void): void {
    if (this.failure !== undefined) return;
    try {
      work();
    } catch (error) {
      this.failure = error instanceof TraceError ? error : new TraceError("format", String(error));
    }
  }

  private before(message: Message): void {
    this.enterLast();
    const parent = this.open.at(-1);
    const isCreate = message.to === undefined;
    const hasStipend = message.value > 0n && (parent?.op0 === CALL || parent?.op0 === CALL + 1);
    const callerGas =
      parent === undefined ? 0n : parent.gasAfter + (hasStipend ? STIPEND : 0n) - message.gasLimit;
    this.open.push({
      message,
      op: parent?.op0 ?? (isCreate ? CREATE : CALL),
      callerGas,
      input: message.data,
      owner: message.to?.bytes ?? NO_ADDRESS,
      entered: false,
      memory: new Uint8Array(0),
      op0: 0,
      gasAfter: 0n,
    });
    if (!isCreate) this.enterLast();
  }

  /** A creation's address is known only some time after its message. */
  private enterLast(): void {
    const last = this.open.at(-1);
    if (last === undefined || last.entered) return;
    last.entered = true;
    const { message } = last;
    const shares = message.delegatecall || (message.to !== undefined && message.codeAddress !== undefined);
    this.writer.enter({
      op: last.op,
      depth: this.open.length - 1,
      gas: message.gasLimit,
      callerGas: last.callerGas,
      value: message.value,
      from: this.open.at(-2)?.owner ?? message.caller.bytes,
      to: shares ? message.codeAddress.bytes : last.owner,
      input: last.input,
    });
  }

  private step(event: InterpreterStep): void {
    this.enterLast();
    const frame = this.open.at(-1)!;
    const { stack, opcode, gasLeft } = event;
    this.noteMemory(frame, event.memory);
    this.writer.step({
      op: opcode.code,
      depth: event.depth,
      pc: event.pc,
      gas: gasLeft,
      memoryWords: Number(event.memoryWordCount),
      stackHeight: stack.length,
      refund: event.gasRefund,
      top: stack.at(-1) ?? 0n,
    });
    frame.op0 = opcode.code;
    frame.gasAfter = gasLeft - BigInt(opcode.dynamicFee ?? opcode.fee);
  }

  private noteMemory(frame: OpenMessage, memory: Uint8Array): void {
    if (!this.sink.memory) return;
    const { memory: before } = frame;
    let first = 0;
    while (first < memory.length && (before[first] ?? 0) === memory[first]) first++;
    let end = memory.length;
    while (end > first && (before[end - 1] ?? 0) === memory[end - 1]) end--;
    frame.memory = memory;
    if (end > first)
      this.writer.memory({ depth: this.open.length - 1, offset: first, bytes: memory.subarray(first, end) });
  }

  private after({ execResult }: EVMResult): void {
    this.enterLast();
    const { message } = this.open.pop()!;
    const { exceptionError } = execResult;
    this.writer.exit({
      failure:
        exceptionError === undefined ? Failure.none : (FAILURES[exceptionError.error] ?? Failure.other),
      depth: this.open.length,
      gasLeft: message.gasLimit - execResult.executionGasUsed,
      output: execResult.returnValue,
    });
  }
}
