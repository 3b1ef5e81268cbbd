/**
 * The front end for EVM bytecode: follows code from its beginning, cloning each jump destination per context
 * (contexts.ts), so that returns from internal functions have one target each. A jump to a target that is not known in
 * its context chooses among those that flow in (jumps.ts). Work is a list, not recursion.
 */
import type { Fork } from "@velarium/chain-rules";
import type { Opcode, OpcodeTable } from "@velarium/evm-opcodes";
import { jumpDestinations, templateOf } from "../code.ts";
import type { Construction } from "../construct.ts";
import {
  type Block,
  BOUNDARY_INPUTS,
  type BoundaryOperation,
  boundaryHasResult,
  type IrFunction,
  NO_VALUE,
} from "../ir.ts";
import type { Operation } from "../operations.ts";
import { type ContextLimits, Contexts } from "./contexts.ts";
import { Instructions } from "./instructions.ts";
import { type JumpSite, Jumps } from "./jumps.ts";
import { OpenBlock } from "./open-block.ts";
import { TargetFlow } from "./target-flow.ts";

const STACK_LIMIT = 1024;
const JUMP = 0x56;
const JUMPI = 0x57;
const JUMPDEST = 0x5b;

const BOUNDARIES = new Set(Object.keys(BOUNDARY_INPUTS));

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
  readonly #destinations: Uint8Array;
  readonly #immediates: readonly bigint[];
  readonly #open: OpenBlock;
  readonly #contexts: Contexts;
  readonly #instructions: Instructions;
  readonly #jumps: Jumps;

  constructor(
    code: Uint8Array,
    table: OpcodeTable,
    ir: Construction,
    options: ContextLimits & { readonly template: boolean },
  ) {
    this.#code = code;
    this.#table = table;
    this.#ir = ir;
    this.#destinations = jumpDestinations(code);
    const template = options.template ? templateOf(code, this.#destinations) : undefined;
    this.#immediates = template?.immediates ?? [];
    const flow = new TargetFlow<JumpSite>(ir);
    this.#open = new OpenBlock(ir, flow);
    this.#contexts = new Contexts(code, this.#destinations, ir, this.#open, options);
    this.#instructions = new Instructions(code, table, ir, this.#open, template);
    this.#jumps = new Jumps(ir, this.#open, flow, this.#contexts, this.#instructions);
  }

  translate(fork: Fork): Translation {
    this.#contexts.add({ block: this.#ir.block(0, 0), pc: 0, stack: [] });
    do this.#translateBlocks();
    while (this.#jumps.addCase());
    this.#jumps.close();
    return {
      function: {
        fork,
        codeSize: this.#code.length,
        immediates: this.#immediates,
        values: this.#ir.values,
        blocks: this.#ir.blocks,
      },
      ...this.#contexts.counts(),
      ...this.#jumps.counts(),
    };
  }

  #translateBlocks(): void {
    for (let next = this.#contexts.next(); next !== undefined; next = this.#contexts.next()) {
      this.#open.enter(next.block, next.stack);
      this.#follow(next.pc);
    }
  }

  /** Translates from `start` to the end of the block, going on in resume blocks as they come. */
  #follow(start: number): void {
    const first = this.#open.block;
    let pc = start;
    for (;;) {
      this.#ir.tick();
      if (pc >= this.#code.length) return this.#open.end({ kind: "stop", pc });
      const code = this.#code[pc]!;
      const opcode = this.#table.opcode(code);
      if (opcode === undefined) return this.#open.fail("undefined", pc);
      if (this.#open.block.floating) this.#open.takeOperands(opcode.inputs, pc);
      const height = this.#open.stack.length;
      if (height < opcode.inputs) return this.#open.fail("underflow", pc);
      if (height - opcode.inputs + opcode.outputs > STACK_LIMIT) return this.#open.fail("overflow", pc);
      if (code === JUMPDEST && !(pc === start && this.#open.block === first && this.#isVariant(first)))
        return this.#open.end({ kind: "jump", edge: this.#contexts.variant(pc), pc });
      if (code === JUMP || code === JUMPI) {
        if (this.#jumps.translate(opcode, pc)) return;
      } else if (opcode.section === "alone") {
        if (this.#alone(opcode, pc)) return;
      } else {
        this.#open.charge(opcode, pc);
        if (this.#instructions.translate(opcode, pc)) return;
      }
      pc += 1 + opcode.immediateBytes;
    }
  }

  #isVariant({ id, pc, resume }: Block): boolean {
    return id !== 0 && (resume === undefined || resume.landing) && this.#destinations[pc] === 1;
  }

  /** Accesses and boundaries; true when the block ends and nothing follows it. */
  #alone(opcode: Opcode, pc: number): boolean {
    if (this.#open.block.floating && opcode.outputs > opcode.inputs)
      this.#open.charge({ ...opcode, staticGas: 0 }, pc);
    this.#open.closeSection();
    const name = opcode.mnemonic.toLowerCase();
    if (name === "selfdestruct") {
      this.#ir.useOperands(this.#open.stack.length);
      this.#open.end({ kind: "selfdestruct", stack: this.#open.values(), pc });
      return true;
    }
    if (BOUNDARIES.has(name)) this.#boundary(name as BoundaryOperation, opcode, pc);
    else this.#access(name as Operation, opcode, pc);
    return false;
  }

  #access(op: Operation, opcode: Opcode, pc: number): void {
    const from = this.#open.block;
    const to = this.#ir.resumeBlock(pc, this.#open.stack.length, from.floating);
    const args = this.#open.goOnIn(to);
    from.terminator = { kind: "jump", edge: this.#open.edge(to, args), pc };
    to.resume.stack = this.#open.values();
    const result = this.#open.emit(op, pc, this.#open.pops(opcode.inputs), opcode.staticGas);
    if (result !== NO_VALUE) this.#open.push(result);
  }

  #boundary(op: BoundaryOperation, opcode: Opcode, pc: number): void {
    const from = this.#open.block;
    const stack = this.#open.values();
    this.#open.pops(opcode.inputs);
    const hasResult = boundaryHasResult(op);
    const to = this.#ir.resumeBlock(pc + 1, this.#open.stack.length + (hasResult ? 1 : 0), from.floating);
    const result = hasResult ? this.#ir.param(to, op === "create" || op === "create2" ? 160 : 1) : NO_VALUE;
    const args = this.#open.goOnIn(to);
    if (hasResult) this.#open.push(result);
    to.resume.stack = this.#open.values();
    this.#ir.useOperands(stack.length);
    from.terminator = { kind: "boundary", op, stack, next: this.#open.edge(to, args, hasResult ? 1 : 0), pc };
  }
}
