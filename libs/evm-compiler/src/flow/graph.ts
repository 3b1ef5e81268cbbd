/** Order, dominators and loops of a graph whose nodes are numbers and whose entry is node 0. All passes are iterative. */

export interface Order {
  /** Reachable nodes in reverse postorder. */
  readonly nodes: readonly number[];
  /** Place of each node in it; -1 for unreachable ones. */
  readonly place: Int32Array;
  readonly predecessors: readonly (readonly number[])[];
}

export type Successors = readonly (readonly number[])[];

export function orderOf(successors: Successors): Order {
  const count = successors.length;
  const seen = new Uint8Array(count);
  const next = new Int32Array(count);
  const postorder: number[] = [];
  const stack = [0];
  seen[0] = 1;
  while (stack.length > 0) {
    const node = stack[stack.length - 1]!;
    const successor = successors[node]![next[node]!++];
    if (successor === undefined) {
      postorder.push(node);
      stack.pop();
    } else if (seen[successor] === 0) {
      seen[successor] = 1;
      stack.push(successor);
    }
  }
  const nodes = postorder.reverse();
  const place = new Int32Array(count).fill(-1);
  for (const [i, node] of nodes.entries()) place[node] = i;
  const predecessors: number[][] = Array.from({ length: count }, () => []);
  for (const node of nodes) for (const successor of successors[node]!) predecessors[successor]!.push(node);
  return { nodes, place, predecessors };
}

/** Immediate dominators (Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm); the entry's is itself. */
export function dominatorsOf(order: Order): Int32Array {
  const { nodes, place, predecessors } = order;
  const dominator = new Int32Array(place.length).fill(-1);
  dominator[0] = 0;
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of nodes) {
      if (node === 0) continue;
      let best = -1;
      for (const predecessor of predecessors[node]!) {
        if (dominator[predecessor] === -1) continue;
        best = best === -1 ? predecessor : commonDominator(dominator, place, best, predecessor);
      }
      if (dominator[node] !== best) {
        dominator[node] = best;
        changed = true;
      }
    }
  }
  return dominator;
}

function commonDominator(dominator: Int32Array, place: Int32Array, a: number, b: number): number {
  let [x, y] = [a, b];
  while (x !== y) {
    while (place[x]! > place[y]!) x = dominator[x]!;
    while (place[y]! > place[x]!) y = dominator[y]!;
  }
  return x;
}

/** True when each edge back in the order goes to a dominator: the graph is loops with one entry each. */
export function isReducible(order: Order, successors: Successors, dominator: Int32Array): boolean {
  const { nodes, place } = order;
  const depth = new Int32Array(place.length);
  for (const node of nodes) if (node !== 0) depth[node] = depth[dominator[node]!]! + 1;
  for (const node of nodes) {
    for (const target of successors[node]!) {
      if (place[target]! > place[node]!) continue;
      let up = node;
      while (depth[up]! > depth[target]!) up = dominator[up]!;
      if (up !== target) return false;
    }
  }
  return true;
}

export interface LoopForest {
  /** Header of the innermost loop around a node (its own, for a header); -1 outside of loops. */
  readonly header: Int32Array;
  /** For a header: header of the next loop around its loop, or -1. */
  readonly parent: Int32Array;
}

/** Natural loops of a reducible graph, inner ones first. */
export function loopsOf(order: Order): LoopForest {
  const { nodes, place, predecessors } = order;
  const header = new Int32Array(place.length).fill(-1);
  const parent = new Int32Array(place.length).fill(-1);
  for (let i = nodes.length - 1; i >= 0; i--) {
    const head = nodes[i]!;
    const work = predecessors[head]!.filter((node) => place[node]! >= i);
    if (work.length === 0) continue;
    collectLoop(head, work, order, header, parent);
  }
  return { header, parent };
}

function collectLoop(head: number, work: number[], order: Order, header: Int32Array, parent: Int32Array) {
  while (work.length > 0) {
    const node = work.pop()!;
    let loop = header[node]!;
    if (loop === -1) {
      header[node] = head;
      if (node !== head) work.push(...order.predecessors[node]!);
      continue;
    }
    while (loop !== head && parent[loop] !== -1) loop = parent[loop]!;
    if (loop === head) continue;
    parent[loop] = head;
    for (const outside of order.predecessors[loop]!)
      if (!isWithin(outside, loop, header, parent)) work.push(outside);
  }
  header[head] = head;
}

function isWithin(node: number, loop: number, header: Int32Array, parent: Int32Array): boolean {
  for (let at = header[node]!; at !== -1; at = parent[at]!) if (at === loop) return true;
  return false;
}
