/**
 * Random programs. Most do what they look like: operands are there, jumps land, calls reach somebody. The rest is noise:
 * stack underflows, jumps into data, undefined opcodes, truncated pushes.
 */
import type { Opcode, OpcodeTable } from "@velarium/evm-opcodes";
import { Assembler, Op } from "./assembler.ts";
import type { Random } from "./random.ts";

/** What a program may know of the world around it. */
export interface Surroundings {
  readonly table: OpcodeTable;
  /** Accounts, precompiles and addresses where nobody is. */
  readonly addresses: readonly bigint[];
  /** Storage keys that are worth using again. */
  readonly keys: readonly bigint[];
}

/** Nesting of initcode within code. */
const MAX_NESTING = 2;
/** Opcodes that move control or end; they are placed on purpose only. */
const CONTROL: ReadonlySet<string> = new Set(["jump", "halt", "call", "create"]);
/** Turns of a generated loop. */
const MAX_TURNS = 40;

class ProgramWriter {
  private readonly out = new Assembler();
  private readonly random: Random;
  private readonly around: Surroundings;
  private readonly nesting: number;
  private readonly plain: readonly Opcode[];
  /** Entries that are certainly on the stack. */
  private depth = 0;

  constructor(random: Random, around: Surroundings, nesting: number) {
    this.random = random;
    this.around = around;
    this.nesting = nesting;
    this.plain = around.table.opcodes.filter(({ kind }) => !CONTROL.has(kind));
  }

  write(steps: number): Uint8Array {
    for (let i = 0; i < steps; i++) this.step();
    this.end();
    return this.out.finish();
  }

  private push(value: bigint | number): void {
    this.out.push(value);
    this.depth++;
  }

  private op(code: number, inputs: number, outputs: number): void {
    this.out.op(code);
    this.depth = Math.max(0, this.depth - inputs) + outputs;
  }

  private memoryOffset(): bigint {
    const { random } = this;
    if (random.chance(2)) return random.word();
    return BigInt(random.chance(80) ? 32 * random.below(8) : random.below(600));
  }

  private memorySize(): bigint {
    const { random } = this;
    if (random.chance(2)) return random.word();
    return BigInt(random.pick([0, 1, 4, 31, 32, 33, 64, 100, 128, random.below(400)]));
  }

  /** An operand of the opcode, of the kind that this place wants. */
  private operand(opcode: Opcode, index: number): bigint {
    const { random, around } = this;
    if (random.chance(4)) return random.word();
    for (const { access: _access, offset, size } of opcode.memory) {
      if (offset === index) return this.memoryOffset();
      if ("operand" in size && size.operand === index) return this.memorySize();
    }
    switch (opcode.kind) {
      case "account":
        return index === 0 ? random.pick(around.addresses) : this.memoryOffset();
      case "storage":
      case "transient":
        return index === 0 ? random.pick(around.keys) : random.chance(40) ? 0n : random.word();
      case "blockHash":
        return BigInt(random.below(300));
      case "memory":
        return this.memoryOffset();
      default:
        return random.word();
    }
  }

  /** One opcode with its operands, which are made, or taken from the stack as it is. */
  private plainStep(): void {
    const { random } = this;
    const opcode = random.pick(this.plain);
    const { code, inputs, outputs, immediateBytes } = opcode;
    if (immediateBytes > 0) {
      const wide = BigInt(`0x${Buffer.from(random.bytes(immediateBytes)).toString("hex")}`);
      this.out.push(
        random.chance(30) ? wide : random.word() % (1n << BigInt(8 * immediateBytes)),
        immediateBytes,
      );
      this.depth++;
      return;
    }
    const touches = opcode.memory.length > 0 || opcode.state.length > 0;
    const fromStack = !touches && this.depth >= inputs && random.chance(60);
    if (!fromStack && !random.chance(3))
      for (let i = inputs - 1; i >= 0; i--) this.push(this.operand(opcode, i));
    this.op(code, inputs, outputs);
    // What was found out is kept where a difference shows: in memory that is returned, or in storage.
    if (outputs === 1 && inputs > 0 && random.chance(25)) this.keep();
  }

  private keep(): void {
    const { random, around } = this;
    if (random.chance(60)) {
      this.push(32 * random.below(8));
      this.op(Op.MSTORE, 2, 0);
    } else {
      this.push(random.pick(around.keys));
      this.op(Op.SSTORE, 2, 0);
    }
  }

  private gasOfCall(): void {
    const { random } = this;
    if (random.chance(50)) this.op(Op.GAS, 0, 1);
    else this.push(random.chance(20) ? random.word() : BigInt(random.below(60_000)));
  }

  private callStep(): void {
    const { random, around } = this;
    const opcode = random.pick(around.table.opcodes.filter(({ kind }) => kind === "call"));
    this.push(this.memorySize());
    this.push(this.memoryOffset());
    this.push(this.memorySize());
    this.push(this.memoryOffset());
    if (opcode.inputs === 7)
      this.push(random.chance(60) ? 0n : random.chance(80) ? BigInt(random.below(5)) : random.word());
    this.push(random.pick(around.addresses));
    this.gasOfCall();
    this.op(opcode.code, opcode.inputs, 1);
    if (random.chance(50)) this.keep();
    if (random.chance(30) && around.table.byMnemonic("RETURNDATASIZE") !== undefined) {
      this.op(0x3d, 0, 1);
      if (random.chance(50)) {
        // All return data into memory.
        this.push(0);
        this.push(this.memoryOffset());
        this.op(0x3e, 3, 0);
      }
    }
  }

