/** Values that stand for others, applied to a whole function at once. */
import { type Block, edgesOf, type Terminator, type ValueId } from "../ir.ts";

export class Replacements {
  /** By value: what stands for it, plus 1; 0 for itself. Grows with the values. */
  #to: Int32Array;
  #count = 0;

  constructor(values: number) {
    this.#to = new Int32Array(values + 64);
  }

  set(from: ValueId, to: ValueId): void {
    if (from >= this.#to.length) {
      const grown = new Int32Array(2 * from + 64);
      grown.set(this.#to);
      this.#to = grown;
    }
    this.#to[from] = this.get(to) + 1;
    this.#count++;
  }

  has(id: ValueId): boolean {
    return id < this.#to.length && this.#to[id] !== 0;
  }

  /** What `id` is now; shortens the way there. */
  get(id: ValueId): ValueId {
    const to = this.#to;
    if (id >= to.length || to[id] === 0) return id;
    let last = to[id]! - 1;
    while (last < to.length && to[last] !== 0) last = to[last]! - 1;
    for (let at = id; at !== last; ) {
      const next = to[at]! - 1;
      to[at] = last + 1;
      at = next;
    }
    return last;
  }

  list(ids: ValueId[]): void {
    for (let i = 0; i < ids.length; i++) ids[i] = this.get(ids[i]!);
  }

  terminator(terminator: Terminator): void {
    switch (terminator.kind) {
      case "branch":
        terminator.condition = this.get(terminator.condition);
        break;
      case "switch":
        terminator.value = this.get(terminator.value);
        break;
      case "return":
      case "revert":
        terminator.offset = this.get(terminator.offset);
        terminator.size = this.get(terminator.size);
        break;
      case "boundary":
      case "selfdestruct":
      case "transfer":
      case "dispatch":
      case "exit":
        this.list(terminator.stack);
        break;
    }
    for (const { args } of edgesOf(terminator)) this.list(args);
  }

  apply(blocks: readonly Block[]): void {
    if (this.#count === 0) return;
    for (const { resume, instructions, terminator } of blocks) {
      if (resume !== undefined) this.list(resume.stack);
      for (const { args, words } of instructions) {
        this.list(args);
        if (words !== undefined) this.list(words);
      }
      this.terminator(terminator);
    }
  }
}
