/**
 * Jumps: to constants, edges to the block of the target in the context at hand; to parameters, a choice among the targets
 * that flow there, which are found while the rest is translated; to anything else, an exit to the interpreter.
 */
import type { Opcode } from "@velarium/evm-opcodes";
import type { Construction } from "../construct.ts";
import type { Block, Edge, FailReason, SwitchCase, ValueId } from "../ir.ts";
import type { Contexts } from "./contexts.ts";
import type { Instructions } from "./instructions.ts";
import { type Entry, type OpenBlock, valueIn } from "./open-block.ts";
import type { TargetFlow } from "./target-flow.ts";

const JUMP = 0x56;
const JUMPI = 0x57;

/** A jump to a parameter, whose targets are found as edges are. */
export interface JumpSite {
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

export class Jumps {
  readonly #ir: Construction;
  readonly #open: OpenBlock;
  readonly #flow: TargetFlow<JumpSite>;
  readonly #contexts: Contexts;
  readonly #instructions: Instructions;
  readonly #sites: JumpSite[] = [];
  #unknownJumps = 0;
  #guardedJumps = 0;

  constructor(
    ir: Construction,
    open: OpenBlock,
    flow: TargetFlow<JumpSite>,
    contexts: Contexts,
    instructions: Instructions,
  ) {
    this.#ir = ir;
    this.#open = open;
    this.#flow = flow;
    this.#contexts = contexts;
    this.#instructions = instructions;
  }

  counts() {
    return { unknownJumps: this.#unknownJumps, guardedJumps: this.#guardedJumps };
  }

  /** JUMP and JUMPI; true when the block ends. */
  translate(opcode: Opcode, pc: number): boolean {
    const top = this.#open.stack.length - 1;
    const target = this.#ir.constantOf(valueIn(this.#open.stack[top]!));
    const condition = opcode.code === JUMPI ? valueIn(this.#open.stack[top - 1]!) : undefined;
    const decided = condition === undefined ? 1n : this.#ir.constantOf(condition);
    if (decided === 0n) {
      this.#open.charge(opcode, pc);
      this.#open.pops(2);
      return false;
    }
    if (target === undefined) {
      this.#jumpToValue(opcode, pc);
      return true;
    }
    this.#open.charge(opcode, pc);
    this.#open.pops(opcode.inputs);
    const valid = this.#contexts.isDestination(target);
    if (decided !== undefined) {
      if (valid) this.#open.end({ kind: "jump", edge: this.#contexts.target(Number(target), pc), pc });
      else this.#open.fail("badjump", pc);
      return true;
    }
    const from = this.#open.block;
    const then = valid ? this.#contexts.variant(Number(target)) : this.#failure("badjump", pc);
    const next = this.#open.newBlock(pc + 1);
    from.terminator = { kind: "branch", condition: condition!, then, else: { block: next.id, args: [] }, pc };
    if (this.#contexts.isDestination(pc + 1))
      next.terminator = { kind: "jump", edge: this.#contexts.variant(pc + 1), pc: pc + 1 };
    else this.#contexts.add({ block: next, pc: pc + 1, stack: this.#open.stack });
    return true;
  }

  /** A jump whose target is no constant: to what flows there if it is a parameter, else unknown. */
  #jumpToValue(opcode: Opcode, pc: number): void {
    const value = valueIn(this.#open.stack.at(-1)!);
    const source = this.#instructions.unmasked(value);
    if (this.#open.block.floating && opcode.code === JUMP) {
      this.#ir.useOperands(this.#open.stack.length);
      return this.#open.end({ kind: "dispatch", stack: this.#open.values(), gas: opcode.staticGas, pc });
    }
    if (opcode.code === JUMPI || this.#ir.values[source]!.kind !== "param") {
      this.#unknownJumps++;
      return this.#open.exit("unknownjump", pc);
    }
    this.#ir.useOperands(this.#open.stack.length);
    const site: JumpSite = {
      block: this.#open.block,
      pc,
      opcode,
      value,
      source,
      misses: false,
      stack: this.#open.stack.slice(),
      cases: [],
    };
    this.#sites.push(site);
    this.#flow.demand(source, site);
  }

  /** Lets a jump go to the next target found for one; false when there is none left. */
  addCase(): boolean {
    const update = this.#flow.nextUpdate();
    if (update === undefined) return false;
    const { site, target } = update;
    const pc = this.#ir.constantOf(target)!;
    this.#open.enter(site.block, site.stack.slice(0, -1));
    if (!this.#contexts.isDestination(pc)) {
      site.misses = true;
      return true;
    }
    // The jump is paid for behind the choice, because an unknown target leaves before it.
    const block = this.#open.newBlock(site.pc);
    site.cases.push({ value: pc, edge: { block: block.id, args: [] } });
    this.#open.enter(block, site.stack.slice());
    this.#open.charge(site.opcode, site.pc);
    this.#open.pops(1);
    this.#open.end({ kind: "jump", edge: this.#contexts.variant(Number(pc)), pc: site.pc });
    return true;
  }

  /** Ends the blocks of all jumps whose targets had to be found. */
  close(): void {
    for (const site of this.#sites) this.#closeSite(site);
  }

  /** Ends the block of `site`, now that all targets have been found. Any other target leaves to the interpreter. */
  #closeSite({ block, pc, value, source, stack, cases, misses }: JumpSite): void {
    this.#open.enter(block, stack.slice());
    const complete = !misses && !this.#flow.isUnknown(source);
    if (cases.length === 0) {
      this.#unknownJumps++;
      return this.#open.exit("unknownjump", pc);
    }
    if (complete && cases.length === 1) return this.#open.end({ kind: "jump", edge: cases[0]!.edge, pc });
    if (!complete) this.#guardedJumps++;
    const otherwise = this.#open.newBlock(pc);
    this.#open.end({ kind: "switch", value, cases, default: { block: otherwise.id, args: [] }, pc });
    this.#open.block = otherwise;
    this.#open.exit("unknownjump", pc);
  }

  #failure(reason: FailReason, pc: number): Edge {
    const block = this.#open.newBlock(pc);
    block.terminator = { kind: "fail", reason, pc };
    return { block: block.id, args: [] };
  }
}
