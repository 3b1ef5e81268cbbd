/**
 * An execution run again from its trace: the same events as if every step had been told. What operations on state found
 * comes from the records, everything else is computed; where the two contradict each other, the trace is wrong.
 */
import { type Opcode, type OpcodeTable, opcodeTableOf } from "@velarium/evm-opcodes";
import { TraceError } from "../error.ts";
import type { EnterEvent, ExitEvent, MemoryEvent, StepEvent, TraceEvent } from "../events.ts";
import { Failure, INITCODE, RecordKind, RerunKind } from "../layout.ts";
import { type FrameInput, jumpdestsOf, NO_BYTES, RerunFrame, refusal } from "./frame.ts";
import { operationOf, type World } from "./operations.ts";
import type { BeginRecord, CallRecord, EndRecord, RerunRecords, ResultRecord } from "./records.ts";
import { failureOfState, inputRange, outputRange, ranges } from "./state-operations.ts";
import { TransientWords } from "./transient.ts";

const CREATE = 0xf0;
const CALL = 0xf1;
const CALLCODE = 0xf2;
const DELEGATECALL = 0xf4;
const STATICCALL = 0xfa;
const EXTCODECOPY = 0x3c;
const CREATE2 = 0xf5;
const SELFDESTRUCT = 0xff;
const ADDRESS_MASK = (1n << 160n) - 1n;

/** Frames that end so have not run. */
const NEVER_BEGUN: ReadonlySet<Failure> = new Set([
  Failure.collision,
  Failure.depth,
  Failure.funds,
  Failure.nonce,
  Failure.precompile,
]);

const isCreate = (op: number): boolean => op === CREATE || op === CREATE2;

/** @throws TraceError `format`, `limit` when it has more than `maxSteps` steps */
export function* rerun(records: RerunRecords, maxSteps: number): Generator<TraceEvent> {
  const run = new Rerun(records);
  let left = maxSteps;
  yield run.enter();
  while (!run.isOver) {
    const step = run.step();
    if (step !== undefined) {
      if (--left < 0) throw new TraceError("limit", `the trace has more than ${maxSteps} steps`);
      yield step;
    }
    for (const event of run.advance()) yield event;
  }
  if (records.peek() !== undefined) throw wrong("records stand behind the end of the execution");
}

const wrong = (what: string): TraceError => new TraceError("format", what);
const bytesOf = (address: bigint): Uint8Array =>
  new Uint8Array(Buffer.from(address.toString(16).padStart(40, "0"), "hex"));

/** A call that began: a frame that runs, or none. */
interface OpenCall {
  readonly record: CallRecord;
  readonly given: FrameInput;
  /** Undefined for precompiles, accounts without code, and what never began. */
  readonly frame: RerunFrame | undefined;
  readonly refund: bigint;
}

class Rerun {
  private readonly records: RerunRecords;
  private readonly begin: BeginRecord;
  private readonly table: OpcodeTable;
  private readonly world: World;
  private readonly open: OpenCall[] = [];
  private refund = 0n;
  /** The opcode that `step` has shown. */
  private opcode: Opcode | undefined;

  constructor(records: RerunRecords) {
    this.records = records;
    this.begin = records.begin();
    this.table = opcodeTableOf(this.begin.fork);
    this.world = { begin: this.begin, gas: this.table.gas, transient: new TransientWords() };
  }

  get isOver(): boolean {
    return this.open.length === 0;
  }

  /** The transaction's own call or creation. */
  enter(): EnterEvent {
    const record = this.records.next();
    if (record.kind !== RerunKind.call || record.depth !== 0 || (record.op !== CALL && record.op !== CREATE))
      throw wrong("the execution does not begin by a call or creation");
    const { begin } = this;
    const { origin } = begin.environment;
    const given = {
      depth: 0,
      op: record.op,
      input: begin.input,
      address: record.address,
      caller: origin,
      value: begin.value,
      isStatic: begin.isStatic,
      out: { offset: 0, size: 0 },
    };
    return this.openCall(record, given, origin, begin.value);
  }

  /** The step that comes next; undefined while the innermost call runs no code. */
  step(): StepEvent | undefined {
    const { frame } = this.open.at(-1)!;
    if (frame === undefined) return undefined;
    const { stack, given } = frame;
    const op = given.code[frame.pc] ?? 0;
    this.opcode = this.table.opcode(op);
    return {
      kind: RecordKind.step,
      op,
      depth: given.depth,
      pc: frame.pc,
      gas: frame.gas,
      memoryWords: frame.memoryWords,
      stackHeight: stack.length,
      refund: this.refund,
      top: stack.length === 0 ? 0n : stack[stack.length - 1]!,
    };
  }

