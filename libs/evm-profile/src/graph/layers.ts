/** A layered layout of a control-flow graph: each block below those that lead to it, back edges apart. */
export interface GraphEdge {
  readonly from: number;
  readonly to: number;
}

export interface Placed {
  readonly id: number;
  readonly layer: number;
  /** Place within the layer, from 0. */
  readonly at: number;
}

/** Sweeps of ordering by the mean place of neighbours: more change little. */
const SWEEPS = 4;

/** Edges without those that close a cycle, found by an iterative depth-first walk from `root`. */
function forwardEdges(root: number, next: ReadonlyMap<number, readonly number[]>): GraphEdge[] {
  const open = new Set<number>();
  const done = new Set<number>();
  const forward: GraphEdge[] = [];
  const work: { id: number; at: number }[] = [{ id: root, at: 0 }];
  open.add(root);
  while (work.length > 0) {
    const top = work[work.length - 1]!;
    const to = next.get(top.id)?.[top.at++];
    if (to === undefined) {
      open.delete(top.id);
      done.add(top.id);
      work.pop();
    } else if (!open.has(to)) {
      forward.push({ from: top.id, to });
      if (!done.has(to)) {
        open.add(to);
        work.push({ id: to, at: 0 });
      }
    }
  }
  return forward;
}

/** Layer of each block: one more than the lowest of those that lead to it. Edges have no cycle. */
function layersOf(root: number, edges: readonly GraphEdge[]): Map<number, number> {
  const waiting = new Map<number, number>();
  const next = new Map<number, number[]>();
  for (const { from, to } of edges) {
    waiting.set(to, (waiting.get(to) ?? 0) + 1);
    next.set(from, [...(next.get(from) ?? []), to]);
  }
  const layers = new Map([[root, 0]]);
  const work = [root];
  for (let id = work.pop(); id !== undefined; id = work.pop()) {
    for (const to of next.get(id) ?? []) {
      layers.set(to, Math.max(layers.get(to) ?? 0, layers.get(id)! + 1));
      const left = waiting.get(to)! - 1;
      waiting.set(to, left);
      if (left === 0) work.push(to);
    }
  }
  return layers;
}

/** Places everything that `root` leads to. */
export function layered(root: number, next: ReadonlyMap<number, readonly number[]>): Placed[] {
  const edges = forwardEdges(root, next);
  const layers = layersOf(root, edges);
  const rows: number[][] = [];
  for (const [id, layer] of layers) (rows[layer] ??= []).push(id);
  const places = new Map<number, number>();
  const note = (row: readonly number[]): void =>
    row.forEach((id, at) => void places.set(id, at - row.length / 2));
  for (const row of rows) note(row);
  const before = new Map<number, number[]>();
  const after = new Map<number, number[]>();
  for (const { from, to } of edges) {
    before.set(to, [...(before.get(to) ?? []), from]);
    after.set(from, [...(after.get(from) ?? []), to]);
  }
  const mean = (id: number, neighbours: ReadonlyMap<number, readonly number[]>): number => {
    const ids = neighbours.get(id) ?? [];
    return ids.length === 0
      ? places.get(id)!
      : ids.reduce((sum, each) => sum + places.get(each)!, 0) / ids.length;
  };
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const neighbours = sweep % 2 === 0 ? before : after;
    for (const row of sweep % 2 === 0 ? rows : rows.toReversed()) {
      const weights = new Map(row.map((id) => [id, mean(id, neighbours)]));
      row.sort((a, b) => weights.get(a)! - weights.get(b)!);
      note(row);
    }
  }
  return rows.flatMap((row, layer) => row.map((id, at) => ({ id, layer, at })));
}
