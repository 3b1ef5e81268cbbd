/**
 * Fewer expansions of memory. A `touch` is code that branches and calls, and Solidity touches each word of what it encodes:
 * most are dropped here, for one of two reasons.
 * - Covered: memory reaches at least there on every path (it never shrinks).
 * - Merged: an earlier touch of the same section is made to reach further. Running out of gas earlier in a section cannot
 *   be seen, and the later touch is certain to be made unless the frame fails.
 * Ranges are compared as (base value, constant distance), and as constants.
 */
import { type Block, edgesOf, type Instruction, type IrFunction, type ValueId } from "@velarium/evm-ir";

/** Per block and instruction: the size that a touch has to cover instead of its own; 0 drops it. Absent: as it is. */
export type TouchPlan = readonly ReadonlyMap<number, bigint>[];

/** Extents are kept small, so that merging never makes a touch fail that would not have. */
const MAX_EXTENT = 1n << 20n;
/** Base of constants. */
const NO_BASE: ValueId = -1;

interface Range {
  readonly base: ValueId;
  readonly from: bigint;
  readonly size: bigint;
}

/**
 * Memory is known to reach `end` beyond a base, whose distance `from` was paid for: so base + from has not wrapped around
 * 2^256, and neither has any distance from there up to `end`. Nothing is known of smaller distances.
 */
interface Reach {
  readonly from: bigint;
  readonly end: bigint;
}
type Facts = Map<ValueId, Reach>;

export function planTouches(ir: IrFunction): TouchPlan {
  const definitions = definitionsOf(ir);
  const floors = constantFloors(ir, definitions);
  const plan: Map<number, bigint>[] = ir.blocks.map(() => new Map());
  const facts: (Facts | undefined)[] = new Array(ir.blocks.length).fill(undefined);
  const sole = solePredecessors(ir);
  // Facts follow chains of single edges; blocks are visited before what only they reach.
  const work = ir.blocks.filter(({ id }) => sole[id] === undefined).map(({ id }) => id);
  for (let id = work.pop(); id !== undefined; id = work.pop()) {
    const block = ir.blocks[id]!;
    const known: Facts = new Map(facts[id]);
    raise(known, { base: NO_BASE, from: 0n, size: floors[id]! });
    planBlock(ir, block, definitions, known, plan[id]!);
    for (const { block: next, args } of edgesOf(block.terminator)) {
      if (sole[next] !== id || facts[next] !== undefined) continue;
      facts[next] = renamed(ir, definitions, known, args, ir.blocks[next]!.params);
      work.push(next);
    }
  }
  return plan;
}

function definitionsOf(ir: IrFunction): (Instruction | undefined)[] {
  const definitions: (Instruction | undefined)[] = new Array(ir.values.length).fill(undefined);
  for (const { instructions } of ir.blocks) {
    for (const instruction of instructions)
      if (instruction.result >= 0) definitions[instruction.result] = instruction;
  }
  return definitions;
}

/** For blocks with one edge to them: the block it comes from. */
function solePredecessors(ir: IrFunction): (number | undefined)[] {
  const counts = new Int32Array(ir.blocks.length);
  const from: (number | undefined)[] = new Array(ir.blocks.length).fill(undefined);
  for (const { id, terminator } of ir.blocks) {
    for (const { block } of edgesOf(terminator)) {
      counts[block]!++;
      from[block] = id;
    }
  }
  return from.map((id, block) => (counts[block] === 1 ? id : undefined));
}

/** Facts seen through an edge: of values that stay visible, and of arguments under their new names. */
function renamed(
  ir: IrFunction,
  definitions: readonly (Instruction | undefined)[],
  facts: Facts,
  args: readonly ValueId[],
  params: readonly ValueId[],
): Facts {
  const result: Facts = new Map(facts);
  // A result that the frame delivers comes before the arguments.
  const delivered = params.length - args.length;
  for (const [i, arg] of args.entries()) {
    const [base, distance] = split(ir, definitions, arg);
    const reach = base === NO_BASE ? undefined : facts.get(base);
    if (reach === undefined) continue;
    result.set(params[i + delivered]!, { from: reach.from - distance, end: reach.end - distance });
  }
  return result;
}

