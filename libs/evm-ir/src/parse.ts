/** Reads the text form that `printFunction` writes. */
import { FORKS, type Fork } from "@velarium/chain-rules";
import {
  type Block,
  BOUNDARY_INPUTS,
  type BoundaryOperation,
  type Edge,
  type ExitReason,
  type FailReason,
  type Instruction,
  type IrFunction,
  NO_VALUE,
  type SwitchCase,
  type Terminator,
  type Value,
  type ValueId,
} from "./ir.ts";
import { isOperation } from "./operations.ts";
import { bitLength, WORD_MASK } from "./semantics.ts";

export class IrSyntaxError extends Error {
  readonly code = "IR_SYNTAX";
  /** From 1. */
  readonly line: number;
  constructor(line: number, expected: string, got: string) {
    super(`line ${line}: expected ${expected}, got ${got === "" ? "the end of the line" : `'${got}'`}`);
    this.name = "IrSyntaxError";
    this.line = line;
  }
}

const FAIL_REASONS: readonly FailReason[] = ["invalid", "undefined", "underflow", "overflow", "badjump"];
const EXIT_REASONS: readonly ExitReason[] = ["unknownjump", "variants", "depth"];
const TOKEN = /\s*([()[\],:=@]|[^\s()[\],:=@]+)/y;

/** Tokens of one line. */
class Line {
  readonly number: number;
  readonly #tokens: string[] = [];
  #at = 0;

  constructor(number: number, text: string) {
    this.number = number;
    TOKEN.lastIndex = 0;
    for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) this.#tokens.push(match[1]!);
  }

  get empty(): boolean {
    return this.#tokens.length === 0;
  }

  peek(ahead = 0): string {
    return this.#tokens[this.#at + ahead] ?? "";
  }

  next(): string {
    const token = this.peek();
    this.#at++;
    return token;
  }

  wrong(expected: string): IrSyntaxError {
    return new IrSyntaxError(this.number, expected, this.peek());
  }

  accept(token: string): boolean {
    if (this.peek() !== token) return false;
    this.#at++;
    return true;
  }

  expect(token: string): void {
    if (!this.accept(token)) throw this.wrong(`'${token}'`);
  }

  oneOf<T extends string>(names: readonly T[]): T {
    const found = names.find((name) => name === this.peek());
    if (found === undefined) throw this.wrong(names.join(" or "));
    this.#at++;
    return found;
  }

  integer(): number {
    if (!/^[0-9]{1,15}$/.test(this.peek())) throw this.wrong("a number");
    return Number(this.next());
  }

  word(): bigint {
    if (!/^0x[0-9a-f]{1,64}$/.test(this.peek())) throw this.wrong("a word in hexadecimal");
    return BigInt(this.next()) & WORD_MASK;
  }

  /** `name=number`. */
  field(name: string): number {
    this.expect(name);
    this.expect("=");
    return this.integer();
  }

  /** `w64` and the like. */
  bits(): number {
    if (!/^w[0-9]{1,3}$/.test(this.peek())) throw this.wrong("a width");
    return Number(this.next().slice(1));
  }

  end(): void {
    if (this.peek() !== "") throw this.wrong("the end of the line");
  }
}

class Parser {
  readonly #values: Value[] = [];
  readonly #constants = new Map<bigint, ValueId>();
  readonly #immediates = new Map<number, ValueId>();
  readonly #locals = new Map<string, ValueId>();
  readonly #blocks: Block[] = [];

