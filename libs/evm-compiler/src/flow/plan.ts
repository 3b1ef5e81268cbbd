/**
 * The graph that is emitted for a component: its blocks, and ways in for frames that come back.
 *
 * A frame can come back in the middle of a loop. A direct way in would give the loop a second entry, which structured
 * control flow cannot express. So a frame comes in through the headers of all loops around its resume block, outermost
 * first: such a loop gets a **guard** before its header, where all edges to the header go and which sends a frame that is
 * coming back on to the next guard or to its **stub**, the node that loads the block's parameters from the frame. In
 * normal flow a guard costs one predictable test.
 */
import { edgesOf, type IrFunction } from "@velarium/evm-ir";
import type { Components } from "./components.ts";
import { dominatorsOf, isReducible, type LoopForest, loopsOf, type Order, orderOf } from "./graph.ts";

export type FlowNode =
  | { readonly kind: "entry" }
  | { readonly kind: "block"; readonly block: number }
  | { readonly kind: "stub"; readonly block: number }
  | { readonly kind: "guard"; readonly block: number };

/** Where frames with resume points `first`, `first + 1`, ... are sent. */
export interface Dispatch {
  readonly first: number;
  readonly targets: readonly number[];
  /** Normal flow: resume point 0. Where there is none, one of the targets. */
  readonly otherwise: number;
}

export interface FlowPlan {
  readonly nodes: readonly FlowNode[];
  readonly successors: readonly (readonly number[])[];
  readonly order: Order;
  readonly dominator: Int32Array;
  /** False: emit as one loop around a table of all nodes. */
  readonly structured: boolean;
  /** Of the entry and of guards. */
  readonly dispatch: ReadonlyMap<number, Dispatch>;
  /** Resume points: 1 and up to this. */
  readonly points: number;
  /** By place in the component: the resume point of a resume block; 0 for other blocks. */
  readonly point: Int32Array;
  /** By place: the node that an edge to a block goes to: the block, or the guard before it. */
  readonly nodeOf: Int32Array;
  /** By place: 1 inside of a loop. */
  readonly inLoop: Uint8Array;
  /** Stubs that must clear the resume point, because a guard will test it. */
  readonly guarded: boolean;
}

/** The blocks of one component of a function, which are known here by their places. */
interface Part {
  readonly ir: IrFunction;
  readonly blocks: readonly number[];
  /** By place: the places that its edges lead to. */
  readonly edges: readonly (readonly number[])[];
}

export function planFlow(ir: IrFunction, components: Components, component: number): FlowPlan {
  const blocks = components.blocks[component]!;
  // As the source has it, with returns from the kernel as edges.
  const edges = blocks.map((id) =>
    edgesOf(ir.blocks[id]!.terminator).map(({ block }) => components.place[block]!),
  );
  const part: Part = { ir, blocks, edges };
  const rooted = withRoot(part);
  const order = orderOf(rooted);
  const natural = isReducible(order, rooted, dominatorsOf(order));
  const structured = natural ? buildPlan(part, withoutRoot(loopsOf(order))) : undefined;
  if (structured !== undefined) {
    if (isReducible(structured.order, structured.successors, structured.dominator)) return structured;
  }
  return { ...buildPlan(part, undefined), structured: false };
}

/** The graph of the blocks, moved up by one for a root: from there to the entry, and to what only frames come back to. */
function withRoot({ ir, blocks, edges }: Part): (readonly number[])[] {
  const up = edges.map((targets) => targets.map((place) => place + 1));
  const entry = blocks[0] === 0 ? [1] : [];
  const { place: order } = orderOf([entry, ...up]);
  const lost = blocks.flatMap((id, place) =>
    ir.blocks[id]!.resume !== undefined && order[place + 1] === -1 ? [place + 1] : [],
  );
  return [[...entry, ...lost], ...up];
}

/** Loops by place instead: the root is in none. */
function withoutRoot({ header, parent }: LoopForest): LoopForest {
  const down = (from: Int32Array) => from.subarray(1).map((node) => (node === -1 ? -1 : node - 1));
  return { header: down(header), parent: down(parent) };
}

class PlanBuilder {
  readonly nodes: FlowNode[] = [{ kind: "entry" }];
  readonly successors: number[][] = [[]];
  readonly dispatch = new Map<number, Dispatch>();

  add(node: FlowNode, successors: number[]): number {
    this.successors.push(successors);
    return this.nodes.push(node) - 1;
  }
  setDispatch(node: number, dispatch: Dispatch): void {
    this.dispatch.set(node, dispatch);
    this.successors[node] = [...new Set([dispatch.otherwise, ...dispatch.targets])];
  }
}

