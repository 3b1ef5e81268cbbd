/** From a function of the IR to the bytes of a WebAssembly module. */
import type { IrFunction } from "@velarium/evm-ir";
import { componentsOf } from "../flow/components.ts";
import { planFlow } from "../flow/plan.ts";
import { FlowWalker } from "../flow/walker.ts";
import { BudgetError, FunctionCode, I32 } from "../wasm/code.ts";
import { ModuleBuilder } from "../wasm/module.ts";
import { assignLocals, emptyAssignment } from "./assignment.ts";
import { FrameCode, type ImmediatePlace } from "./frame-code.ts";
import { FunctionWriter } from "./function-writer.ts";
import { KERNEL_FUNCTIONS, type KernelFunction } from "./imports.ts";
import { writeEntry, writeLocate } from "./landings.ts";
import { LastUses, livenessOf } from "./liveness.ts";
import { OutlinedFunctions } from "./outlined.ts";
import { planTouches } from "./touches.ts";

export interface EmitLimits {
  /** Bytes of the instructions. */
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
  for (const name of Object.keys(KERNEL_FUNCTIONS) as KernelFunction[]) {
    kernelIndex.set(name, module.importFunction("k", name, KERNEL_FUNCTIONS[name]));
  }
  const kernel = (name: KernelFunction): number => kernelIndex.get(name)!;
  const components = componentsOf(ir);
  const plans = components.blocks.map((_, component) => planFlow(ir, components, component));
  const codes = plans.map(() => new FunctionCode([I32], limits));
  const functions = codes.map((code) => module.addFunction(code, [I32]));
  /** By component: resume points of those before it. */
  const offsets: number[] = [];
  let points = 0;
  for (const plan of plans) {
    offsets.push(points);
    points += plan.points;
  }
  const pointOf = (block: number): number => {
    const component = components.of[block]!;
    return offsets[component]! + plans[component]!.point[components.place[block]!]!;
  };
  const entry = new FunctionCode([I32], limits);
  const run = plans.length === 1 ? functions[0]! : module.addFunction(entry, [I32]);
  if (plans.length > 1) {
    const last = plans.map((plan, i) => offsets[i]! + plan.points);
    writeEntry(entry, functions, last);
  }
  module.exportFunction("run", run);
  const landings = ir.blocks.filter(({ resume }) => resume?.landing === true);
  const locateCode = new FunctionCode([I32], limits);
  const locate = landings.length === 0 ? -1 : module.addFunction(locateCode, [I32]);
  writeLocate(
    locateCode,
    landings.map(({ id, pc }) => ({ pc, point: pointOf(id) })),
  );

  const liveness = livenessOf(ir, limits.maxLive);
  const lastUses = new LastUses(ir, liveness);
  const assignment = emptyAssignment(ir);
  const touches = planTouches(ir);
  const outlined = new OutlinedFunctions(module, kernel);
  let bytes = 0;
  for (const [component, plan] of plans.entries()) {
    const code = codes[component]!;
    const order = plan.order.nodes.flatMap((node) => {
      const at = plan.nodes[node]!;
      return at.kind === "block" ? [at.block] : [];
    });
    assignLocals(ir, order, liveness, lastUses, code, assignment);
    const blocks = components.blocks[component]!;
    const frame = new FrameCode({ ir, code, blocks, assignment, immediates, kernel, outlined });
    const writer = new FunctionWriter(frame, {
      plan,
      blocks,
      place: components.place,
      touches,
      offset: offsets[component]!,
      pointOf,
      functionOf: (block) => functions[components.of[block]!]!,
      run,
      locate,
    });
    writer.enter();
    const walker = new FlowWalker(code, plan, (node) => writer.write(node, walker), {
      maxNesting: limits.maxNesting,
      selector: frame.locals.point,
    });
    walker.run();
    code.unreachable();
    bytes += code.code.length;
    if (bytes > limits.maxBytes) {
      throw new BudgetError("bytes", `the code needs more than ${limits.maxBytes} bytes of WebAssembly`);
    }
  }
  return {
    bytes: module.finish(),
    locals: Math.max(...codes.map(({ localCount }) => localCount)),
    structured: plans.every(({ structured }) => structured),
  };
}
