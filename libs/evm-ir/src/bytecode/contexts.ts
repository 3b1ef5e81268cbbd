/**
 * Which block stands for a position: one per context, which is the height of the stack and the jump targets that lie on
 * it as pushed constants. A position that has had enough contexts is shared by further ones: by those that agree in the
 * topmost target, and beyond that by all, in a landing, or not at all, in an exit. Blocks are translated in order of
 * discovery, so that what is near the entry has its contexts before deep recursion takes them.
 */
import type { Construction } from "../construct.ts";
import type { Block, Edge, ValueId } from "../ir.ts";
import { sharedFunctions } from "./internal-functions.ts";
import { type Entry, entryOf, type OpenBlock, valueIn } from "./open-block.ts";

export interface ContextLimits {
  /** Contexts in which a position is built apart. */
  readonly maxContexts: number;
  /** Contexts in which it is shared beyond that; then it becomes an exit, or a landing. */
  readonly maxShared: number;
  /** There are landings, and internal functions of more instructions are shared there. */
  readonly maxClone?: number;
}

/** A block that is still to be translated. */
export interface Pending {
  readonly block: Block;
  readonly pc: number;
  readonly stack: Entry[];
}

export class Contexts {
  readonly #destinations: Uint8Array;
  readonly #ir: Construction;
  readonly #open: OpenBlock;
  readonly #limits: ContextLimits;
  readonly #variants = new Map<string, Block>();
  readonly #contextCount = new Map<number, number>();
  readonly #sharedCount = new Map<number, number>();
  /** By position; undefined when there are none. */
  readonly #landings: Map<number, Block> | undefined;
  /** Entries of functions that are not cloned. */
  readonly #shared: ReadonlySet<number>;
  readonly #work: Pending[] = [];
  #workDone = 0;
  #dropped = 0;

  constructor(
    code: Uint8Array,
    destinations: Uint8Array,
    ir: Construction,
    open: OpenBlock,
    limits: ContextLimits,
  ) {
    this.#destinations = destinations;
    this.#ir = ir;
    this.#open = open;
    this.#limits = limits;
    const { maxClone } = limits;
    this.#landings = maxClone === undefined ? undefined : new Map();
    this.#shared = maxClone === undefined ? new Set() : sharedFunctions(code, destinations, maxClone);
  }

  /** Lets `block` be translated in its turn. */
  add(pending: Pending): void {
    this.#work.push(pending);
  }

  /** The block that comes next; undefined when all have been given out. */
  next(): Pending | undefined {
    return this.#workDone < this.#work.length ? this.#work[this.#workDone++] : undefined;
  }

  counts() {
    return {
      variants: this.#variants.size,
      positions: this.#contextCount.size,
      landings: this.#landings?.size ?? 0,
      droppedVariants: this.#dropped,
    };
  }

  /** True for positions that code may jump to. */
  isDestination(pc: bigint | number): boolean {
    return pc < this.#destinations.length && this.#destinations[Number(pc)] === 1;
  }

  /** The edge that the jump at `pc` takes to `target`: to a landing when it calls a function that is shared. */
  target(target: number, pc: number): Edge {
    if (!this.#shared.has(target)) return this.variant(target);
    const back = this.#open.stack.some((entry) => this.#isTarget(entry) && this.#targetOf(entry) === pc + 1);
    return back ? this.#transfer(target) : this.variant(target);
  }

  /** The edge from here to the block of `pc` in this context, which is made if it is new. */
  variant(pc: number): Edge {
    const { maxContexts, maxShared } = this.#limits;
    const targets: number[] = [];
    for (let i = 0; i < this.#open.stack.length; i++)
      if (this.#isTarget(this.#open.stack[i]!)) targets.push(i);
    return (
      this.#variantKeeping("", pc, targets, this.#contextCount, maxContexts) ??
      // Beyond, contexts differ in what is most likely the return address of the function at hand.
      this.#variantKeeping("shared", pc, targets.slice(-1), this.#sharedCount, maxShared) ??
      (this.#landings === undefined ? this.#dropVariant(pc) : this.#transfer(pc))
    );
  }

  /** The edge to the block that knows the operands at `places`; undefined when it is new and there are enough. */
  #variantKeeping(
    kind: string,
    pc: number,
    places: readonly number[],
    counts: Map<number, number>,
    limit: number,
  ): Edge | undefined {
    const stack = this.#open.stack;
    const { floating } = this.#open.block;
    let key = `${kind},${floating ? "floating," : ""}${pc},${stack.length}`;
    for (const place of places) key += `,${place}:${valueIn(stack[place]!)}`;
    let block = this.#variants.get(key);
    if (block === undefined) {
      // Positions are counted apart by whether they float.
      const counted = floating ? -1 - pc : pc;
      const count = counts.get(counted) ?? 0;
      if (count >= limit) return undefined;
      counts.set(counted, count + 1);
      block = this.#newVariant(pc, places);
      this.#variants.set(key, block);
    }
    const args: ValueId[] = [];
    for (let i = 0, next = 0; i < stack.length; i++)
      if (places[next] === i) next++;
      else args.push(valueIn(stack[i]!));
    return this.#open.edge(block, args);
  }

  /** A block for `pc` with parameters for all operands but those at `places`. */
  #newVariant(pc: number, places: readonly number[]): Block {
    const block = this.#open.newBlock(pc);
    this.#ir.useOperands(this.#open.stack.length);
    let next = 0;
    const stack = this.#open.stack.map((entry, i) => {
      if (places[next] !== i) return entryOf(this.#ir.param(block));
      next++;
      return entry;
    });
    this.#work.push({ block, pc, stack });
    return block;
  }

  /** One exit per position and height takes what is still beyond. */
  #dropVariant(pc: number): Edge {
    const key = `exit,${pc},${this.#open.stack.length}`;
    let block = this.#variants.get(key);
    if (block === undefined) {
      block = this.#ir.block(pc, this.#open.stack.length);
      const params = this.#open.stack.map(() => this.#ir.param(block!));
      block.terminator = { kind: "exit", reason: "variants", stack: params.slice(), pc };
      this.#variants.set(key, block);
      this.#dropped++;
    }
    return this.#open.edge(block, this.#open.values());
  }

  /** The edge to a block that leaves the operands in the frame for the landing at `pc`. */
  #transfer(pc: number): Edge {
    const block = this.#open.newBlock(pc);
    this.#ir.useOperands(this.#open.stack.length);
    // What comes back to addresses among them finds them by a dispatch.
    for (const entry of this.#open.stack) if (this.#isTarget(entry)) this.#landing(this.#targetOf(entry));
    block.terminator = {
      kind: "transfer",
      stack: this.#open.values(),
      to: this.#landing(pc).id,
      pc,
    };
    return this.#open.edge(block, []);
  }

  #landing(pc: number): Block {
    let block = this.#landings!.get(pc);
    if (block === undefined) {
      block = this.#ir.landing(pc);
      this.#landings!.set(pc, block);
      this.#work.push({ block, pc, stack: [] });
    }
    return block;
  }

  /** True for operands that tell contexts apart. */
  #isTarget(entry: Entry): boolean {
    if ((entry & 1) === 0) return false;
    const constant = this.#ir.constantOf(valueIn(entry));
    return constant !== undefined && this.isDestination(constant);
  }

  #targetOf(entry: Entry): number {
    return Number(this.#ir.constantOf(valueIn(entry)));
  }
}