function buildPlan(part: Part, loops: LoopForest | undefined): FlowPlan {
  const { ir, blocks } = part;
  const builder = new PlanBuilder();
  const blockNode = Int32Array.from(blocks, (block) => builder.add({ kind: "block", block }, []));
  const { inner, top } = resumeTree(part, loops);
  const nodeOf = blockNode.slice();
  for (const head of inner.keys()) nodeOf[head] = builder.add({ kind: "guard", block: blocks[head]! }, []);
  const point = new Int32Array(blocks.length);
  const points = numberPoints(builder, part, top, inner, nodeOf, blockNode, point);
  for (const [place, id] of blocks.entries()) {
    // The kernel comes back through the stub, not over the edge.
    const edges = ir.blocks[id]!.terminator.kind === "boundary" ? [] : part.edges[place]!;
    builder.successors[blockNode[place]!] = edges.map((target) => nodeOf[target]!);
  }
  const order = orderOf(builder.successors);
  return {
    nodes: builder.nodes,
    successors: builder.successors,
    order,
    dominator: dominatorsOf(order),
    structured: true,
    dispatch: builder.dispatch,
    points,
    point,
    nodeOf,
    inLoop: Uint8Array.from(blocks, (_, place) =>
      loops === undefined || loops.header[place] !== -1 ? 1 : 0,
    ),
    guarded: inner.size > 0,
  };
}

/** A resume block, or the header of a loop with resume blocks inside, by place. */
type Entered = { readonly kind: "stub" | "loop"; readonly at: number };

/** What is entered directly from outside all loops, and from each loop that is entered. */
function resumeTree({ ir, blocks }: Part, loops: LoopForest | undefined) {
  const top: Entered[] = [];
  const inner = new Map<number, Entered[]>();
  const listOf = (loop: number): Entered[] => {
    // Registers the loop, and those around it.
    let list = inner.get(loop);
    if (list !== undefined) return list;
    inner.set(loop, (list = []));
    for (let at = loop; ; ) {
      const outer = loops!.parent[at]!;
      const entered: Entered = { kind: "loop", at };
      if (outer === -1) {
        top.push(entered);
        return list;
      }
      const known = inner.get(outer);
      if (known !== undefined) {
        known.push(entered);
        return list;
      }
      inner.set(outer, [entered]);
      at = outer;
    }
  };
  for (const [at, id] of blocks.entries()) {
    if (ir.blocks[id]!.resume === undefined) continue;
    const innermost = loops === undefined ? -1 : loops.header[at]!;
    // A header is entered from outside of its loop like any other.
    const loop = innermost === at ? loops!.parent[at]! : innermost;
    (loop === -1 ? top : listOf(loop)).push({ kind: "stub", at });
  }
  return { top, inner };
}

/** Numbers resume points so that those inside a loop are a range, and makes stubs and dispatches; says how many. */
function numberPoints(
  builder: PlanBuilder,
  { blocks }: Part,
  top: readonly Entered[],
  inner: ReadonlyMap<number, readonly Entered[]>,
  nodeOf: Int32Array,
  blockNode: Int32Array,
  point: Int32Array,
): number {
  interface Open {
    readonly node: number;
    readonly entered: readonly Entered[];
    readonly otherwise: number;
    readonly first: number;
    readonly targets: number[];
    at: number;
  }
  let next = 1;
  const otherwise = blocks[0] === 0 ? nodeOf[0]! : -1;
  const open: Open[] = [{ node: 0, entered: top, otherwise, first: next, targets: [], at: 0 }];
  while (open.length > 0) {
    const current = open[open.length - 1]!;
    const entered = current.entered[current.at++];
    if (entered === undefined) {
      open.pop();
      const { first, targets } = current;
      builder.setDispatch(current.node, {
        first,
        targets,
        otherwise: current.otherwise === -1 ? targets[0]! : current.otherwise,
      });
      const around = open[open.length - 1];
      for (let i = current.first; around !== undefined && i < next; i++) around.targets.push(current.node);
    } else if (entered.kind === "stub") {
      point[entered.at] = next++;
      current.targets.push(builder.add({ kind: "stub", block: blocks[entered.at]! }, [nodeOf[entered.at]!]));
    } else {
      const node = nodeOf[entered.at]!;
      const otherwise = blockNode[entered.at]!;
      open.push({ node, entered: inner.get(entered.at)!, otherwise, first: next, targets: [], at: 0 });
    }
  }
  return next - 1;
}
