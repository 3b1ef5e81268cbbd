/** From a function of the IR to the bytes of a WebAssembly module. */
import type { Block, Edge, IrFunction, SwitchCase, ValueId } from "@velarium/evm-ir";
import { layout } from "@velarium/evm-kernel";
import { type FlowPlan, planFlow } from "../flow/plan.ts";
import { type FlowEdge, FlowWalker, type Step } from "../flow/walker.ts";
import { BudgetError, FunctionCode, I32 } from "../wasm/code.ts";
import { ModuleBuilder } from "../wasm/module.ts";
import { OP } from "../wasm/opcodes.ts";
import { pushEqual, pushIsNonZero } from "../words/logic.ts";
import { constantWord } from "../words/word.ts";
import { assignLocals } from "./assignment.ts";
import { FrameCode, type ImmediatePlace } from "./frame-code.ts";
import { KERNEL_FUNCTIONS, type KernelFunction } from "./imports.ts";
import { livenessOf } from "./liveness.ts";
import { emitTouch } from "./memory-operations.ts";
import { type AccessSite, emitInstruction } from "./operations.ts";
import { OutlinedFunctions } from "./outlined.ts";
import { planTouches, type TouchPlan } from "./touches.ts";

export interface EmitLimits {
  /** Bytes of the function's instructions. */
  readonly maxBytes: number;
  /** V8 accepts 50,000. */
  readonly maxLocals: number;
  readonly maxNesting: number;
  /** Pairs of a block and a value that is live into it. */
  readonly maxLive: number;
}

export interface EmittedModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly locals: number;
  readonly structured: boolean;
}

/** Throws BudgetError. `immediates`: where the constants that the function leaves open stand in the code. */
export function emitModule(
  ir: IrFunction,
  immediates: readonly ImmediatePlace[],
  limits: EmitLimits,
): EmittedModule {
  const module = new ModuleBuilder();
  module.importMemory("env", "memory", 1);
  // Imports come before functions: all of them, unused ones cost a few bytes.
  const kernelIndex = new Map<KernelFunction, number>();
  for (const name of usedFunctions(ir)) {
    kernelIndex.set(name, module.importFunction("k", name, KERNEL_FUNCTIONS[name]));
  }
  const kernel = (name: KernelFunction): number => kernelIndex.get(name)!;
  const code = new FunctionCode([I32], limits);
  module.exportFunction("run", module.addFunction(code, [I32]));
  const plan = planFlow(ir);
  const order = plan.order.nodes.flatMap((node) => {
    const at = plan.nodes[node]!;
    return at.kind === "block" ? [at.block] : [];
  });
  const assignment = assignLocals(ir, order, livenessOf(ir, limits.maxLive), code);
  const outlined = new OutlinedFunctions(module, kernel);
  const frame = new FrameCode({ ir, code, assignment, immediates, kernel, outlined });
  const writer = new FunctionWriter(frame, plan);
  writer.enter();
  const walker = new FlowWalker(code, plan, (node) => writer.write(node, walker), {
    maxNesting: limits.maxNesting,
    selector: frame.locals.point,
  });
  walker.run();
  code.op(OP.unreachable);
  return { bytes: module.finish(), locals: code.localCount, structured: plan.structured };
}

function usedFunctions(_ir: IrFunction): KernelFunction[] {
  return Object.keys(KERNEL_FUNCTIONS) as KernelFunction[];
}

/** Uses of immediates in loops for which they are loaded on entry, which costs every call and locals. */
const MAX_HELD_IMMEDIATES = 16;

/** V8 takes seconds for some thousand branches in one straight run of code; compilers of contracts stay below 50. */
const MAX_TOUCHES_PER_BLOCK = 1000;

/** In `FRAME_POINT`: the kernel is at an operation that the frame does not come back from. */
const POINT_OF_NO_RETURN = 0x7fffffff;

class FunctionWriter {
  readonly #frame: FrameCode;
  readonly #plan: FlowPlan;
  /** Position of the boundary before a block; -1 for others. */
  readonly #boundaryBefore: Int32Array;
  readonly #touches: TouchPlan;
  #held = 0;

  constructor(frame: FrameCode, plan: FlowPlan) {
    this.#frame = frame;
    this.#plan = plan;
    this.#touches = planTouches(frame.ir);
    this.#boundaryBefore = new Int32Array(frame.ir.blocks.length).fill(-1);
    for (const { terminator } of frame.ir.blocks) {
      if (terminator.kind === "boundary") this.#boundaryBefore[terminator.next.block] = terminator.pc;
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
    for (const { id, instructions } of this.#frame.ir.blocks) {
      if (this.#plan.inLoop[id] === 1) for (const { args } of instructions) this.#holdImmediates(args);
    }
    this.#frame.enter();
    const { code, ir, locals } = this.#frame;
    if (!ir.blocks.some(({ terminator }) => terminator.kind === "selfdestruct")) return;
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
        if (this.#plan.guarded) {
          frame.code.i32(0);
          frame.code.set(frame.locals.point);
        }
        // A parameter stands once in the stack; other entries are constants.
        for (const [i, value] of entries.entries()) {
          if (frame.ir.values[value]!.kind === "param") frame.loadParam(value, i);
        }
      },
      { target: this.#plan.nodeOf[block.id]! },
    ];
  }

  /** The kernel's operation may itself have missed something: then it is still to be done, before the frame goes on. */
  #arrive(block: Block): void {
    const frame = this.#frame;
    const { code } = frame;
    const pc = this.#boundaryBefore[block.id]!;
    if (pc !== -1) {
      frame.loadField(layout.FRAME_RESUME);
      frame.loadField(layout.FRAME_PC);
      code.i32(pc);
      code.op(OP.i32Eq);
      code.op(OP.i32And);
      code.if();
      frame.returnStatus(layout.STATUS_OPERATION);
      code.end();
    }
    frame.storeField(layout.FRAME_RESUME, 0);
  }

  #block(node: number, block: Block, walker: FlowWalker): readonly Step[] {
    const site: AccessSite | undefined =
      block.resume === undefined
        ? undefined
        : { point: this.#plan.point[block.id]!, stack: block.resume.stack };
    const touches = this.#touches[block.id]!;
    const kept = block.instructions.filter(({ op }, i) => op === "touch" && touches.get(i) !== 0n).length;
    if (kept > MAX_TOUCHES_PER_BLOCK) {
      throw new BudgetError("operations", `a block expands memory more than ${MAX_TOUCHES_PER_BLOCK} times`);
    }
    for (const [i, instruction] of block.instructions.entries()) {
      const extent = touches.get(i);
      if (extent === undefined) emitInstruction(this.#frame, instruction, site);
      else emitTouch(this.#frame, instruction, extent);
    }
    this.#frame.code.checkSize();
    return this.#terminator(node, block, walker);
  }

  #edge({ block, args }: Edge): FlowEdge {
    const { params } = this.#frame.ir.blocks[block]!;
    return { target: this.#plan.nodeOf[block]!, moves: this.#frame.move(args, params) };
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
        this.#leave(terminator.stack, terminator.pc, this.#plan.point[terminator.next.block]!);
        return [];
      case "selfdestruct":
        this.#leave(terminator.stack, terminator.pc, POINT_OF_NO_RETURN);
        return [];
      case "exit":
        frame.makeCanonical(terminator.stack, terminator.pc);
        frame.storeField(layout.FRAME_FUNCTION, 0);
        frame.code.get(frame.locals.frame);
        frame.code.call(frame.kernel("interpret"));
        frame.code.op(OP.return);
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