  /** Writes initcode, or code that initcode returns, to memory and creates an account from it. */
  private createStep(): void {
    const { random, around } = this;
    const create2 = around.table.opcode(Op.CREATE2) !== undefined && random.chance(50);
    const code =
      this.nesting >= MAX_NESTING ? Uint8Array.of(Op.STOP) : initcode(random, around, this.nesting + 1);
    const size = Math.min(code.length, 480);
    for (let at = 0; at < size; at += 32) {
      const word = new Uint8Array(32);
      word.set(code.subarray(at, Math.min(size, at + 32)));
      this.out
        .push(BigInt(`0x${Buffer.from(word).toString("hex")}`), 32)
        .push(at)
        .op(Op.MSTORE);
    }
    if (create2) this.push(BigInt(random.below(3)));
    this.push(random.chance(90) ? size : this.memorySize());
    this.push(0);
    this.push(random.chance(70) ? 0n : BigInt(random.below(4)));
    this.op(create2 ? Op.CREATE2 : Op.CREATE, create2 ? 4 : 3, 1);
    if (random.chance(40)) this.keep();
    else if (random.chance(50)) {
      // Call what was created: its address is on the stack, under five zeros after this.
      this.out.op(Op.DUP1);
      const address = 0x80 + 5;
      for (let i = 0; i < 5; i++) this.out.push(0);
      this.out.op(address, Op.GAS, Op.CALL, Op.POP, Op.POP);
    }
  }

  private branchStep(): void {
    const { random, out } = this;
    const label = out.newLabel();
    if (this.depth === 0 || random.chance(50)) this.push(random.chance(50) ? 0n : random.word());
    out.pushLabel(label).op(Op.JUMPI);
    this.depth = Math.max(0, this.depth - 1);
    const before = this.depth;
    for (let i = random.below(4); i > 0; i--) this.plainStep();
    out.place(label);
    this.depth = Math.min(before, this.depth);
  }

  private loopStep(): void {
    const { random, out } = this;
    const label = out.newLabel();
    this.push(random.between(1, MAX_TURNS));
    out.place(label);
    // The body must leave the counter on top; its own values are dropped.
    const before = this.depth;
    for (let i = random.between(1, 3); i > 0; i--) this.plainStep();
    while (this.depth > before) this.op(Op.POP, 1, 0);
    if (this.depth < before) return;
    out.push(1).op(Op.SWAP1, Op.SUB, Op.DUP1).pushLabel(label).op(Op.JUMPI, Op.POP);
    this.depth--;
  }

  private noiseStep(): void {
    const { random, out } = this;
    switch (random.below(5)) {
      case 0:
        out.op(random.below(256));
        break;
      case 1:
        out.push(random.below(out.size + 8)).op(Op.JUMP);
        break;
      case 2:
        out.raw(random.bytes(random.between(1, 6)));
        break;
      case 3:
        out.op(0x80 + random.below(32));
        break;
      default:
        out
          .push(random.word())
          .push(random.word())
          .op(random.pick([Op.JUMPI, Op.MSTORE, Op.RETURN, Op.REVERT]));
    }
    this.depth = 0;
  }

  private step(): void {
    const roll = this.random.below(100);
    if (roll < 72) this.plainStep();
    else if (roll < 83) this.callStep();
    else if (roll < 87) this.createStep();
    else if (roll < 93) this.branchStep();
    else if (roll < 98) this.loopStep();
    else this.noiseStep();
  }

  private end(): void {
    const { random, out, around } = this;
    const roll = random.below(100);
    if (roll < 55)
      out
        .push(random.pick([0, 32, 64, 256]))
        .push(0)
        .op(Op.RETURN);
    else if (roll < 70)
      out
        .push(random.pick([0, 32, 100]))
        .push(0)
        .op(Op.REVERT);
    else if (roll < 78) out.push(random.pick(around.addresses)).op(Op.SELFDESTRUCT);
    else if (roll < 84) out.op(0x60 + random.below(32));
    else if (roll < 90) out.op(0xfe);
    else out.op(Op.STOP);
  }
}

/** Runtime code. */
export function randomProgram(random: Random, around: Surroundings, nesting = 0): Uint8Array {
  if (random.chance(3)) return random.bytes(random.between(1, 120));
  return new ProgramWriter(random, around, nesting).write(random.between(1, nesting > 0 ? 5 : 24));
}

/** Initcode: some program of its own, or one that deploys a program. */
export function initcode(random: Random, around: Surroundings, nesting = 0): Uint8Array {
  if (random.chance(30)) return randomProgram(random, around, nesting);
  const runtime = random.chance(5)
    ? Uint8Array.of(0xef, ...random.bytes(3))
    : randomProgram(random, around, nesting + 1);
  const out = new Assembler();
  if (random.chance(40)) out.push(random.word()).push(random.pick(around.keys)).op(Op.SSTORE);
  const label = out.newLabel();
  // CODECOPY of what follows the label's JUMPDEST.
  out.push(runtime.length, 2).pushLabel(label).push(1).op(0x01).push(0).op(0x39);
  out.push(runtime.length, 2).push(0).op(Op.RETURN).place(label);
  return out.raw(runtime).finish();
}
