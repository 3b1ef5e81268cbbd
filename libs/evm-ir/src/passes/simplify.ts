/**
 * Simplifies instructions in dominance order: folding, identities, common subexpressions, words of memory that are known,
 * touches that are covered, prices that are constant, words under a keccak, branches. What is known at the end of a block
 * holds at the beginning of one that it alone leads to.
 */
import type { Construction } from "../construct.ts";
import { reversePostorder } from "../dominance.ts";
import {
  type Block,
  type Edge,
  edgesOf,
  type Instruction,
  type IrFunction,
  NO_VALUE,
  type ValueId,
} from "../ir.ts";
import { type Operation, operationInfo } from "../operations.ts";
import { bitLength, evaluatePure } from "../semantics.ts";
import { type Context, simplify } from "./algebra.ts";
import { resultBits } from "./bits.ts";
import { type Address, MemoryFacts } from "./memory-facts.ts";
import { deliveredBy } from "./prune.ts";
import { Replacements } from "./replacements.ts";
import { MAX_TOUCHED, touchedEnd, touchedOnEntry } from "./touched.ts";

/** Steps of rewriting one instruction; rules make things simpler, so this is never reached. */
const MAX_STEPS = 16;
/** Blocks that a search for an equal expression goes back through. */
const MAX_SCOPES = 24;
const ANY_SIZE = 1n << 255n;

/** Expressions by text, with those of the block before. */
interface Scope {
  readonly known: Map<string, ValueId>;
  readonly outer: Scope | undefined;
  readonly depth: number;
}

/** Where from a base value memory has been touched without a gap. */
interface Range {
  readonly low: bigint;
  readonly high: bigint;
}

interface Facts {
  readonly scope: Scope;
  readonly memory: MemoryFacts;
  readonly ranges: Map<ValueId, Range>;
}

const newScope = (outer?: Scope): Scope => ({
  known: new Map(),
  outer: outer !== undefined && outer.depth < MAX_SCOPES ? outer : undefined,
  depth: outer === undefined || outer.depth >= MAX_SCOPES ? 0 : outer.depth + 1,
});

function lookup(scope: Scope, key: string): ValueId | undefined {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const found = at.known.get(key);
    if (found !== undefined) return found;
  }
  return undefined;
}

class Simplifier {
  readonly #ir: Construction;
  readonly #function: IrFunction;
  readonly #replacements: Replacements;
  readonly #definitions = new Map<ValueId, Instruction>();
  readonly #context: Context;
  readonly #constantOf: (id: ValueId) => bigint | undefined;
  readonly #bitsOf: (id: ValueId) => number;
  readonly #ends: (Facts | undefined)[];
  readonly #entries: Int32Array;
  // The block at hand.
  #block!: Block;
  #out: Instruction[] = [];
  #scope: Scope = newScope();
  #memory = new MemoryFacts();
  #ranges = new Map<ValueId, Range>();
  #touched = 0;
  #section: Instruction | undefined;

  constructor(ir: Construction, fn: IrFunction) {
    this.#ir = ir;
    this.#function = fn;
    this.#replacements = new Replacements(fn.values.length);
    this.#context = { ir, definition: (id) => this.#definitions.get(id) };
    this.#constantOf = (id) => ir.constantOf(id);
    this.#bitsOf = (id) => ir.values[id]!.bits;
    this.#ends = fn.blocks.map(() => undefined);
    this.#entries = new Int32Array(fn.blocks.length);
    for (const { terminator } of fn.blocks)
      for (const { block } of edgesOf(terminator)) this.#entries[block]!++;
    for (const { instructions } of fn.blocks)
      for (const instruction of instructions)
        if (instruction.result !== NO_VALUE && operationInfo(instruction.op).effect === "pure")
          this.#definitions.set(instruction.result, instruction);
  }

