/** Writes one component of a function: its blocks, and the ways in and out. */
import type { Block, Edge, Instruction, SwitchCase, Terminator, ValueId } from "@velarium/evm-ir";
import { layout } from "@velarium/evm-kernel";
import type { FlowPlan } from "../flow/plan.ts";
import type { FlowEdge, FlowWalker, Step } from "../flow/walker.ts";
import { BudgetError } from "../wasm/code.ts";
import { OP } from "../wasm/opcodes.ts";
import { pushEqual, pushIsNonZero } from "../words/logic.ts";
import { constantWord, limbAt, pushLimb, pushOr } from "../words/word.ts";
import type { FrameCode } from "./frame-code.ts";
import { POINT_OF_NO_RETURN } from "./landings.ts";
import { emitTouch } from "./memory-operations.ts";
import { type AccessSite, emitInstruction } from "./operations.ts";
import type { TouchPlan } from "./touches.ts";

/** A component, and what it needs to know of the module around it. */
export interface ComponentContext {
  readonly plan: FlowPlan;
  readonly blocks: readonly number[];
  /** By block: its place in its component. */
  readonly place: Int32Array;
  readonly touches: TouchPlan;
  /** Resume points of the components before. */
  readonly offset: number;
  /** `FRAME_POINT` of a resume block. */
  readonly pointOf: (block: number) => number;
  /** The function of the component that a block is in. */
  readonly functionOf: (block: number) => number;
  /** The function that is exported. */
  readonly run: number;
  /** The function from a position to the resume point of its landing. */
  readonly locate: number;
}

/** Uses of immediates in loops for which they are loaded on entry, which costs every call and locals. */
const MAX_HELD_IMMEDIATES = 16;

/** V8 takes seconds for some thousand branches in one straight run of code; compilers of contracts stay below 50. */
const MAX_TOUCHES_PER_BLOCK = 1000;

/** Bits of the position of a landing. */
const POSITION_BITS = 24;

export class FunctionWriter {
  readonly #frame: FrameCode;
  readonly #context: ComponentContext;
  readonly #plan: FlowPlan;
  /** Positions of the boundaries before blocks. */
  readonly #boundaryBefore = new Map<number, number>();
  #held = 0;

  constructor(frame: FrameCode, context: ComponentContext) {
    this.#frame = frame;
    this.#context = context;
    this.#plan = context.plan;
    for (const id of context.blocks) {
      const { terminator } = frame.ir.blocks[id]!;
      if (terminator.kind === "boundary") this.#boundaryBefore.set(terminator.next.block, terminator.pc);
    }
  }

  write(node: number, walker: FlowWalker): readonly Step[] {
    const at = this.#plan.nodes[node]!;
    if (at.kind === "entry" || at.kind === "guard") return this.#dispatch(node, walker);
    const block = this.#frame.ir.blocks[at.block]!;
    return at.kind === "stub" ? this.#stub(block) : this.#block(node, block, walker);
  }

