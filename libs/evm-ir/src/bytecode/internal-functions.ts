/**
 * Internal functions of a code, guessed from its text before anything is followed: a jump to a constant, behind which
 * stands a destination that is pushed somewhere, is a call that returns there. The guess decides where code is shared
 * and where it is cloned; what code does never depends on it.
 */
const JUMP = 0x56;
const JUMPI = 0x57;
const PUSH1 = 0x60;
const PUSH32 = 0x7f;
/** STOP, RETURN, REVERT, INVALID, SELFDESTRUCT. */
const HALTS: ReadonlySet<number> = new Set([0x00, 0xf3, 0xfd, 0xfe, 0xff]);

/** Instructions that writing a window, jumping and reading it back are worth. */
const TRANSFER_COST = 10;

interface InternalFunction {
  /** Instructions of its own. */
  size: number;
  /** Targets of its calls, one for each place that calls. */
  readonly calls: number[];
}

/** PUSH data of up to 4 bytes; undefined for what cannot be a destination. */
function smallData(code: Uint8Array, pc: number, size: number): number | undefined {
  if (size > 4) return undefined;
  let value = 0;
  for (let i = 1; i <= size; i++) value = value * 256 + (code[pc + i] ?? 0);
  return value;
}

class FunctionScan {
  readonly functions = new Map<number, InternalFunction>();
  readonly #code: Uint8Array;
  readonly #destinations: Uint8Array;
  /** Destinations that are pushed and not jumped to at once: return addresses, most of them. */
  readonly #returns = new Set<number>();
  /** By position: the function in which it was seen last, plus 1. */
  readonly #seen: Int32Array;

  constructor(code: Uint8Array, destinations: Uint8Array) {
    this.#code = code;
    this.#destinations = destinations;
    this.#seen = new Int32Array(code.length);
    for (let pc = 0; pc < code.length; pc++) {
      const op = code[pc]!;
      if (op < PUSH1 || op > PUSH32) continue;
      const size = op - PUSH1 + 1;
      const value = smallData(code, pc, size);
      pc += size;
      const next = code[pc + 1];
      // A small number that happens to be a destination would make strangers of one function.
      if (size === 1 && code.length > 256) continue;
      if (value !== undefined && next !== JUMP && next !== JUMPI && destinations[value] === 1)
        this.#returns.add(value);
    }
  }

  scan(maxSize: number): void {
    const work = [0];
    for (let start = work.pop(); start !== undefined; start = work.pop()) {
      if (this.functions.has(start)) continue;
      const found: InternalFunction = { size: 0, calls: [] };
      this.functions.set(start, found);
      const leaders = [start];
      for (let at = leaders.pop(); at !== undefined && found.size < maxSize; at = leaders.pop())
        this.#line(start, at, found, leaders);
      work.push(...found.calls);
    }
  }

  /** Goes on from `start` until the line ends, jumps for good, or joins what has been seen. */
  #line(home: number, start: number, found: InternalFunction, leaders: number[]): void {
    const code = this.#code;
    let pushed: number | undefined;
    for (let pc = start; pc < code.length; pc++) {
      if (this.#seen[pc] === home + 1) return;
      this.#seen[pc] = home + 1;
      found.size++;
      const op = code[pc]!;
      if (HALTS.has(op)) return;
      if (op === JUMP || op === JUMPI) {
        const target = pushed !== undefined && this.#destinations[pushed] === 1 ? pushed : undefined;
        const returns = op === JUMP && this.#destinations[pc + 1] === 1 && this.#returns.has(pc + 1);
        if (target !== undefined && returns) found.calls.push(target);
        else if (target !== undefined) leaders.push(target);
        if (op === JUMP && (target === undefined || !returns)) return;
      }
      pushed = undefined;
      if (op < PUSH1 || op > PUSH32) continue;
      const size = op - PUSH1 + 1;
      pushed = smallData(code, pc, size);
      pc += size;
      // Whatever a function has others return to is its own.
      const next = code[pc + 1];
      if (size > 1 && next !== JUMP && next !== JUMPI && this.#returns.has(pushed ?? -1))
        leaders.push(pushed!);
    }
  }
}

/**
 * Entries of functions that are to be shared by their callers: those that call themselves, by themselves or through
 * others, and those of which a clone would be more than `maxClone` instructions, what they clone themselves included.
 */
export function sharedFunctions(
  code: Uint8Array,
  destinations: Uint8Array,
  maxClone: number,
): ReadonlySet<number> {
  const scan = new FunctionScan(code, destinations);
  scan.scan(code.length);
  const { functions } = scan;
  const callers = new Map<number, number>();
  for (const { calls } of functions.values())
    for (const target of calls) callers.set(target, (callers.get(target) ?? 0) + 1);
  const shared = new Set<number>();
  const sizes = new Map<number, number>();
  /** Functions on the way from the entry to the one at hand. */
  const open = new Set<number>([0]);
  const path: { readonly start: number; readonly calls: readonly number[]; next: number }[] = [
    { start: 0, calls: functions.get(0)!.calls, next: 0 },
  ];
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const target = top.calls[top.next++];
    if (target !== undefined) {
      if (open.has(target)) shared.add(target);
      else if (!sizes.has(target)) {
        open.add(target);
        path.push({ start: target, calls: functions.get(target)!.calls, next: 0 });
      }
      continue;
    }
    path.pop();
    open.delete(top.start);
    let size = functions.get(top.start)!.size;
    for (const callee of top.calls) size += shared.has(callee) ? TRANSFER_COST : (sizes.get(callee) ?? 0);
    sizes.set(top.start, size);
    if (size > maxClone && (callers.get(top.start) ?? 0) > 1) shared.add(top.start);
  }
  shared.delete(0);
  return shared;
}