  run(): void {
    const order = reversePostorder(this.#function);
    const touched = touchedOnEntry(this.#function, order, this.#constantOf, () => this.#ir.checkTime());
    for (const id of order) {
      this.#ir.tick();
      this.#touched = Number.isFinite(touched[id]!) ? touched[id]! : 0;
      this.#simplifyBlock(this.#function.blocks[id]!);
    }
    this.#replacements.apply(this.#function.blocks);
  }

  #simplifyBlock(block: Block): void {
    this.#block = block;
    this.#out = [];
    this.#section = undefined;
    const facts = this.#ends[block.id];
    this.#ends[block.id] = undefined;
    this.#scope = newScope(facts?.scope);
    this.#memory = facts?.memory ?? new MemoryFacts();
    this.#ranges = facts?.ranges ?? new Map();
    for (const instruction of block.instructions) this.#instruction(instruction);
    this.#terminator(block);
    block.instructions = this.#out;
    this.#passOn(block);
  }

  /** Hands what is known here to blocks that only this one leads to. */
  #passOn({ terminator }: Block): void {
    if (terminator.kind === "boundary") this.#forgetOutput(terminator);
    const shift = deliveredBy(terminator);
    for (const edge of edgesOf(terminator)) {
      if (this.#entries[edge.block] !== 1) continue;
      const target = this.#function.blocks[edge.block]!;
      this.#ends[edge.block] =
        target.resume === undefined ? this.#copyFacts() : this.#renamedFacts(target, edge, shift);
    }
  }

  #copyFacts(): Facts {
    return { scope: this.#scope, memory: this.#memory.copy(), ranges: new Map(this.#ranges) };
  }

  /** A resume block knows values only as its parameters. */
  #renamedFacts({ params }: Block, { args }: Edge, shift: number): Facts {
    const names = new Map<ValueId, ValueId>();
    for (const [i, arg] of args.entries()) names.set(this.#replacements.get(arg), params[i + shift]!);
    const rename = (id: ValueId) => (this.#ir.isGlobal(id) ? id : names.get(id));
    const ranges = new Map<ValueId, Range>();
    for (const [base, range] of this.#ranges) {
      const renamed = rename(base);
      if (renamed !== undefined) ranges.set(renamed, range);
    }
    return { scope: newScope(), memory: this.#memory.renamed(rename), ranges };
  }

  /** Calls write where they are told to; EXTCODECOPY too. */
  #forgetOutput({ op, stack }: Extract<Block["terminator"], { kind: "boundary" }>): void {
    const operand = (depth: number) => stack[stack.length - 1 - depth]!;
    if (op === "create" || op === "create2") return;
    if (op === "extcodecopy") this.#overwrite(operand(1), operand(3));
    else {
      const first = op === "call" || op === "callcode" ? 5 : 4;
      this.#overwrite(operand(first), operand(first + 1));
    }
  }

  #keep(instruction: Instruction): void {
    this.#out.push(instruction);
  }

  #replace(result: ValueId, value: ValueId): void {
    this.#replacements.set(result, value);
  }

