/** The text form of functions; `parseFunction` reads it back. Grammar by example in docs/ir.md. */
import { type Block, type Edge, type Instruction, type IrFunction, NO_VALUE, type ValueId } from "./ir.ts";

class Printer {
  readonly #function: IrFunction;
  /** Numbers of local values, dense in order of definition, so that the text does not depend on value ids. */
  readonly #numbers = new Map<ValueId, number>();

  constructor(fn: IrFunction) {
    this.#function = fn;
    for (const block of fn.blocks) {
      for (const param of block.params) this.#numbers.set(param, this.#numbers.size);
      for (const { result } of block.instructions)
        if (result !== NO_VALUE) this.#numbers.set(result, this.#numbers.size);
    }
  }

  print(): string {
    const { fork, codeSize, immediates, blocks } = this.#function;
    const table = immediates.length === 0 ? "" : ` immediates [${immediates.map(hex).join(", ")}]`;
    const lines = [`function ${fork} code=${codeSize}${table}`];
    for (const block of blocks) {
      lines.push(this.#heading(block));
      for (const instruction of block.instructions) lines.push(`  ${this.#instruction(instruction)}`);
      lines.push(`  ${this.#terminator(block)} @${block.terminator.pc}`);
    }
    return `${lines.join("\n")}\n`;
  }

  #value(id: ValueId): string {
    const value = this.#function.values[id];
    if (value?.kind === "constant") return hex(value.value);
    if (value?.kind === "immediate") return `#${value.index}:w${value.bits}`;
    return `%${this.#numbers.get(id) ?? `undefined${id}`}`;
  }

  #definition(id: ValueId): string {
    return `${this.#value(id)}: w${this.#function.values[id]?.bits}`;
  }

  #list(ids: readonly ValueId[]): string {
    return ids.map((id) => this.#value(id)).join(", ");
  }

  #edge({ block, args }: Edge): string {
    return `${block}(${this.#list(args)})`;
  }

  #heading({ id, pc, height, floating, resume, params }: Block): string {
    const entry = resume?.landing === true ? "landing" : "resume";
    const point = resume === undefined ? "" : ` ${entry} ${resume.index} [${this.#list(resume.stack)}]`;
    const list = params.map((param) => this.#definition(param)).join(", ");
    return `block ${id} pc=${pc} height=${height}${floating ? " floating" : ""}${point} (${list}):`;
  }

  #instruction(instruction: Instruction): string {
    const { op, pc, args, result, gas, height, minStack, maxStackGrowth, words } = instruction;
    const parts: string[] = result === NO_VALUE ? [] : [this.#definition(result), "="];
    parts.push(op);
    for (const arg of args) parts.push(this.#value(arg));
    if (gas !== 0) parts.push(`gas=${gas}`);
    if (height !== undefined) parts.push(`height=${height}`);
    if (minStack !== undefined) parts.push(`min=${minStack}`);
    if (maxStackGrowth !== undefined) parts.push(`grow=${maxStackGrowth}`);
    if (words !== undefined) parts.push(`words=[${this.#list(words)}]`);
    parts.push(`@${pc}`);
    return parts.join(" ");
  }

  #terminator({ terminator: t }: Block): string {
    switch (t.kind) {
      case "jump":
        return `jump ${this.#edge(t.edge)}`;
      case "branch":
        return `branch ${this.#value(t.condition)} ${this.#edge(t.then)} ${this.#edge(t.else)}`;
      case "switch": {
        const cases = t.cases.map(({ value, edge }) => `${hex(value)} ${this.#edge(edge)}`);
        return `switch ${this.#value(t.value)} [${cases.join(", ")}] ${this.#edge(t.default)}`;
      }
      case "boundary":
        return `boundary ${t.op} [${this.#list(t.stack)}] ${this.#edge(t.next)}`;
      case "return":
      case "revert":
        return `${t.kind} ${this.#value(t.offset)} ${this.#value(t.size)}`;
      case "stop":
        return "stop";
      case "selfdestruct":
        return `selfdestruct [${this.#list(t.stack)}]`;
      case "fail":
        return `fail ${t.reason}`;
      case "transfer":
        return `transfer ${t.to} [${this.#list(t.stack)}]`;
      case "dispatch":
        return `dispatch [${this.#list(t.stack)}] gas=${t.gas}`;
      case "exit":
        return `exit ${t.reason} [${this.#list(t.stack)}]`;
    }
  }
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

export const printFunction = (fn: IrFunction): string => new Printer(fn).print();
