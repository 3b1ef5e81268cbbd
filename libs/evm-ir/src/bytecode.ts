/**
 * The front end for EVM bytecode: follows code from its beginning, cloning each jump destination per context (stack
 * height, and jump targets that lie on the stack as pushed constants), so that returns from internal functions have one
 * target each. A position that has had enough contexts is shared by further ones that agree in the topmost target only; a
 * jump to a target that is not known there chooses among those that flow in. Work is a list, not recursion.
 */
import type { Fork } from "@velarium/chain-rules";
import type { Opcode, OpcodeTable } from "@velarium/evm-opcodes";
import { jumpDestinations, pushed, templateOf } from "./code.ts";
import type { Construction } from "./construct.ts";
import { sharedFunctions } from "./internal-functions.ts";
import {
  type Block,
  BOUNDARY_INPUTS,
  type BoundaryOperation,
  boundaryHasResult,
  type Edge,
  type ExitReason,
  type FailReason,
  type Instruction,
  type IrFunction,
  NO_VALUE,
  type SwitchCase,
  type ValueId,
} from "./ir.ts";
import type { Operation } from "./operations.ts";
import { bitLength, evaluatePure } from "./semantics.ts";
import { TargetFlow } from "./target-flow.ts";

const STACK_LIMIT = 1024;
/** Bits that the position of a destination may have. */
const TARGET_BITS = 0xffffffn;
const JUMP = 0x56;
const JUMPI = 0x57;
const JUMPDEST = 0x5b;

/** Opcodes whose instruction is the operation of the same meaning, over their operands. */
const DIRECT: Readonly<Record<string, Operation>> = {
  SELFBALANCE: "selfbalance",
  DIFFICULTY: "prevrandao",
  KECCAK256: "keccak",
};

const BOUNDARIES = new Set(Object.keys(BOUNDARY_INPUTS));

/**
 * An operand on the abstract stack: a value, doubled, plus 1 when it was pushed as it is. Only pushed constants tell
 * contexts apart, so that a counter that happens to pass a jump destination does not multiply them.
 */
type Entry = number;
const entryOf = (value: ValueId, isPushed = false): Entry => value * 2 + (isPushed ? 1 : 0);
const valueIn = (entry: Entry): ValueId => entry >> 1;

interface Pending {
  readonly block: Block;
  readonly pc: number;
  readonly stack: Entry[];
}

interface OpenSection {
  readonly instruction: Instruction;
  /** What is now in the window of the operands that were on the stack when the section began. */
  height: number;
}

/** A jump to a parameter, whose targets are found as edges are. */
interface JumpSite {
  readonly block: Block;
  readonly pc: number;
  readonly opcode: Opcode;
  readonly value: ValueId;
  /** The parameter that it is, perhaps behind a mask that leaves destinations what they are. */
  readonly source: ValueId;
  /** With the target on top. */
  readonly stack: readonly Entry[];
  readonly cases: SwitchCase[];
  /** Constants flow in that are no destinations: jumping to one fails. */
  misses: boolean;
}

export interface ContextLimits {
  /** Contexts in which a position is built apart. */
  readonly maxContexts: number;
  /** Contexts in which it is shared beyond that; then it becomes an exit, or a landing. */
  readonly maxShared: number;
  /** There are landings, and internal functions of more instructions are shared there. */
  readonly maxClone?: number;
}

export interface Translation {
  readonly function: IrFunction;
  readonly variants: number;
  readonly positions: number;
  readonly landings: number;
  readonly unknownJumps: number;
  readonly guardedJumps: number;
  readonly droppedVariants: number;
}

export class BytecodeFrontEnd {
  readonly #code: Uint8Array;
  readonly #table: OpcodeTable;
  readonly #ir: Construction;
  readonly #limits: ContextLimits;
  readonly #destinations: Uint8Array;
  readonly #immediates: readonly bigint[];
  readonly #immediateAt: ReadonlyMap<number, number>;
  readonly #variants = new Map<string, Block>();
  readonly #contextCount = new Map<number, number>();
  readonly #sharedCount = new Map<number, number>();
  /** By position; undefined when there are none. */
  readonly #landings: Map<number, Block> | undefined;
  /** Entries of functions that are not cloned. */
  readonly #shared: ReadonlySet<number>;
  readonly #flow: TargetFlow<JumpSite>;
  readonly #sites: JumpSite[] = [];
  readonly #work: Pending[] = [];
  #workDone = 0;
  readonly #masked = new Map<ValueId, ValueId>();
  #unknownJumps = 0;
  #guardedJumps = 0;
  #dropped = 0;
  // The block being translated.
  #block!: Block;
  #stack: Entry[] = [];
  #section: OpenSection | undefined;