  parse(text: string): IrFunction {
    const lines = text.split("\n").map((line, i) => new Line(i + 1, line));
    const filled = lines.filter(({ empty }) => !empty);
    const first = filled.shift() ?? new Line(1, "");
    first.expect("function");
    const fork: Fork = first.oneOf(FORKS);
    const codeSize = first.field("code");
    const immediates: bigint[] = [];
    if (first.accept("immediates")) this.#list(first, () => immediates.push(first.word()));
    first.end();
    for (const line of filled) if (line.peek() === "block") this.#heading(line);
    this.#defineResults(text);
    let at = -1;
    let ended = true;
    for (const line of filled) {
      if (line.peek(-1) === ":") {
        if (!ended) throw line.wrong("a terminator before the next block");
        at++;
        ended = false;
      } else {
        const block = this.#blocks[at];
        if (block === undefined || ended) throw line.wrong("a block");
        ended = this.#statement(line, block);
      }
    }
    if (!ended) throw (filled.at(-1) ?? first).wrong("a terminator");
    this.#resolveResumes();
    return { fork, codeSize, immediates, values: this.#values, blocks: this.#blocks };
  }

  readonly #resumeLists: { block: Block; names: string[]; line: Line }[] = [];

  #heading(line: Line): void {
    line.expect("block");
    const id = line.integer();
    if (id !== this.#blocks.length) throw line.wrong(`block ${this.#blocks.length}`);
    const pc = line.field("pc");
    const height = line.field("height");
    let resume: Block["resume"];
    const names: string[] = [];
    const floating = line.accept("floating");
    if (line.peek() === "resume" || line.peek() === "landing") {
      const landing = line.next() === "landing";
      resume = { index: line.integer(), landing, stack: [] };
      this.#list(line, () => names.push(this.#name(line)));
    }
    const terminator = { kind: "stop", pc } as const;
    const block: Block = { id, pc, height, floating, params: [], resume, instructions: [], terminator };
    line.expect("(");
    while (!line.accept(")")) {
      const name = line.next();
      line.expect(":");
      block.params.push(this.#define(line, name, { kind: "param", bits: line.bits(), block: id }));
      if (line.peek() !== ")") line.expect(",");
    }
    line.expect(":");
    line.end();
    if (resume !== undefined) this.#resumeLists.push({ block, names, line });
    this.#blocks.push(block);
  }

  /** Results are defined before any use is read, as blocks may use values of later ones in the text. */
  #defineResults(text: string): void {
    let block = -1;
    for (const [i, content] of text.split("\n").entries()) {
      const line = new Line(i + 1, content);
      if (line.peek() === "block") block++;
      else if (line.peek().startsWith("%") && line.peek(1) === ":") {
        const name = line.next();
        line.expect(":");
        this.#define(line, name, { kind: "result", bits: line.bits(), block });
      }
    }
  }

  #resolveResumes(): void {
    for (const { block, names, line } of this.#resumeLists)
      block.resume!.stack = names.map((name) => this.#named(line, name));
  }

  #define(line: Line, name: string, value: Value): ValueId {
    if (!/^%[0-9]+$/.test(name)) throw line.wrong("a value to define");
    if (this.#locals.has(name)) throw line.wrong(`one definition of ${name}`);
    const id = this.#values.push(value) - 1;
    this.#locals.set(name, id);
    return id;
  }

  /** The text of one operand: `%1`, `0x2a` or `#0:w160`. */
  #name(line: Line): string {
    const name = line.next();
    if (!name.startsWith("#")) return name;
    line.expect(":");
    return `${name}:${line.next()}`;
  }

  #value(line: Line): ValueId {
    return this.#named(line, this.#name(line));
  }

