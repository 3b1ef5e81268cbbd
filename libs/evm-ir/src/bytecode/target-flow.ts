/**
 * Which jump targets can reach a parameter: those that flow in over edges, through other parameters. Asked only of
 * parameters that are jumped to, and kept up to date while edges are still being added. A set is complete when nothing
 * but constants flows in; then the jump can go nowhere else.
 */
import type { Construction } from "../construct.ts";
import type { Block, BlockId, ValueId } from "../ir.ts";

/** What reaches one parameter. */
interface Flow<Site> {
  readonly targets: Set<ValueId>;
  unknown: boolean;
  readonly subscribers: Flow<Site>[];
  readonly sites: Site[];
}

interface Incoming {
  readonly args: readonly ValueId[];
  /** Parameters before the one that the first argument is for. */
  readonly shift: number;
}

export interface TargetUpdate<Site> {
  readonly site: Site;
  readonly target: ValueId;
}

/** `Site`: whatever asks for targets. */
export class TargetFlow<Site> {
  readonly #ir: Construction;
  readonly #flows = new Map<ValueId, Flow<Site>>();
  readonly #incoming = new Map<BlockId, Incoming[]>();
  /** Parameters with a flow, by block, with their places. */
  readonly #demanded = new Map<BlockId, { readonly place: number; readonly flow: Flow<Site> }[]>();
  readonly #news: { readonly flow: Flow<Site>; readonly target: ValueId | undefined }[] = [];
  readonly #updates: TargetUpdate<Site>[] = [];

  constructor(ir: Construction) {
    this.#ir = ir;
  }

  /** An edge to `block`, whose first argument is for the parameter at `shift`. */
  addEdge(block: Block, args: readonly ValueId[], shift = 0): void {
    const edges = this.#incoming.get(block.id);
    if (edges === undefined) this.#incoming.set(block.id, [{ args, shift }]);
    else edges.push({ args, shift });
    for (const { place, flow } of this.#demanded.get(block.id) ?? []) this.#flowIn(flow, args[place - shift]);
  }

  /** From now on `updates` tells `site` of each target of `param`, those known already included. */
  demand(param: ValueId, site: Site): void {
    const flow = this.#flowOf(param);
    flow.sites.push(site);
    for (const target of flow.targets) this.#updates.push({ site, target });
  }

  /** True if something that is no constant reaches `param`. */
  isUnknown(param: ValueId): boolean {
    return this.#flows.get(param)?.unknown ?? true;
  }

  /** The next target that a site has not been told of. */
  nextUpdate(): TargetUpdate<Site> | undefined {
    this.#propagate();
    return this.#updates.pop();
  }

  /** The flow of `param`, made with all the parameters that it depends on if it is new. */
  #flowOf(param: ValueId): Flow<Site> {
    const known = this.#flows.get(param);
    if (known !== undefined) return known;
    const first = this.#newFlow(param);
    for (const work = [param]; work.length > 0; ) {
      const next = work.pop()!;
      const flow = this.#flows.get(next)!;
      const block = this.#blockOf(next);
      const place = block.params.indexOf(next);
      const edges = this.#incoming.get(block.id) ?? [];
      this.#ir.tick();
      for (const { args, shift } of edges) this.#flowIn(flow, args[place - shift], work);
    }
    return first;
  }

  #newFlow(param: ValueId): Flow<Site> {
    const flow: Flow<Site> = { targets: new Set(), unknown: false, subscribers: [], sites: [] };
    this.#flows.set(param, flow);
    const block = this.#blockOf(param);
    const place = block.params.indexOf(param);
    const demanded = this.#demanded.get(block.id);
    if (demanded === undefined) this.#demanded.set(block.id, [{ place, flow }]);
    else demanded.push({ place, flow });
    return flow;
  }

  #blockOf(param: ValueId): Block {
    const value = this.#ir.values[param]!;
    if (value.kind !== "param") throw new RangeError(`value ${param} is no parameter`);
    return this.#ir.blocks[value.block]!;
  }

  /** `arg` reaches `flow`. New flows that it needs are added to `work`, or completed at once if there is none. */
  #flowIn(flow: Flow<Site>, arg: ValueId | undefined, work?: ValueId[]): void {
    const value = arg === undefined ? undefined : this.#ir.values[arg]!;
    if (value?.kind === "constant") return this.#add(flow, arg);
    if (value?.kind !== "param") return this.#add(flow, undefined);
    let source = this.#flows.get(arg!);
    if (source === undefined) {
      if (work === undefined) source = this.#flowOf(arg!);
      else {
        source = this.#newFlow(arg!);
        work.push(arg!);
      }
    }
    if (source === flow) return;
    source.subscribers.push(flow);
    for (const target of source.targets) this.#add(flow, target);
    if (source.unknown) this.#add(flow, undefined);
  }

  #add(flow: Flow<Site>, target: ValueId | undefined): void {
    if (target === undefined) {
      if (flow.unknown) return;
      flow.unknown = true;
    } else {
      if (flow.targets.has(target)) return;
      flow.targets.add(target);
      for (const site of flow.sites) this.#updates.push({ site, target });
    }
    this.#news.push({ flow, target });
  }

  #propagate(): void {
    for (let news = this.#news.pop(); news !== undefined; news = this.#news.pop()) {
      this.#ir.tick();
      for (const subscriber of news.flow.subscribers) this.#add(subscriber, news.target);
    }
  }
}