  /** Does what `step` has shown: its events in order. */
  *advance(): Generator<TraceEvent> {
    const { frame } = this.open.at(-1)!;
    if (frame === undefined) return yield* this.close(undefined);
    const failure = this.operate(frame);
    if (failure === "state") return yield* this.applyRecord(frame);
    if (failure !== undefined) return yield* this.close({ failure, output: NO_BYTES });
    const written = memoryEvent(frame);
    if (written !== undefined) yield written;
    if (frame.ending !== undefined) yield* this.close(frame.ending);
  }

  /** Runs an opcode, unless it is one on state. */
  private operate(frame: RerunFrame): Failure | "state" | undefined {
    const { opcode } = this;
    const refused = refusal(opcode, frame.stack.length);
    if (refused !== undefined) return refused;
    if (opcode!.section === "alone") return "state";
    if (!frame.pay(BigInt(opcode!.staticGas))) return Failure.outOfGas;
    frame.pc++;
    return operationOf(opcode!.code)!(frame, this.world);
  }

  /** An operation on state: what the next record says of it. */
  private *applyRecord(frame: RerunFrame): Generator<TraceEvent> {
    const { depth } = frame.given;
    const opcode = this.opcode!;
    const record = this.records.peek();
    if (record?.kind === RerunKind.result && record.depth === depth && record.op === opcode.code) {
      this.applyResult(frame, opcode, this.records.next() as ResultRecord);
      const written = memoryEvent(frame);
      if (written !== undefined) yield written;
    } else if (record?.kind === RerunKind.call && record.depth === depth + 1 && record.op === opcode.code)
      yield this.enterChild(frame, opcode, this.records.next() as CallRecord);
    else if (record?.kind === RerunKind.end && record.depth === depth) {
      const destroyed = opcode.code === SELFDESTRUCT && record.failure === Failure.none;
      if (destroyed) frame.gas = record.gasLeft;
      const failure = destroyed ? Failure.none : failureOfState(frame, opcode, this.begin.fork);
      yield* this.close({ failure, output: NO_BYTES });
    } else throw wrong(`pc ${frame.pc} at depth ${depth}: no record tells what ${opcode.mnemonic} did`);
  }

  private applyResult(frame: RerunFrame, opcode: Opcode, record: ResultRecord): void {
    for (const { offset, size } of ranges(frame, opcode)) frame.grow(offset, size);
    const operands = Array.from({ length: opcode.inputs }, () => frame.pop());
    if (opcode.outputs > 0) frame.push(record.word);
    paidFrom(frame, record.gas);
    frame.gas = record.gas;
    frame.pc++;
    this.refund = record.refund;
    if (opcode.kind === "call" || opcode.kind === "create") frame.returnData = NO_BYTES;
    if (opcode.code !== EXTCODECOPY) return;
    const [, to, from, size] = operands as [bigint, bigint, bigint, bigint];
    if (size > 0n) frame.copyIn(to, this.codeOf(record.code), from, size);
  }

  private codeOf(number: number): Uint8Array {
    if (number === 0) return NO_BYTES;
    const code = this.records.codes.get(number);
    if (code === undefined) throw wrong(`the trace has no code ${number}`);
    return code;
  }

  private enterChild(frame: RerunFrame, opcode: Opcode, record: CallRecord): EnterEvent {
    for (const { offset, size } of ranges(frame, opcode)) frame.grow(offset, size);
    const input = inputRange(frame, opcode);
    const bytes = frame.bytesAt(input.offset, input.size);
    const out = outputRange(frame, opcode);
    const operands = Array.from({ length: opcode.inputs }, () => frame.pop());
    const { op } = record;
    const creates = isCreate(op);
    if (!creates && (operands[1]! & ADDRESS_MASK) !== record.address)
      throw wrong(`depth ${record.depth}: the record calls another account than the code does`);
    const { given } = frame;
    const moved = creates ? operands[0]! : op === CALL || op === CALLCODE ? operands[2]! : 0n;
    const value = op === DELEGATECALL ? given.value : moved;
    paidFrom(frame, record.callerGas + record.gas);
    frame.gas = record.callerGas;
    frame.pc++;
    const inherits = op === DELEGATECALL || op === CALLCODE;
    const child = {
      depth: record.depth,
      op,
      input: bytes,
      address: inherits ? given.address : record.address,
      caller: op === DELEGATECALL ? given.caller : given.address,
      value,
      isStatic: given.isStatic || op === STATICCALL,
      out,
    };
    return this.openCall(record, child, given.address, value);
  }

