/**
 * The reference evaluator: runs a function on the simplest possible machine. State is not its business: at every access
 * and boundary it compares its canonical state with the recorded step of the reference interpreter, and takes gas,
 * result, memory and return data from the step after it. What it is asked to store, it has therefore been compared with.
 */

import { type GasSchedule, gasSchedule } from "@velarium/evm-opcodes";
import { keccak256 } from "@velarium/hash-kernel";
import {
  type Block,
  type Edge,
  evaluatePure,
  type Instruction,
  type IrFunction,
  NO_VALUE,
  operationInfo,
  type ValueId,
} from "../src/index.ts";
import {
  BLOCK,
  CALLER,
  COINBASE,
  CONTRACT,
  ORIGIN,
  type ReferenceRun,
  type Status,
  type Step,
} from "./reference.ts";

/** Where the function goes another way than the reference. */
class Deviation extends Error {}

/** The frame fails; all reasons are alike. */
class Failure extends Error {}

interface Log {
  readonly data: Uint8Array;
  readonly topics: readonly bigint[];
}

export interface Evaluation {
  /** `exit`: the interpreter would have to go on; nothing after it was compared. */
  readonly status: Status | "exit";
  readonly gasLeft: bigint;
  readonly output: Uint8Array;
  readonly logs: readonly Log[];
  /** Accesses and boundaries carried out. */
  readonly crossings: number;
  /** Instructions executed. */
  readonly executed: number;
}