  /** Sends frames that come back on their way. */
  #dispatch(node: number, walker: FlowWalker): readonly Step[] {
    const { code, locals } = this.#frame;
    const { first, targets, otherwise } = this.#plan.dispatch.get(node)!;
    if (targets.length === 0) return [{ target: otherwise }];
    const level = (target: number): number => walker.levelOf(node, target)!;
    return [
      () => {
        if (node !== 0) {
          code.get(locals.point);
          code.op(OP.i32Eqz);
          code.brIf(level(otherwise));
        }
        code.get(locals.point);
        code.i32(first);
        code.op(OP.i32Sub);
        code.brTable(targets.map(level), level(otherwise));
      },
    ];
  }

  /** First thing in the function, before any node. */
  enter(): void {
    const { code, ir, locals } = this.#frame;
    const { blocks, place, offset, run, functionOf } = this.#context;
    for (const id of blocks) {
      if (this.#plan.inLoop[place[id]!] === 0) continue;
      for (const { args } of ir.blocks[id]!.instructions) this.#holdImmediates(args);
    }
    this.#frame.enter();
    if (offset > 0) {
      // From here on points are those of this component.
      code.get(locals.point);
      code.i32(offset);
      code.op(OP.i32Sub);
      code.set(locals.point);
    }
    const isAlone = run === functionOf(blocks[0]!);
    if (!isAlone || !blocks.some((id) => ir.blocks[id]!.terminator.kind === "selfdestruct")) return;
    code.get(locals.point);
    code.i32(POINT_OF_NO_RETURN);
    code.op(OP.i32Eq);
    code.if();
    this.#frame.returnStatus(layout.STATUS_OPERATION);
    code.end();
  }

  #holdImmediates(args: readonly ValueId[]): void {
    for (const arg of args) {
      const definition = this.#frame.ir.values[arg]!;
      if (definition.kind === "immediate" && this.#held < MAX_HELD_IMMEDIATES) {
        this.#frame.holdImmediate(definition.index);
        this.#held++;
      }
    }
  }

  #stub(block: Block): readonly Step[] {
    const frame = this.#frame;
    const entries = block.resume!.stack;
    return [
      () => {
        this.#arrive(block);
        frame.placeWindow(entries.length);
        if (this.#plan.guarded) {
          frame.code.i32(0);
          frame.code.set(frame.locals.point);
        }
        // A parameter stands once in the stack; other entries are constants.
        for (const [i, value] of entries.entries()) {
          if (frame.ir.values[value]!.kind === "param") frame.loadParam(value, i);
        }
      },
      { target: this.#nodeOf(block.id) },
    ];
  }

  /** The kernel's operation may itself have missed something: then it is still to be done, before the frame goes on. */
  #arrive(block: Block): void {
    const frame = this.#frame;
    const { code } = frame;
    const pc = this.#boundaryBefore.get(block.id);
    if (pc !== undefined) {
      frame.loadField(layout.FRAME_RESUME);
      frame.loadField(layout.FRAME_PC);
      code.i32(pc);
      code.op(OP.i32Eq);
      code.op(OP.i32And);
      code.if();
      frame.returnStatus(layout.STATUS_OPERATION);
      code.end();
    }
    if (block.resume?.landing !== true) frame.storeField(layout.FRAME_RESUME, 0);
  }

  #nodeOf(block: number): number {
    return this.#plan.nodeOf[this.#context.place[block]!]!;
  }

  #block(node: number, block: Block, walker: FlowWalker): readonly Step[] {
    const site: AccessSite | undefined =
      block.resume === undefined
        ? undefined
        : { point: this.#context.pointOf(block.id), stack: block.resume.stack };
    const touches = this.#context.touches[block.id]!;
    const kept = block.instructions.filter(({ op }, i) => op === "touch" && touches.get(i) !== 0n).length;
    if (kept > MAX_TOUCHES_PER_BLOCK) {
      throw new BudgetError("operations", `a block expands memory more than ${MAX_TOUCHES_PER_BLOCK} times`);
    }
    const { instructions } = block;
    for (let i = 0; i < instructions.length; i++) {
      const instruction = instructions[i]!;
      const extent = touches.get(i);
      if (instruction.op === "operand") {
        const taken = operandsFrom(instructions, i);
        this.#frame.takeOperands(taken);
        i += taken.length - 1;
      } else if (extent === undefined) emitInstruction(this.#frame, instruction, site);
      else emitTouch(this.#frame, instruction, extent);
    }
    this.#frame.code.checkSize();
    return this.#terminator(node, block, walker);
  }

  #edge({ block, args }: Edge): FlowEdge {
    const { params } = this.#frame.ir.blocks[block]!;
    return { target: this.#nodeOf(block), moves: this.#frame.move(args, params) };
  }

  #terminator(node: number, { terminator }: Block, walker: FlowWalker): readonly Step[] {
    const frame = this.#frame;
    switch (terminator.kind) {
      case "jump":
        return [this.#edge(terminator.edge)];
      case "branch": {
        pushIsNonZero(frame.code, frame.word(terminator.condition));
        return this.#conditional(node, this.#edge(terminator.then), this.#edge(terminator.else), walker);
      }
      case "switch":
        return this.#switch(node, terminator.value, terminator.cases, terminator.default, walker);
      case "boundary":
        this.#leave(terminator.stack, terminator.pc, this.#context.pointOf(terminator.next.block));
        return [];
      case "selfdestruct":
        this.#leave(terminator.stack, terminator.pc, POINT_OF_NO_RETURN);
        return [];
      case "transfer":
        frame.storeStack(terminator.stack);
        frame.storeField(layout.FRAME_POINT, this.#context.pointOf(terminator.to));
        frame.code.get(frame.locals.frame);
        frame.code.returnCall(this.#context.functionOf(terminator.to));
        return [];
      case "dispatch":
        this.#dispatchJump(terminator);
        return [];
      case "exit":
        this.#exit(terminator.stack, terminator.pc);
        return [];
      case "stop":
        frame.storeGas();
        frame.returnStatus(layout.STATUS_STOP);
        return [];
      case "fail":
        frame.returnStatus(layout.STATUS_HALT);
        return [];
      default:
        this.#return(terminator.kind, terminator.offset, terminator.size);
        return [];
    }
  }

  /** The interpreter has the frame from here on. */
  #exit(stack: readonly ValueId[], pc: number): void {
    const frame = this.#frame;
    frame.makeCanonical(stack, pc);
    frame.storeField(layout.FRAME_FUNCTION, 0);
    frame.code.get(frame.locals.frame);
    frame.code.call(frame.kernel("interpret"));
    frame.code.op(OP.return);
  }

  #dispatchJump({ stack, gas, pc }: Extract<Terminator, { kind: "dispatch" }>): void {
    const frame = this.#frame;
    const { code } = frame;
    const target = frame.word(stack.at(-1)!);
    const point = frame.scratch.i32(0);
    const low = limbAt(target, 0);
    pushLimb(code, low);
    code.i64(POSITION_BITS);
    code.op(OP.i64ShrU);
    if (pushOr(code, target, 1)) code.op(OP.i64Or);
    code.op(OP.i64Eqz);
    code.if();
    frame.pushI32(low);
    code.call(this.#context.locate);
    code.set(point);
    code.else();
    code.i32(0);
    code.set(point);
    code.end();
    code.get(point);
    code.op(OP.i32Eqz);
    code.if();
    this.#exit(stack, pc);
    code.end();
    frame.charge(gas);
    frame.storeStack(stack.slice(0, -1));
    code.get(frame.locals.frame);
    code.get(point);
    code.memory(OP.i32Store, layout.FRAME_POINT);
    code.get(frame.locals.frame);
    code.returnCall(this.#context.run);
  }

  #leave(stack: readonly ValueId[], pc: number, point: number): void {
    this.#frame.makeCanonical(stack, pc);
    this.#frame.storeField(layout.FRAME_POINT, point);
    this.#frame.returnStatus(layout.STATUS_OPERATION);
  }

  #return(kind: "return" | "revert", offset: ValueId, size: ValueId): void {
    const frame = this.#frame;
    const { code, locals } = frame;
    frame.storeScratch(1, frame.word(offset));
    frame.storeScratch(0, frame.word(size));
    code.get(locals.frame);
    frame.pushScratchAddress(2);
    code.i32(kind === "return" ? layout.STATUS_RETURN : layout.STATUS_REVERT);
    code.get(locals.gas);
    code.call(frame.kernel("returns"));
    code.op(OP.return);
  }

  /** With the condition on the stack. An edge without moves to a labelled node is one branch. */
  #conditional(node: number, then: FlowEdge, otherwise: FlowEdge, walker: FlowWalker): readonly Step[] {
    const { code } = this.#frame;
    const level = then.moves === undefined ? walker.levelOf(node, then.target) : undefined;
    if (level !== undefined) {
      code.brIf(level);
      return [otherwise];
    }
    code.if();
    return [then, () => code.end(), otherwise];
  }

  #switch(
    node: number,
    value: ValueId,
    cases: readonly SwitchCase[],
    fallback: Edge,
    walker: FlowWalker,
  ): readonly Step[] {
    const { code } = this.#frame;
    const word = this.#frame.word(value);
    const steps: Step[] = [];
    for (const { value: expected, edge } of cases) {
      const flow = this.#edge(edge);
      steps.push(() => pushEqual(code, word, constantWord(expected)));
      const level = flow.moves === undefined ? walker.levelOf(node, flow.target) : undefined;
      if (level !== undefined) steps.push(() => code.brIf(walker.levelOf(node, flow.target)!));
      else
        steps.push(
          () => code.if(),
          flow,
          () => code.end(),
        );
    }
    steps.push(this.#edge(fallback));
    return steps;
  }
}

/** Results of the operands that are taken at `from` and right behind it. */
function operandsFrom(instructions: readonly Instruction[], from: number): ValueId[] {
  const results: ValueId[] = [];
  for (let i = from; instructions[i]?.op === "operand"; i++) results.push(instructions[i]!.result);
  return results;
}
