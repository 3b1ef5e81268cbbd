/**
 * The graph that is emitted: the function's blocks, and ways in for frames that come back.
 *
 * A frame can come back in the middle of a loop. A direct way in would give the loop a second entry, which structured
 * control flow cannot express. So a frame comes in through the headers of all loops around its resume block, outermost
 * first: such a loop gets a **guard** before its header, where all edges to the header go and which sends a frame that is
 * coming back on to the next guard or to its **stub**, the node that loads the block's parameters from the frame. In
 * normal flow a guard costs one predictable test.
 */
import { edgesOf, type IrFunction } from "@velarium/evm-ir";
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
  /** Normal flow: resume point 0. */
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
  /** Number of a resume block in `FRAME_POINT`, from 1; 0 for other blocks. */
  readonly point: Int32Array;
  /** Node that an edge to a block goes to: the block, or the guard before it. */
  readonly nodeOf: Int32Array;
  /** By block: 1 inside of a loop. */
  readonly inLoop: Uint8Array;
  /** Stubs that must clear the resume point, because a guard will test it. */
  readonly guarded: boolean;
}

export function planFlow(ir: IrFunction): FlowPlan {
  // As the source has it, with returns from the kernel as edges.
  const blockEdges = ir.blocks.map(({ terminator }) => edgesOf(terminator).map(({ block }) => block));
  const blockOrder = orderOf(withRoots(ir, blockEdges));
  const natural = isReducible(blockOrder, withRoots(ir, blockEdges), dominatorsOf(blockOrder));
  const structured = natural ? buildPlan(ir, loopsOf(blockOrder)) : undefined;
  if (structured !== undefined) {
    if (isReducible(structured.order, structured.successors, structured.dominator)) return structured;
  }
  return { ...buildPlan(ir, undefined), structured: false };
}

/** Blocks that only frames that come back can reach count as successors of the entry. */
function withRoots(ir: IrFunction, edges: readonly (readonly number[])[]): (readonly number[])[] {
  const { place } = orderOf(edges);
  const lost = ir.blocks.filter(({ id, resume }) => resume !== undefined && place[id] === -1);
  if (lost.length === 0) return [...edges];
  return [[...edges[0]!, ...lost.map(({ id }) => id)], ...edges.slice(1)];
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

function buildPlan(ir: IrFunction, loops: LoopForest | undefined): FlowPlan {
  const builder = new PlanBuilder();
  const blockNode = Int32Array.from(ir.blocks, ({ id }) => builder.add({ kind: "block", block: id }, []));
  const { inner, top } = resumeTree(ir, loops);
  const nodeOf = blockNode.slice();
  for (const head of inner.keys()) nodeOf[head] = builder.add({ kind: "guard", block: head }, []);
  const point = new Int32Array(ir.blocks.length);
  numberPoints(builder, top, inner, nodeOf, blockNode, point);
  for (const { id, terminator } of ir.blocks) {
    // The kernel comes back through the stub, not over the edge.
    const edges = terminator.kind === "boundary" ? [] : edgesOf(terminator);
    builder.successors[blockNode[id]!] = edges.map(({ block }) => nodeOf[block]!);
  }
  const order = orderOf(builder.successors);
  return {
    nodes: builder.nodes,
    successors: builder.successors,
    order,
    dominator: dominatorsOf(order),
    structured: true,
    dispatch: builder.dispatch,
    point,
    nodeOf,
    inLoop: Uint8Array.from(ir.blocks, ({ id }) => (loops === undefined || loops.header[id] !== -1 ? 1 : 0)),
    guarded: inner.size > 0,
  };
}

/** A resume block, or a loop with resume blocks inside. */
type Entered = { readonly kind: "stub" | "loop"; readonly block: number };

/** What is entered directly from outside all loops, and from each loop that is entered. */
function resumeTree(ir: IrFunction, loops: LoopForest | undefined) {
  const top: Entered[] = [];
  const inner = new Map<number, Entered[]>();
  const listOf = (loop: number): Entered[] => {
    // Registers the loop, and those around it.
    let list = inner.get(loop);
    if (list !== undefined) return list;
    inner.set(loop, (list = []));
    for (let at = loop; ; ) {
      const outer = loops!.parent[at]!;
      const entered: Entered = { kind: "loop", block: at };
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
  for (const { id, resume } of ir.blocks) {
    if (resume === undefined) continue;
    const innermost = loops === undefined ? -1 : loops.header[id]!;
    // A header is entered from outside of its loop like any other.
    const loop = innermost === id ? loops!.parent[id]! : innermost;
    (loop === -1 ? top : listOf(loop)).push({ kind: "stub", block: id });
  }
  return { top, inner };
}

/** Numbers resume points so that those inside a loop are a range, and makes stubs and dispatches. */
function numberPoints(
  builder: PlanBuilder,
  top: readonly Entered[],
  inner: ReadonlyMap<number, readonly Entered[]>,
  nodeOf: Int32Array,
  blockNode: Int32Array,
  point: Int32Array,
): void {
  interface Open {
    readonly node: number;
    readonly entered: readonly Entered[];
    readonly otherwise: number;
    readonly first: number;
    readonly targets: number[];
    at: number;
  }
  let next = 1;
  const open: Open[] = [{ node: 0, entered: top, otherwise: nodeOf[0]!, first: next, targets: [], at: 0 }];
  while (open.length > 0) {
    const current = open[open.length - 1]!;
    const entered = current.entered[current.at++];
    if (entered === undefined) {
      open.pop();
      builder.setDispatch(current.node, current);
      const around = open[open.length - 1];
      for (let i = current.first; around !== undefined && i < next; i++) around.targets.push(current.node);
    } else if (entered.kind === "stub") {
      point[entered.block] = next++;
      current.targets.push(builder.add({ kind: "stub", block: entered.block }, [nodeOf[entered.block]!]));
    } else {
      const node = nodeOf[entered.block]!;
      const otherwise = blockNode[entered.block]!;
      open.push({ node, entered: inner.get(entered.block)!, otherwise, first: next, targets: [], at: 0 });
    }
  }
}