  #named(line: Line, name: string): ValueId {
    const local = this.#locals.get(name);
    if (local !== undefined) return local;
    if (/^0x[0-9a-f]{1,64}$/.test(name)) {
      const value = BigInt(name);
      let id = this.#constants.get(value);
      if (id === undefined) {
        id = this.#values.push({ kind: "constant", bits: bitLength(value), value }) - 1;
        this.#constants.set(value, id);
      }
      return id;
    }
    const match = /^#([0-9]+):w([0-9]{1,3})$/.exec(name);
    if (match === null) throw new IrSyntaxError(line.number, "a value", name);
    const index = Number(match[1]);
    let id = this.#immediates.get(index);
    if (id === undefined) {
      id = this.#values.push({ kind: "immediate", bits: Number(match[2]), index }) - 1;
      this.#immediates.set(index, id);
    }
    return id;
  }

  #list(line: Line, item: () => void, open = "[", close = "]"): void {
    line.expect(open);
    while (!line.accept(close)) {
      item();
      if (line.peek() !== close) line.expect(",");
    }
  }

  #valueList(line: Line, open = "[", close = "]"): ValueId[] {
    const values: ValueId[] = [];
    this.#list(line, () => values.push(this.#value(line)), open, close);
    return values;
  }

  #edge(line: Line): Edge {
    const block = line.integer();
    return { block, args: this.#valueList(line, "(", ")") };
  }

  #branch(line: Line): object {
    const condition = this.#value(line);
    const then = this.#edge(line);
    return { kind: "branch", condition, then, else: this.#edge(line) };
  }

  /** True when the line is a terminator. */
  #statement(line: Line, block: Block): boolean {
    if (line.peek().startsWith("%")) {
      const result = this.#locals.get(line.next())!;
      line.expect(":");
      line.bits();
      line.expect("=");
      this.#instruction(line, block, result);
      return false;
    }
    if (isOperation(line.peek())) {
      this.#instruction(line, block, NO_VALUE);
      return false;
    }
    const partial = this.#terminator(line);
    line.expect("@");
    block.terminator = { ...partial, pc: line.integer() } as Terminator;
    line.end();
    return true;
  }

  #instruction(line: Line, block: Block, result: ValueId): void {
    const op = line.next();
    if (!isOperation(op)) throw new IrSyntaxError(line.number, "an operation", op);
    const instruction: Instruction = { op, pc: 0, args: [], result, gas: 0 };
    while (/^[%0#]/.test(line.peek())) instruction.args.push(this.#value(line));
    if (line.peek() === "gas") instruction.gas = line.field("gas");
    if (line.peek() === "height") instruction.height = line.field("height");
    if (line.peek() === "min") instruction.minStack = line.field("min");
    if (line.peek() === "grow") instruction.maxStackGrowth = line.field("grow");
    if (line.accept("words")) {
      line.expect("=");
      instruction.words = this.#valueList(line);
    }
    line.expect("@");
    block.instructions.push({ ...instruction, pc: line.integer() });
    line.end();
  }

  #terminator(line: Line): object {
    const kinds = [
      "jump",
      "branch",
      "switch",
      "boundary",
      "return",
      "revert",
      "stop",
      "selfdestruct",
      "fail",
      "transfer",
      "dispatch",
      "exit",
    ] as const;
    const kind = line.oneOf(kinds);
    switch (kind) {
      case "jump":
        return { kind, edge: this.#edge(line) };
      case "branch":
        return this.#branch(line);
      case "switch": {
        const value = this.#value(line);
        const cases: SwitchCase[] = [];
        this.#list(line, () => cases.push({ value: line.word(), edge: this.#edge(line) }));
        return { kind, value, cases, default: this.#edge(line) };
      }
      case "boundary": {
        const op = line.oneOf(Object.keys(BOUNDARY_INPUTS) as BoundaryOperation[]);
        return { kind, op, stack: this.#valueList(line), next: this.#edge(line) };
      }
      case "return":
      case "revert":
        return { kind, offset: this.#value(line), size: this.#value(line) };
      case "stop":
        return { kind };
      case "selfdestruct":
        return { kind, stack: this.#valueList(line) };
      case "fail":
        return { kind, reason: line.oneOf(FAIL_REASONS) };
      case "transfer": {
        const to = line.integer();
        return { kind, to, stack: this.#valueList(line) };
      }
      case "dispatch": {
        const stack = this.#valueList(line);
        return { kind, stack, gas: line.field("gas") };
      }
      case "exit":
        return { kind, reason: line.oneOf(EXIT_REASONS), stack: this.#valueList(line) };
    }
  }
}

/** Throws `IrSyntaxError` on text that is no function. What it means is for `verifyFunction` to check. */
export const parseFunction = (text: string): IrFunction => new Parser().parse(text);