  constructor(
    code: Uint8Array,
    table: OpcodeTable,
    ir: Construction,
    options: ContextLimits & { readonly template: boolean },
  ) {
    this.#code = code;
    this.#table = table;
    this.#ir = ir;
    this.#limits = options;
    this.#flow = new TargetFlow(ir);
    this.#destinations = jumpDestinations(code);
    const { maxClone } = options;
    this.#landings = maxClone === undefined ? undefined : new Map();
    this.#shared = maxClone === undefined ? new Set() : sharedFunctions(code, this.#destinations, maxClone);
    const template = options.template ? templateOf(code, this.#destinations) : undefined;
    this.#immediates = template?.immediates ?? [];
    this.#immediateAt = new Map(template?.positions.map((pc, index) => [pc, index]));
  }

  translate(fork: Fork): Translation {
    this.#work.push({ block: this.#ir.block(0, 0), pc: 0, stack: [] });
    do this.#translateWork();
    while (this.#addCase());
    for (const site of this.#sites) this.#closeSite(site);
    return {
      function: {
        fork,
        codeSize: this.#code.length,
        immediates: this.#immediates,
        values: this.#ir.values,
        blocks: this.#ir.blocks,
      },
      variants: this.#variants.size,
      positions: this.#contextCount.size,
      landings: this.#landings?.size ?? 0,
      unknownJumps: this.#unknownJumps,
      guardedJumps: this.#guardedJumps,
      droppedVariants: this.#dropped,
    };
  }

  #translateWork(): void {
    // In order of discovery, so that what is near the entry has its contexts before deep recursion takes them.
    for (; this.#workDone < this.#work.length; this.#workDone++) {
      const next = this.#work[this.#workDone]!;
      this.#block = next.block;
      this.#stack = next.stack;
      this.#section = undefined;
      this.#follow(next.pc);
    }
  }

  /** Translates from `start` to the end of the block, going on in resume blocks as they come. */
  #follow(start: number): void {
    const first = this.#block;
    let pc = start;
    for (;;) {
      this.#ir.tick();
      if (pc >= this.#code.length) return this.#end({ kind: "stop", pc });
      const code = this.#code[pc]!;
      const opcode = this.#table.opcode(code);
      if (opcode === undefined) return this.#fail("undefined", pc);
      if (this.#block.floating) this.#takeOperands(opcode.inputs, pc);
      const height = this.#stack.length;
      if (height < opcode.inputs) return this.#fail("underflow", pc);
      if (height - opcode.inputs + opcode.outputs > STACK_LIMIT) return this.#fail("overflow", pc);
      if (code === JUMPDEST && !(pc === start && this.#block === first && this.#isVariant(first)))
        return this.#end({ kind: "jump", edge: this.#variant(pc), pc });
      if (code === JUMP || code === JUMPI) {
        if (this.#jump(opcode, pc)) return;
      } else if (opcode.section === "alone") {
        if (this.#alone(opcode, pc)) return;
      } else {
        this.#charge(opcode, pc);
        if (this.#step(opcode, pc)) return;
      }
      pc += 1 + opcode.immediateBytes;
    }
  }

  #isVariant({ id, pc, resume }: Block): boolean {
    return id !== 0 && (resume === undefined || resume.landing) && this.#destinations[pc] === 1;
  }

  /** Lets operands in the frame join the window until it has `count`. */
  #takeOperands(count: number, pc: number): void {
    while (this.#stack.length < count) {
      this.#stack.unshift(entryOf(this.#emit("operand", pc, [])));
      // They were on the stack before: the open section does not grow it by them.
      if (this.#section !== undefined) this.#section.height++;
    }
  }

  #end(terminator: Block["terminator"]): void {
    this.#block.terminator = terminator;
  }

  #fail(reason: FailReason, pc: number): void {
    this.#end({ kind: "fail", reason, pc });
  }

  #exit(reason: ExitReason, pc: number): void {
    this.#ir.useOperands(this.#stack.length);
    this.#end({ kind: "exit", reason, stack: this.#stack.map(valueIn), pc });
  }

  /** Adds an instruction to the open section, opening one if there is none. */
  #charge(opcode: Opcode, pc: number): void {
    const height = this.#stack.length;
    if (this.#section === undefined) {
      const instruction: Instruction = {
        op: "section",
        pc,
        args: [],
        result: NO_VALUE,
        gas: 0,
        height,
        minStack: 0,
        maxStackGrowth: 0,
      };
      this.#ir.append(this.#block, instruction);
      this.#section = { instruction, height };
    }
    const { instruction, height: base } = this.#section;
    instruction.gas += opcode.staticGas;
    // What is taken out of the frame checks for itself that it is there.
    const needed = Math.min(opcode.inputs - (height - base), instruction.height!);
    instruction.minStack = Math.max(instruction.minStack!, needed);
    instruction.maxStackGrowth = Math.max(
      instruction.maxStackGrowth!,
      height - opcode.inputs + opcode.outputs - base,
    );
  }

  #pop(): ValueId {
    return valueIn(this.#stack.pop()!);
  }

  #pops(count: number): ValueId[] {
    const args: ValueId[] = [];
    for (let i = 0; i < count; i++) args.push(this.#pop());
    return args;
  }

  #push(value: ValueId, isPushed = false): void {
    this.#stack.push(entryOf(value, isPushed));
  }

  #constant(value: bigint | number): ValueId {
    return this.#ir.constant(BigInt(value));
  }

  #emit(op: Operation, pc: number, args: ValueId[], gas = 0): ValueId {
    return this.#ir.emit(this.#block, op, pc, args, gas);
  }