const MEMORY_LIMIT = 1n << 26n;
const toWord = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString("hex") || "0"}`);
const fromWord = (value: bigint): Uint8Array =>
  Uint8Array.from(Buffer.from(value.toString(16).padStart(64, "0"), "hex"));

const CROSSINGS = new Set(
  "SLOAD SSTORE BALANCE SELFBALANCE EXTCODESIZE EXTCODEHASH EXTCODECOPY BLOCKHASH CALL CALLCODE DELEGATECALL STATICCALL CREATE CREATE2".split(
    " ",
  ),
);

class Evaluator {
  readonly #function: IrFunction;
  readonly #code: Uint8Array;
  readonly #data: Uint8Array;
  readonly #reference: ReferenceRun;
  readonly #steps: readonly Step[];
  readonly #prices: GasSchedule;
  readonly #values: (bigint | undefined)[];
  readonly #transient = new Map<bigint, bigint>();
  readonly #logs: Log[] = [];
  #memory = new Uint8Array(0);
  #returnData: Uint8Array = new Uint8Array();
  /** Operands in the frame below the window, bottom first. */
  readonly #below: bigint[] = [];
  #gas: bigint;
  #at = 0;
  #crossings = 0;
  #executed = 0;

  constructor(fn: IrFunction, code: Uint8Array, data: Uint8Array, gas: bigint, reference: ReferenceRun) {
    this.#function = fn;
    this.#code = code;
    this.#data = data;
    this.#gas = gas;
    this.#reference = reference;
    this.#steps = reference.steps;
    this.#prices = gasSchedule(fn.fork);
    this.#values = fn.values.map((value) =>
      value.kind === "constant"
        ? value.value
        : value.kind === "immediate"
          ? fn.immediates[value.index]
          : undefined,
    );
  }

  run(): Evaluation {
    try {
      for (let next: Block | Evaluation = this.#function.blocks[0]!; ; ) {
        next = this.#block(next);
        if ("status" in next) return next;
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return this.#end("failure", new Uint8Array(), 0n);
    }
  }

  #end(status: Evaluation["status"], output: Uint8Array, gasLeft = this.#gas): Evaluation {
    return {
      status,
      gasLeft,
      output,
      logs: this.#logs,
      crossings: this.#crossings,
      executed: this.#executed,
    };
  }

  #value(id: ValueId): bigint {
    const value = this.#values[id];
    if (value === undefined) throw new Deviation(`value ${id} is read before it is defined`);
    return value;
  }

  #define(id: ValueId, value: bigint): void {
    const { bits } = this.#function.values[id]!;
    if (value >> BigInt(bits) !== 0n)
      throw new Deviation(`value ${id} is ${value}, which has more than ${bits} bits`);
    this.#values[id] = value;
  }

  #charge(gas: bigint): void {
    if (gas > this.#gas) throw new Failure();
    this.#gas -= gas;
  }

  #touch(offset: bigint, size: bigint): void {
    if (size === 0n) return;
    const end = offset + size;
    if (end > MEMORY_LIMIT) throw new Failure();
    const words = (end + 31n) / 32n;
    const before = BigInt(this.#memory.length / 32);
    if (words <= before) return;
    const { memoryWord, memoryQuadDivisor } = this.#prices;
    const price = (n: bigint) => n * BigInt(memoryWord) + (n * n) / BigInt(memoryQuadDivisor);
    this.#charge(price(words) - price(before));
    const grown = new Uint8Array(Number(words) * 32);
    grown.set(this.#memory);
    this.#memory = grown;
  }

  #read(offset: bigint, size: bigint): Uint8Array {
    if (size === 0n) return new Uint8Array();
    if (offset + size > BigInt(this.#memory.length))
      throw new Deviation("memory is read that was not touched");
    return this.#memory.slice(Number(offset), Number(offset + size));
  }

  #write(offset: bigint, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (offset + BigInt(bytes.length) > BigInt(this.#memory.length))
      throw new Deviation("memory is written that was not touched");
    this.#memory.set(bytes, Number(offset));
  }

  #enter({ block, args }: Edge, delivered?: bigint): Block {
    const target = this.#function.blocks[block]!;
    const values = args.map((arg) => this.#value(arg));
    if (delivered !== undefined) values.unshift(delivered);
    for (const [i, param] of target.params.entries()) this.#define(param, values[i]!);
    return target;
  }

  #block(block: Block): Block | Evaluation {
    for (const instruction of block.instructions) {
      this.#executed++;
      this.#instruction(block, instruction);
    }
    const { terminator } = block;
    switch (terminator.kind) {
      case "jump":
        return this.#enter(terminator.edge);
      case "branch":
        return this.#enter(this.#value(terminator.condition) !== 0n ? terminator.then : terminator.else);
      case "switch": {
        const value = this.#value(terminator.value);
        const found = terminator.cases.find((entry) => entry.value === value);
        return this.#enter(found?.edge ?? terminator.default);
      }
      case "boundary": {
        const { after } = this.#cross(terminator.pc, terminator.stack);
        this.#memory = new Uint8Array(after.memory!);
        this.#returnData = after.returnData;
        const hasResult = terminator.op !== "extcodecopy";
        return this.#enter(terminator.next, hasResult ? after.stack.at(-1)! : undefined);
      }
      case "return":
      case "revert": {
        const output = this.#read(this.#value(terminator.offset), this.#value(terminator.size));
        return this.#end(terminator.kind === "return" ? "success" : "revert", output);
      }
      case "stop":
        return this.#end("success", new Uint8Array());
      case "fail":
        throw new Failure();
      case "transfer":
        this.#leave(terminator.stack);
        return this.#function.blocks[terminator.to]!;
      case "dispatch": {
        const target = this.#value(terminator.stack.at(-1)!);
        const landing = this.#function.blocks.find(
          ({ pc, resume }) => resume?.landing === true && BigInt(pc) === target,
        );
        if (landing === undefined) {
          this.#compare(terminator.pc, terminator.stack);
          return this.#end("exit", new Uint8Array());
        }
        this.#charge(BigInt(terminator.gas));
        this.#leave(terminator.stack.slice(0, -1));
        return landing;
      }
      case "selfdestruct":
      case "exit":
        this.#compare(terminator.pc, terminator.stack);
        return this.#end("exit", new Uint8Array());
    }
  }

  /** Writes the window to the frame. */
  #leave(stack: readonly ValueId[]): void {
    for (const id of stack) this.#below.push(this.#value(id));
    if (this.#below.length > 1024) throw new Deviation("the operand stack is too high");
  }

  /** The reference's step at `pc`, which must be in the state that `stack` and the machine say. */
  #compare(pc: number, stack: readonly ValueId[]): number {
    // A loop may pass an exit's position before; gas tells which time it is.
    const isHere = (step: Step) =>
      step.pc === pc && (CROSSINGS.has(step.mnemonic) || (this.#isExit(step) && step.gas === this.#gas));
    let at = this.#at;
    while (at < this.#steps.length && !isHere(this.#steps[at]!)) {
      if (CROSSINGS.has(this.#steps[at]!.mnemonic))
        throw new Deviation(`at ${pc}, the reference is at ${this.#steps[at]!.pc}`);
      at++;
    }
    const step = this.#steps[at];
    if (step === undefined) throw new Deviation(`the reference does not come to ${pc}`);
    const ours = [...this.#below, ...stack.map((id) => this.#value(id))];
    const show = (values: readonly bigint[]) => values.map((value) => value.toString(16)).join(" ");
    if (show(ours) !== show(step.stack))
      throw new Deviation(`stack at ${pc}: ${show(ours)}; reference: ${show(step.stack)}`);
    if (this.#gas !== step.gas) throw new Deviation(`gas at ${pc}: ${this.#gas}; reference: ${step.gas}`);
    if (this.#memory.length !== step.memoryBytes)
      throw new Deviation(`memory at ${pc}: ${this.#memory.length}; reference: ${step.memoryBytes}`);
    if (
      step.memory !== undefined &&
      Buffer.compare(this.#memory, step.memory.subarray(0, step.memoryBytes)) !== 0
    )
      throw new Deviation(`contents of memory at ${pc}`);
    return at;
  }

  #isExit(step: Step): boolean {
    const { mnemonic } = step;
    return (
      mnemonic === "JUMP" || mnemonic === "JUMPI" || mnemonic === "JUMPDEST" || mnemonic === "SELFDESTRUCT"
    );
  }

  /** Compares, and takes what follows from the step after; the frame fails if there is none. */
  #cross(pc: number, stack: readonly ValueId[]): { after: Step } {
    const at = this.#compare(pc, stack);
    const after = this.#steps[at + 1] ?? this.#afterLast(this.#steps[at]!);
    this.#at = at + 1;
    this.#crossings++;
    this.#gas = after.gas;
    return { after };
  }

  /** The frame failed in its last step, or ran off the end of the code, which leaves no step for the STOP there. */
  #afterLast(last: Step): Step {
    if (this.#reference.status !== "success") throw new Failure();
    return { ...last, gas: this.#reference.gasLeft, stack: [0n], memory: this.#memory };
  }

  #instruction(block: Block, instruction: Instruction): void {
    const { op, result } = instruction;
    const args = instruction.args.map((arg) => this.#value(arg));
    const { effect } = operationInfo(op);
    let value: bigint | undefined;
    if (effect === "access") {
      const { after } = this.#cross(instruction.pc, block.resume!.stack);
      value = after.stack.at(-1);
    } else if (effect === "pure") value = evaluatePure(op, args);
    else if (effect === "environment") value = this.#environment(op, args);
    else value = this.#effect(instruction, args);
    if (result !== NO_VALUE) this.#define(result, value!);
  }

  #environment(op: Instruction["op"], args: readonly bigint[]): bigint {
    const [a = 0n] = args;
    switch (op) {
      case "address":
        return BigInt(CONTRACT);
      case "origin":
        return BigInt(ORIGIN);
      case "caller":
        return BigInt(CALLER);
      case "calldataload":
        return this.#slice(this.#data, a, 32n, toWord);
      case "calldatasize":
        return BigInt(this.#data.length);
      case "codesize":
        return BigInt(this.#code.length);
      case "gasprice":
        return 11n;
      case "returndatasize":
        return BigInt(this.#returnData.length);
      case "coinbase":
        return BigInt(COINBASE);
      case "timestamp":
        return BLOCK.timestamp;
      case "number":
        return BLOCK.number;
      case "prevrandao":
        return BLOCK.prevRandao;
      case "gaslimit":
        return BLOCK.gasLimit;
      case "chainid":
        return 1n;
      case "basefee":
        return BLOCK.baseFee;
      case "blobbasefee":
        return BLOCK.blobBaseFee;
      default: // callvalue, blobhash
        return 0n;
    }
  }

  #slice<T>(from: Uint8Array, offset: bigint, size: bigint, then: (bytes: Uint8Array) => T): T {
    const bytes = new Uint8Array(Number(size));
    if (offset < BigInt(from.length)) bytes.set(from.subarray(Number(offset), Number(offset + size)));
    return then(bytes);
  }

  #copy(from: Uint8Array, [to, offset, size]: readonly [bigint, bigint, bigint]): void {
    this.#touch(to, size);
    this.#charge(BigInt(this.#prices.copyWord) * ((size + 31n) / 32n));
    this.#slice(from, offset, size, (bytes) => this.#write(to, bytes));
  }

  #effect(
    { op, gas, words, args: ids, height, maxStackGrowth }: Instruction,
    args: readonly bigint[],
  ): bigint | undefined {
    const [a = 0n, b = 0n, c = 0n] = args;
    switch (op) {
      case "section":
        this.#charge(BigInt(gas));
        if (this.#below.length + height! + maxStackGrowth! > 1024) throw new Failure();
        return;
      case "operand": {
        const value = this.#below.pop();
        if (value === undefined) throw new Failure();
        return value;
      }
      case "chargewords":
        this.#charge(BigInt(gas) * ((a + 31n) / 32n));
        return;
      case "touch":
        this.#touch(a, b);
        return;
      case "gas":
        return this.#gas;
      case "exp":
        this.#charge(BigInt(this.#prices.expByte * Math.ceil((b === 0n ? 0 : b.toString(2).length) / 8)));
        return evaluatePure("exp", args);
      case "mload":
        return toWord(this.#read(a, 32n));
      case "mstore":
        this.#write(a, fromWord(b));
        return;
      case "mstore8":
        this.#write(a, Uint8Array.of(Number(b & 0xffn)));
        return;
      case "msize":
        return BigInt(this.#memory.length);
      case "calldatacopy":
        this.#copy(this.#data, [a, b, c]);
        return;
      case "codecopy":
        this.#copy(this.#code, [a, b, c]);
        return;
      case "returndatacopy":
        if (b + c > BigInt(this.#returnData.length)) throw new Failure();
        this.#copy(this.#returnData, [a, b, c]);
        return;
      case "mcopy": {
        this.#touch(a, c);
        this.#touch(b, c);
        this.#charge(BigInt(this.#prices.copyWord) * ((c + 31n) / 32n));
        this.#write(a, this.#read(b, c));
        return;
      }
      case "keccak": {
        const bytes = this.#read(a, b);
        const known = words?.map((id) => fromWord(this.#value(id)));
        if (known !== undefined && Buffer.compare(Buffer.concat(known), bytes) !== 0)
          throw new Deviation("the words of a keccak are not what memory holds");
        return toWord(keccak256(bytes));
      }
      case "tload":
        return this.#transient.get(a) ?? 0n;
      case "tstore":
        this.#transient.set(a, b);
        return;
      case "log": {
        this.#touch(a, b);
        this.#charge(b * BigInt(this.#prices.logByte) + BigInt(this.#prices.logTopic * (ids.length - 2)));
        this.#logs.push({ data: this.#read(a, b), topics: args.slice(2) });
        return;
      }
      default:
        throw new Deviation(`${op} is not implemented`);
    }
  }
}

/** Throws `Deviation` when `fn` does not do what the reference did. */
export function compareRuns(
  fn: IrFunction,
  run: { readonly code: Uint8Array; readonly data: Uint8Array; readonly gas: bigint },
  reference: ReferenceRun,
): Evaluation {
  const ours = new Evaluator(fn, run.code, run.data, run.gas, reference).run();
  if (ours.status === "exit") return ours;
  if (ours.status !== reference.status) throw new Deviation(`${ours.status}; reference: ${reference.status}`);
  const expectedGas = reference.status === "failure" ? 0n : reference.gasLeft;
  if (ours.gasLeft !== expectedGas)
    throw new Deviation(`gas left ${ours.gasLeft}; reference: ${expectedGas}`);
  const output = reference.status === "failure" ? new Uint8Array() : reference.output;
  if (Buffer.compare(ours.output, output) !== 0) throw new Deviation("output");
  compareCrossings(ours, reference);
  compareLogs(ours, reference);
  return ours;
}

function compareCrossings(ours: Evaluation, { steps, status }: ReferenceRun): void {
  const done = steps.filter(
    (step, i) => CROSSINGS.has(step.mnemonic) && (status === "success" || i + 1 < steps.length),
  );
  if (ours.crossings !== done.length)
    throw new Deviation(
      `${ours.crossings} accesses and calls; reference, which ends in ${status}: ${done.length}`,
    );
}

function compareLogs(ours: Evaluation, { steps, status }: ReferenceRun): void {
  if (status === "failure") return;
  const logs = steps.filter(({ mnemonic }) => mnemonic.startsWith("LOG"));
  if (logs.length !== ours.logs.length)
    throw new Deviation(`${ours.logs.length} logs; reference: ${logs.length}`);
  for (const [i, { stack, memory }] of logs.entries()) {
    const [offset, size] = [Number(stack.at(-1)), Number(stack.at(-2))];
    const topics = stack.slice(0, -2).reverse().slice(0, ours.logs[i]!.topics.length);
    const data = new Uint8Array(size);
    data.set(memory!.subarray(offset, offset + size));
    if (topics.join() !== ours.logs[i]!.topics.join() || Buffer.compare(data, ours.logs[i]!.data) !== 0)
      throw new Deviation(`log ${i}`);
  }
}