/** A value as base and constant distance. */
function split(
  ir: IrFunction,
  definitions: readonly (Instruction | undefined)[],
  value: ValueId,
): [ValueId, bigint] {
  let [base, distance] = [value, 0n];
  for (let steps = 0; steps < 8; steps++) {
    const definition = ir.values[base]!;
    if (definition.kind === "constant") return [NO_BASE, distance + definition.value];
    const instruction = definitions[base];
    if (instruction?.op !== "add") break;
    const [a, b] = instruction.args.map((arg) => ir.values[arg]!);
    if (b!.kind === "constant" && b!.value < MAX_EXTENT) {
      distance += b!.value;
      base = instruction.args[0]!;
    } else if (a!.kind === "constant" && a!.value < MAX_EXTENT) {
      distance += a!.value;
      base = instruction.args[1]!;
    } else break;
  }
  return [base, distance];
}

function rangeOf(
  ir: IrFunction,
  definitions: readonly (Instruction | undefined)[],
  { args }: Instruction,
): Range | undefined {
  const size = ir.values[args[1]!]!;
  if (size.kind !== "constant" || size.value === 0n || size.value > MAX_EXTENT) return undefined;
  const [base, from] = split(ir, definitions, args[0]!);
  if (base === NO_BASE && from > MAX_EXTENT) return undefined;
  return { base, from, size: size.value };
}

const lower = (a: bigint, b: bigint): bigint => [a, b][Number(b < a)]!;
const higher = (a: bigint, b: bigint): bigint => [a, b][Number(b > a)]!;

function raise(facts: Facts, { base, from, size }: Range): void {
  const known = facts.get(base);
  const end = from + size;
  if (known === undefined) facts.set(base, { from, end });
  else {
    facts.set(base, {
      from: lower(from, known.from),
      end: higher(end, known.end),
    });
  }
}

function covers(reach: Reach | undefined, { from, size }: Range): boolean {
  return reach !== undefined && from >= reach.from && from + size <= reach.end;
}

/** Operations between which gas, memory size and access are seen: a touch does not move over them. */
const BARRIERS = new Set(["section", "gas", "msize"]);

function planBlock(
  ir: IrFunction,
  block: Block,
  definitions: readonly (Instruction | undefined)[],
  facts: Facts,
  plan: Map<number, bigint>,
): void {
  /** The touch of this section that later ones of the base may extend. */
  let open = new Map<ValueId, { readonly at: number; readonly from: bigint }>();
  for (const [i, instruction] of block.instructions.entries()) {
    if (BARRIERS.has(instruction.op)) open = new Map();
    if (instruction.op !== "touch") continue;
    const range = rangeOf(ir, definitions, instruction);
    if (range === undefined) continue;
    const end = range.from + range.size;
    if (covers(facts.get(range.base), range)) {
      plan.set(i, 0n);
      continue;
    }
    const earlier = open.get(range.base);
    if (earlier !== undefined && range.from >= earlier.from && end - earlier.from <= MAX_EXTENT) {
      plan.set(earlier.at, end - earlier.from);
      plan.set(i, 0n);
    } else open.set(range.base, { at: i, from: range.from });
    raise(facts, range);
  }
}

/** For each block the constant up to which memory reaches on every path to it. */
function constantFloors(ir: IrFunction, definitions: readonly (Instruction | undefined)[]): bigint[] {
  const gains = ir.blocks.map(({ instructions }) => {
    let gain = 0n;
    for (const instruction of instructions) {
      if (instruction.op !== "touch") continue;
      const range = rangeOf(ir, definitions, instruction);
      if (range?.base === NO_BASE && range.from + range.size > gain) gain = range.from + range.size;
    }
    return gain;
  });
  // Greatest solution: start high, lower until stable. Entry has nothing.
  const floors: bigint[] = new Array(ir.blocks.length).fill(MAX_EXTENT * 2n);
  floors[0] = 0n;
  const work = ir.blocks.map(({ id }) => id).reverse();
  const queued = new Uint8Array(ir.blocks.length).fill(1);
  for (let id = work.pop(); id !== undefined; id = work.pop()) {
    queued[id] = 0;
    const out = higher(floors[id]!, gains[id]!);
    for (const { block } of edgesOf(ir.blocks[id]!.terminator)) {
      if (out >= floors[block]!) continue;
      floors[block] = out;
      if (queued[block] === 1) continue;
      queued[block] = 1;
      work.push(block);
    }
  }
  return floors.map((floor) => (floor > MAX_EXTENT ? 0n : floor));
}