  /** One instruction that is in a section; true when the block ends with it. */
  #step(opcode: Opcode, pc: number): boolean {
    const { kind, mnemonic, code } = opcode;
    switch (kind) {
      case "stack":
        this.#moveOperands(code, pc);
        return false;
      case "arithmetic":
        this.#arithmetic(opcode, pc);
        return false;
      case "halt":
        this.#halt(mnemonic, pc);
        return true;
      case "jump": // JUMPDEST
        return false;
      case "gas":
        this.#push(this.#emit("gas", pc, []));
        this.#section = undefined;
        return false;
      case "log":
        this.#emit("log", pc, this.#pops(opcode.inputs));
        return false;
      default:
        this.#direct(opcode, pc);
        return false;
    }
  }

  #moveOperands(code: number, pc: number): void {
    const stack = this.#stack;
    if (code === 0x50) stack.pop();
    else if (code < 0x80) this.#pushConstant(code - 0x5f, pc);
    else if (code < 0x90) stack.push(stack[stack.length - (code - 0x7f)]!);
    else {
      const top = stack.length - 1;
      const other = top - (code - 0x8f);
      const entry = stack[top]!;
      stack[top] = stack[other]!;
      stack[other] = entry;
    }
  }

  #pushConstant(size: number, pc: number): void {
    const index = this.#immediateAt.get(pc);
    if (index === undefined) this.#push(this.#constant(pushed(this.#code, pc + 1, size)), true);
    else this.#push(this.#ir.immediate(index, size * 8));
  }

  #arithmetic(opcode: Opcode, pc: number): void {
    const entries = this.#stack.slice(this.#stack.length - opcode.inputs).reverse();
    const args = this.#pops(opcode.inputs);
    const op = opcode.mnemonic.toLowerCase() as Operation;
    const constants: bigint[] = [];
    for (const arg of args) {
      const constant = this.#ir.constantOf(arg);
      if (constant === undefined) break;
      constants.push(constant);
    }
    if (constants.length < args.length) {
      const result = this.#emit(op, pc, args, op === "exp" ? this.#table.gas.expByte : 0);
      if (op === "and") this.#noteMask(result, args);
      return this.#push(result);
    }
    const result = this.#constant(evaluatePure(op, constants)!);
    if (op === "exp")
      this.#section!.instruction.gas += this.#table.gas.expByte * Math.ceil(bitLength(constants[1]!) / 8);
    // Cleaning a pushed jump target with a mask leaves it what it was.
    this.#push(result, op === "and" && entries.some((entry) => entry === entryOf(result, true)));
  }

  /** Solidity masks the targets of internal function values before it jumps to them. */
  #noteMask(result: ValueId, [a, b]: readonly ValueId[]): void {
    const [mask, other] = this.#ir.constantOf(a!) === undefined ? [b!, a!] : [a!, b!];
    const constant = this.#ir.constantOf(mask);
    if (constant === undefined || (constant & TARGET_BITS) !== TARGET_BITS) return;
    this.#masked.set(result, this.#masked.get(other) ?? other);
  }

  #halt(mnemonic: string, pc: number): void {
    if (mnemonic === "STOP") return this.#end({ kind: "stop", pc });
    if (mnemonic === "INVALID") return this.#fail("invalid", pc);
    const [offset, size] = this.#pops(2) as [ValueId, ValueId];
    this.#emit("touch", pc, [offset, size]);
    this.#end({ kind: mnemonic === "RETURN" ? "return" : "revert", offset, size, pc });
  }

  /** Instructions that are one operation, with what expands memory before them. */
  #direct(opcode: Opcode, pc: number): void {
    const { mnemonic } = opcode;
    if (mnemonic === "CODESIZE") return this.#push(this.#constant(this.#code.length));
    if (mnemonic === "PC") return this.#push(this.#constant(pc));
    const args = this.#pops(opcode.inputs);
    const op = DIRECT[mnemonic] ?? (mnemonic.toLowerCase() as Operation);
    if (op === "keccak") {
      this.#emit("touch", pc, [args[0]!, args[1]!]);
      this.#emit("chargewords", pc, [args[1]!], this.#table.gas.keccakWord);
    } else if (op === "mload" || op === "mstore") this.#emit("touch", pc, [args[0]!, this.#constant(32)]);
    else if (op === "mstore8") this.#emit("touch", pc, [args[0]!, this.#constant(1)]);
    const result = this.#emit(op, pc, args);
    if (result !== NO_VALUE) this.#push(result);
  }

  /** Accesses and boundaries; true when the block ends and nothing follows it. */
  #alone(opcode: Opcode, pc: number): boolean {
    if (this.#block.floating && opcode.outputs > opcode.inputs) this.#charge({ ...opcode, staticGas: 0 }, pc);
    this.#section = undefined;
    const name = opcode.mnemonic.toLowerCase();
    if (name === "selfdestruct") {
      this.#ir.useOperands(this.#stack.length);
      this.#end({ kind: "selfdestruct", stack: this.#stack.map(valueIn), pc });
      return true;
    }
    if (BOUNDARIES.has(name)) this.#boundary(name as BoundaryOperation, opcode, pc);
    else this.#access(name as Operation, opcode, pc);
    return false;
  }

  #access(op: Operation, opcode: Opcode, pc: number): void {
    const from = this.#block;
    const to = this.#ir.resumeBlock(pc, this.#stack.length, from.floating);
    const args = this.#enterResume(to);
    from.terminator = { kind: "jump", edge: this.#edge(to, args), pc };
    to.resume.stack = this.#stack.map(valueIn);
    const result = this.#emit(op, pc, this.#pops(opcode.inputs), opcode.staticGas);
    if (result !== NO_VALUE) this.#push(result);
  }

  #boundary(op: BoundaryOperation, opcode: Opcode, pc: number): void {
    const from = this.#block;
    const stack = this.#stack.map(valueIn);
    this.#pops(opcode.inputs);
    const hasResult = boundaryHasResult(op);
    const to = this.#ir.resumeBlock(pc + 1, this.#stack.length + (hasResult ? 1 : 0), from.floating);
    const result = hasResult ? this.#ir.param(to, op === "create" || op === "create2" ? 160 : 1) : NO_VALUE;
    const args = this.#enterResume(to);
    if (hasResult) this.#push(result);
    to.resume.stack = this.#stack.map(valueIn);
    this.#ir.useOperands(stack.length);
    from.terminator = { kind: "boundary", op, stack, next: this.#edge(to, args, hasResult ? 1 : 0), pc };
  }

  /** Goes on in `to`, with a parameter for each value on the stack that is local; gives the arguments for them. */
  #enterResume(to: Block): ValueId[] {
    const params = new Map<ValueId, ValueId>();
    const args: ValueId[] = [];
    this.#ir.useOperands(this.#stack.length);
    this.#stack = this.#stack.map((entry) => {
      const value = valueIn(entry);
      if (this.#ir.isGlobal(value)) return entry;
      let param = params.get(value);
      if (param === undefined) {
        param = this.#ir.param(to, this.#ir.values[value]!.bits);
        params.set(value, param);
        args.push(value);
      }
      return entryOf(param);
    });
    this.#block = to;
    return args;
  }

  #edge(to: Block, args: ValueId[], shift = 0): Edge {
    this.#flow.addEdge(to, args, shift);
    return this.#ir.edge(to.id, args);
  }

  /** JUMP and JUMPI; true when the block ends. */
  #jump(opcode: Opcode, pc: number): boolean {
    const top = this.#stack.length - 1;
    const target = this.#ir.constantOf(valueIn(this.#stack[top]!));
    const condition = opcode.code === JUMPI ? valueIn(this.#stack[top - 1]!) : undefined;
    const decided = condition === undefined ? 1n : this.#ir.constantOf(condition);
    if (decided === 0n) {
      this.#charge(opcode, pc);
      this.#pops(2);
      return false;
    }
    if (target === undefined) {
      this.#jumpToValue(opcode, pc);
      return true;
    }
    this.#charge(opcode, pc);
    this.#pops(opcode.inputs);
    const valid = this.#isDestination(target);
    if (decided !== undefined) {
      if (valid) this.#end({ kind: "jump", edge: this.#target(Number(target), pc), pc });
      else this.#fail("badjump", pc);
      return true;
    }
    const from = this.#block;
    const then = valid ? this.#variant(Number(target)) : this.#failure("badjump", pc);
    const next = this.#newBlock(pc + 1);
    from.terminator = { kind: "branch", condition: condition!, then, else: { block: next.id, args: [] }, pc };
    if (this.#destinations[pc + 1] === 1)
      next.terminator = { kind: "jump", edge: this.#variant(pc + 1), pc: pc + 1 };
    else this.#work.push({ block: next, pc: pc + 1, stack: this.#stack });
    return true;
  }

  /** A jump whose target is no constant: to what flows there if it is a parameter, else unknown. */
  #jumpToValue(opcode: Opcode, pc: number): void {
    const value = valueIn(this.#stack.at(-1)!);
    const source = this.#masked.get(value) ?? value;
    if (this.#block.floating && opcode.code === JUMP) {
      this.#ir.useOperands(this.#stack.length);
      return this.#end({ kind: "dispatch", stack: this.#stack.map(valueIn), gas: opcode.staticGas, pc });
    }
    if (opcode.code === JUMPI || this.#ir.values[source]!.kind !== "param") {
      this.#unknownJumps++;
      return this.#exit("unknownjump", pc);
    }
    this.#ir.useOperands(this.#stack.length);
    const site: JumpSite = {
      block: this.#block,
      pc,
      opcode,
      value,
      source,
      misses: false,
      stack: this.#stack.slice(),
      cases: [],
    };
    this.#sites.push(site);
    this.#flow.demand(source, site);
  }

  /** Lets a jump go to the next target found for one; false when there is none left. */
  #addCase(): boolean {
    const update = this.#flow.nextUpdate();
    if (update === undefined) return false;
    const { site, target } = update;
    const pc = this.#ir.constantOf(target)!;
    this.#block = site.block;
    this.#stack = site.stack.slice(0, -1);
    if (!this.#isDestination(pc)) {
      site.misses = true;
      return true;
    }
    // The jump is paid for behind the choice, because an unknown target leaves before it.
    const block = this.#newBlock(site.pc);
    this.#block = block;
    this.#section = undefined;
    site.cases.push({ value: pc, edge: { block: block.id, args: [] } });
    this.#stack = site.stack.slice();
    this.#charge(site.opcode, site.pc);
    this.#pops(1);
    this.#end({ kind: "jump", edge: this.#variant(Number(pc)), pc: site.pc });
    return true;
  }

  #isDestination(pc: bigint): boolean {
    return pc < BigInt(this.#code.length) && this.#destinations[Number(pc)] === 1;
  }

  /** Ends the block of `site`, now that all targets have been found. Any other target leaves to the interpreter. */
  #closeSite({ block, pc, value, source, stack, cases, misses }: JumpSite): void {
    this.#stack = stack.slice();
    this.#block = block;
    const complete = !misses && !this.#flow.isUnknown(source);
    if (cases.length === 0) {
      this.#unknownJumps++;
      return this.#exit("unknownjump", pc);
    }
    if (complete && cases.length === 1) return this.#end({ kind: "jump", edge: cases[0]!.edge, pc });
    if (!complete) this.#guardedJumps++;
    const otherwise = this.#newBlock(pc);
    this.#end({ kind: "switch", value, cases, default: { block: otherwise.id, args: [] }, pc });
    this.#block = otherwise;
    this.#exit("unknownjump", pc);
  }

  #failure(reason: FailReason, pc: number): Edge {
    const block = this.#newBlock(pc);
    block.terminator = { kind: "fail", reason, pc };
    return { block: block.id, args: [] };
  }

  /** True for operands that tell contexts apart. */
  #isTarget(entry: Entry): boolean {
    if ((entry & 1) === 0) return false;
    const constant = this.#ir.constantOf(valueIn(entry));
    return constant !== undefined && this.#isDestination(constant);
  }

  #targetOf(entry: Entry): number {
    return Number(this.#ir.constantOf(valueIn(entry)));
  }

  #newBlock(pc: number): Block {
    return this.#ir.block(pc, this.#stack.length, this.#block.floating);
  }

  /** The edge that the jump at `pc` takes to `target`: to a landing when it calls a function that is shared. */
  #target(target: number, pc: number): Edge {
    if (!this.#shared.has(target)) return this.#variant(target);
    const back = this.#stack.some((entry) => this.#isTarget(entry) && this.#targetOf(entry) === pc + 1);
    return back ? this.#transfer(target) : this.#variant(target);
  }

  /** The edge to a block that leaves the operands in the frame for the landing at `pc`. */
  #transfer(pc: number): Edge {
    const block = this.#newBlock(pc);
    this.#ir.useOperands(this.#stack.length);
    // What comes back to addresses among them finds them by a dispatch.
    for (const entry of this.#stack) if (this.#isTarget(entry)) this.#landing(this.#targetOf(entry));
    block.terminator = {
      kind: "transfer",
      stack: this.#stack.map(valueIn),
      to: this.#landing(pc).id,
      pc,
    };
    return this.#edge(block, []);
  }

  #landing(pc: number): Block {
    let block = this.#landings!.get(pc);
    if (block === undefined) {
      block = this.#ir.landing(pc);
      this.#landings!.set(pc, block);
      this.#work.push({ block, pc, stack: [] });
    }
    return block;
  }

  /** The edge from here to the block of `pc` in this context, which is made if it is new. */
  #variant(pc: number): Edge {
    const { maxContexts, maxShared } = this.#limits;
    const targets: number[] = [];
    for (let i = 0; i < this.#stack.length; i++) if (this.#isTarget(this.#stack[i]!)) targets.push(i);
    return (
      this.#variantKeeping("", pc, targets, this.#contextCount, maxContexts) ??
      // Beyond, contexts differ in what is most likely the return address of the function at hand.
      this.#variantKeeping("shared", pc, targets.slice(-1), this.#sharedCount, maxShared) ??
      (this.#landings === undefined ? this.#dropVariant(pc) : this.#transfer(pc))
    );
  }

  /** The edge to the block that knows the operands at `places`; undefined when it is new and there are enough. */
  #variantKeeping(
    kind: string,
    pc: number,
    places: readonly number[],
    counts: Map<number, number>,
    limit: number,
  ): Edge | undefined {
    const stack = this.#stack;
    const { floating } = this.#block;
    let key = `${kind},${floating ? "floating," : ""}${pc},${stack.length}`;
    for (const place of places) key += `,${place}:${valueIn(stack[place]!)}`;
    let block = this.#variants.get(key);
    if (block === undefined) {
      // Positions are counted apart by whether they float.
      const counted = floating ? -1 - pc : pc;
      const count = counts.get(counted) ?? 0;
      if (count >= limit) return undefined;
      counts.set(counted, count + 1);
      block = this.#newVariant(pc, places);
      this.#variants.set(key, block);
    }
    const args: ValueId[] = [];
    for (let i = 0, next = 0; i < stack.length; i++)
      if (places[next] === i) next++;
      else args.push(valueIn(stack[i]!));
    return this.#edge(block, args);
  }

  /** A block for `pc` with parameters for all operands but those at `places`. */
  #newVariant(pc: number, places: readonly number[]): Block {
    const block = this.#newBlock(pc);
    this.#ir.useOperands(this.#stack.length);
    let next = 0;
    const stack = this.#stack.map((entry, i) => {
      if (places[next] !== i) return entryOf(this.#ir.param(block));
      next++;
      return entry;
    });
    this.#work.push({ block, pc, stack });
    return block;
  }

  /** One exit per position and height takes what is still beyond. */
  #dropVariant(pc: number): Edge {
    const key = `exit,${pc},${this.#stack.length}`;
    let block = this.#variants.get(key);
    if (block === undefined) {
      block = this.#ir.block(pc, this.#stack.length);
      const params = this.#stack.map(() => this.#ir.param(block!));
      block.terminator = { kind: "exit", reason: "variants", stack: params.slice(), pc };
      this.#variants.set(key, block);
      this.#dropped++;
    }
    return this.#edge(block, this.#stack.map(valueIn));
  }
}