  #instruction(instruction: Instruction): void {
    this.#replacements.list(instruction.args);
    const { op } = instruction;
    switch (operationInfo(op).effect) {
      case "pure":
        this.#pure(instruction);
        break;
      case "environment":
        this.#environment(instruction);
        break;
      case "gas":
        this.#gas(instruction);
        break;
      case "memoryread":
        this.#read(instruction);
        break;
      case "memorywrite":
        this.#write(instruction);
        break;
      default:
        this.#keep(instruction);
    }
  }

  /** Records `instruction` under `key`, or lets an equal one stand for it. */
  #shared(instruction: Instruction, key: string): void {
    const equal = lookup(this.#scope, key);
    if (equal !== undefined) return this.#replace(instruction.result, equal);
    this.#scope.known.set(key, instruction.result);
    this.#keep(instruction);
  }

  #pure(instruction: Instruction): void {
    let { op, args } = instruction;
    for (let step = 0; step < MAX_STEPS; step++) {
      const simpler = simplify(this.#context, op, args);
      if (simpler === undefined) break;
      if (typeof simpler === "number")
        return this.#replace(instruction.result, this.#replacements.get(simpler));
      op = simpler.op;
      args = simpler.args.map((arg) => this.#replacements.get(arg));
    }
    if (operationInfo(op).commutative) args = args.toSorted((a, b) => a - b);
    const kept: Instruction = { ...instruction, op, args };
    const value = this.#ir.values[instruction.result]!;
    if (value.kind === "result")
      value.bits = Math.min(value.bits, resultBits(op, args, this.#bitsOf, this.#constantOf));
    if (value.bits === 0) return this.#replace(instruction.result, this.#ir.constant(0n));
    this.#definitions.set(kept.result, kept);
    this.#shared(kept, `${op} ${args.join()}`);
  }

  #environment(instruction: Instruction): void {
    this.#shared(instruction, `${instruction.op} ${instruction.args.join()}`);
  }

  /** Adds a constant price to the section that is open; false if there is none. */
  #prepay(gas: bigint): boolean {
    if (this.#section === undefined || gas > MAX_TOUCHED) return false;
    this.#section.gas += Number(gas);
    return true;
  }

  #gas(instruction: Instruction): void {
    const { op, args } = instruction;
    if (op === "section") this.#section = instruction;
    else if (op === "gas") this.#section = undefined;
    else if (op === "touch") return this.#touch(instruction);
    else if (op === "exp") return this.#power(instruction);
    else if (op === "chargewords") {
      const size = this.#constantOf(args[0]!);
      if (size !== undefined && this.#prepay(BigInt(instruction.gas) * ((size + 31n) / 32n))) return;
    }
    this.#keep(instruction);
  }

  #touch(instruction: Instruction): void {
    const [offset, size] = instruction.args as [ValueId, ValueId];
    const bytes = this.#constantOf(size);
    if (bytes === 0n) return;
    const end = touchedEnd(instruction, this.#constantOf);
    if (end > 0) {
      if (end <= this.#touched) return;
      this.#touched = end;
    } else if (bytes !== undefined && bytes < MAX_TOUCHED && this.#isCovered(this.#address(offset), bytes))
      return;
    this.#keep(instruction);
  }

  /** True when memory around a base has been touched from below to above; else it will have been, from here on. */
  #isCovered({ base, offset }: Address, size: bigint): boolean {
    if (base === NO_VALUE) return false;
    const low = BigInt.asIntN(256, offset);
    const high = low + size;
    const range = this.#ranges.get(base);
    if (range !== undefined && range.low <= low && high <= range.high) return true;
    this.#ranges.set(base, {
      low: range === undefined || low < range.low ? low : range.low,
      high: range === undefined || high > range.high ? high : range.high,
    });
    return false;
  }

  /** Powers by constants; what remains pays for its exponent when it runs. */
  #power(instruction: Instruction): void {
    const [base, exponent] = instruction.args as [ValueId, ValueId];
    const power = this.#constantOf(exponent);
    const constant = this.#constantOf(base);
    const isSimple = power !== undefined && (constant !== undefined || power <= 2n);
    if (!isSimple || !this.#prepay(BigInt(instruction.gas * Math.ceil(bitLength(power) / 8))))
      return this.#keep(instruction);
    if (constant !== undefined)
      return this.#replace(instruction.result, this.#ir.constant(evaluatePure("exp", [constant, power])!));
    if (power === 0n) return this.#replace(instruction.result, this.#ir.constant(1n));
    if (power === 1n) return this.#replace(instruction.result, base);
    this.#pure({ ...instruction, op: "mul", args: [base, base], gas: 0 });
  }

  /** Splits an address into a base and a constant. */
  #address(id: ValueId): Address {
    const constant = this.#constantOf(id);
    if (constant !== undefined) return { base: NO_VALUE, offset: constant };
    const definition = this.#definitions.get(id);
    if (definition?.op !== "add" && definition?.op !== "sub") return { base: id, offset: 0n };
    const [a, b] = definition.args.map((arg) => this.#replacements.get(arg)) as [ValueId, ValueId];
    const right = this.#constantOf(b);
    if (right !== undefined)
      return { base: a, offset: definition.op === "add" ? right : BigInt.asUintN(256, -right) };
    const left = this.#constantOf(a);
    return left !== undefined && definition.op === "add"
      ? { base: b, offset: left }
      : { base: id, offset: 0n };
  }

  #overwrite(offset: ValueId, size: ValueId): void {
    this.#memory.overwrite(this.#address(this.#replacements.get(offset)), this.#constantOf(size) ?? ANY_SIZE);
  }

  #read(instruction: Instruction): void {
    const { op, args, result } = instruction;
    if (op === "mload") {
      const address = this.#address(args[0]!);
      const known = this.#memory.word(address);
      if (known !== undefined) return this.#replace(result, known);
      this.#memory.learn(address, result);
    } else if (op === "keccak") {
      const size = this.#constantOf(args[1]!);
      const words = size === undefined ? undefined : this.#memory.words(this.#address(args[0]!), size);
      if (words !== undefined) {
        instruction.words = words;
        return this.#shared(instruction, `keccak ${words.join()}`);
      }
    }
    this.#keep(instruction);
  }

  #write(instruction: Instruction): void {
    const { op, args } = instruction;
    if (op === "mstore") {
      const address = this.#address(args[0]!);
      // Memory holds it already.
      if (this.#memory.word(address) === args[1]) return;
      this.#memory.overwrite(address, 32n);
      this.#memory.learn(address, args[1]!);
    } else if (op === "mstore8") this.#memory.overwrite(this.#address(args[0]!), 1n);
    else this.#overwrite(args[0]!, args[2]!);
    this.#keep(instruction);
  }

  #terminator(block: Block): void {
    this.#replacements.terminator(block.terminator);
    const { terminator } = block;
    if (terminator.kind === "branch") this.#branch(block, terminator);
    else if (terminator.kind === "switch") {
      const value = this.#constantOf(terminator.value);
      if (value === undefined) return;
      const found = terminator.cases.find((entry) => entry.value === value);
      this.#jump(block, found?.edge ?? terminator.default, [
        ...terminator.cases.map(({ edge }) => edge),
        terminator.default,
      ]);
    }
  }

  /** Makes the end a jump over `edge`; the others of `edges` are gone. */
  #jump(block: Block, edge: Edge, edges: readonly Edge[]): void {
    for (const other of edges) if (other !== edge) this.#entries[other.block]!--;
    block.terminator = { kind: "jump", edge, pc: block.terminator.pc };
  }

  #branch(block: Block, branch: Extract<Block["terminator"], { kind: "branch" }>): void {
    for (let step = 0; step < MAX_STEPS; step++) {
      const constant = this.#constantOf(branch.condition);
      if (constant !== undefined)
        return this.#jump(block, constant === 0n ? branch.else : branch.then, [branch.then, branch.else]);
      const definition = this.#definitions.get(branch.condition);
      if (definition === undefined) return;
      const [a, b] = definition.args.map((arg) => this.#replacements.get(arg)) as [ValueId, ValueId];
      if (definition.op === "iszero") {
        branch.condition = a;
        this.#swap(branch);
      } else if (definition.op === "sub" || definition.op === "xor") {
        branch.condition = this.#compare(definition, "eq", [a, b]);
        this.#swap(branch);
      } else if (definition.op === "gt" && this.#constantOf(b) === 0n) branch.condition = a;
      else if (definition.op === "lt" && this.#constantOf(a) === 0n) branch.condition = b;
      else return;
    }
  }

  #swap(branch: Extract<Block["terminator"], { kind: "branch" }>): void {
    const edges = [branch.then, branch.else] as const;
    [branch.else, branch.then] = edges;
  }

  /** The result of `op`, which is added to the block unless it is there. */
  #compare(like: Instruction, op: Operation, args: ValueId[]): ValueId {
    const holder: Block = { ...this.#block, instructions: [] };
    const result = this.#ir.emit(holder, op, like.pc, args);
    this.#pure(holder.instructions[0]!);
    return this.#replacements.get(result);
  }
}

export function simplifyFunction(ir: Construction, fn: IrFunction): void {
  new Simplifier(ir, fn).run();
}