  /** `shown`: the caller that a trace shows, which for DELEGATECALL is not what CALLER gives. */
  private openCall(
    record: CallRecord,
    call: Omit<FrameInput, "code" | "gas">,
    shown: bigint,
    value: bigint,
  ): EnterEvent {
    const { depth, gas, callerGas, op } = record;
    const initcode = record.code === INITCODE;
    const code = initcode ? call.input : this.codeOf(record.code);
    const next = this.records.peek();
    const begun = !(next?.kind === RerunKind.end && next.depth === depth && NEVER_BEGUN.has(next.failure));
    // Initcode has no calldata.
    const given = { ...call, code, gas, input: initcode ? NO_BYTES : call.input };
    const frame =
      record.code === 0 || !begun
        ? undefined
        : new RerunFrame(given, this.refund, this.world.transient.mark, jumpdestsOf(code));
    this.open.push({ record, given, frame, refund: this.refund });
    return {
      kind: RecordKind.enter,
      op,
      depth,
      gas,
      callerGas,
      value,
      from: bytesOf(shown),
      to: bytesOf(record.address),
      input: call.input,
    };
  }

  /** The innermost call ends; `own` is how its code ended, undefined when none ran. */
  private *close(own: { readonly failure: Failure; readonly output: Uint8Array } | undefined) {
    const { record, given, frame, refund } = this.open.pop()!;
    const end = this.records.next();
    if (end.kind !== RerunKind.end || end.depth !== record.depth)
      throw wrong(`depth ${record.depth}: the call ends, and its record does not`);
    const failure = own === undefined ? end.failure : agreed(own.failure, end, given, frame!);
    const kept = failure === Failure.none || failure === Failure.revert;
    const output = !kept ? NO_BYTES : own === undefined ? end.output : own.output;
    if (failure === Failure.none) this.refund = end.refund;
    else {
      this.refund = refund;
      if (frame !== undefined) this.world.transient.rewind(frame.transientMark);
    }
    const exit: ExitEvent = {
      kind: RecordKind.exit,
      failure,
      depth: record.depth,
      gasLeft: end.gasLeft,
      output,
    };
    yield exit;
    const written = this.giveBack(record, given, exit);
    if (written !== undefined) yield written;
  }

  /** What the end of a call means for its caller. */
  private giveBack(record: CallRecord, given: FrameInput, exit: ExitEvent): MemoryEvent | undefined {
    const parent = this.open.at(-1)?.frame;
    if (parent === undefined) return undefined;
    const { failure, output, gasLeft } = exit;
    const succeeded = failure === Failure.none;
    parent.gas += gasLeft;
    if (isCreate(record.op)) {
      parent.push(succeeded ? record.address : 0n);
      parent.returnData = failure === Failure.revert ? output : NO_BYTES;
      return undefined;
    }
    parent.push(succeeded ? 1n : 0n);
    parent.returnData = output;
    const there = Math.min(given.out.size, output.length);
    if (there > 0) parent.copyIn(BigInt(given.out.offset), output, 0n, BigInt(there));
    return memoryEvent(parent);
  }
}

/** Operations on state never give gas. */
function paidFrom(frame: RerunFrame, left: bigint): void {
  if (left <= frame.gas && left >= 0n) return;
  throw wrong(
    `pc ${frame.pc} at depth ${frame.given.depth}: ${left} of ${frame.gas} gas are left, says the record`,
  );
}

function memoryEvent(frame: RerunFrame): MemoryEvent | undefined {
  const written = frame.takeWritten();
  return written === undefined
    ? undefined
    : { kind: RecordKind.memory, depth: frame.given.depth, ...written };
}

/** Why a frame that ran ended: what its code says and what the record says, which must not contradict each other. */
function agreed(own: Failure, end: EndRecord, given: FrameInput, frame: RerunFrame): Failure {
  const { depth } = given;
  if (end.failure === Failure.other) {
    if (own !== Failure.none && own !== Failure.revert && end.gasLeft === 0n) return own;
  } else if (isCreate(given.op) && own === Failure.none) {
    // Paying for the code is not the code's own.
    if (end.failure !== Failure.revert && end.gasLeft <= frame.gas) return end.failure;
  } else if (own === end.failure && end.gasLeft === frame.gas) return own;
  throw wrong(
    `depth ${depth}: the code ends with ${own} and ${frame.gas} gas, its record says ${end.failure} and ${end.gasLeft}`,
  );
}
