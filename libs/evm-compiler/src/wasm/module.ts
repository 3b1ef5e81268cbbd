/** Puts a WebAssembly module together: types, imports, functions and exports. */
import { ByteSink } from "./bytes.ts";
import type { FunctionCode } from "./code.ts";
import type { ValueType } from "./opcodes.ts";

export interface Signature {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}

const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;

export class ModuleBuilder {
  readonly #types: Signature[] = [];
  readonly #typeIndex = new Map<string, number>();
  readonly #imports: { module: string; name: string; type: number }[] = [];
  readonly #importIndex = new Map<string, number>();
  readonly #functions: { type: number; code: FunctionCode }[] = [];
  readonly #exports: { name: string; index: number }[] = [];
  #memory: { module: string; name: string; pages: number } | undefined;

  importMemory(module: string, name: string, pages: number): void {
    this.#memory = { module, name, pages };
  }

  /** Index of an imported function. All imports come before the first function. */
  importFunction(module: string, name: string, signature: Signature): number {
    const key = `${module}.${name}`;
    const known = this.#importIndex.get(key);
    if (known !== undefined) return known;
    if (this.#functions.length > 0) throw new Error(`import ${key} after the first function`);
    const index = this.#imports.push({ module, name, type: this.#type(signature) }) - 1;
    this.#importIndex.set(key, index);
    return index;
  }

  /** Index of a new function, whose body may be written until `finish`. */
  addFunction(code: FunctionCode, results: readonly ValueType[]): number {
    this.#functions.push({ type: this.#type({ parameters: code.parameters, results }), code });
    return this.#imports.length + this.#functions.length - 1;
  }

  exportFunction(name: string, index: number): void {
    this.#exports.push({ name, index });
  }

  finish(): Uint8Array<ArrayBuffer> {
    const out = new ByteSink(8192);
    out.raw(Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00));
    section(out, SECTION.type, this.#types, (sink, type) => {
      sink.byte(0x60);
      sink.u32(type.parameters.length);
      for (const parameter of type.parameters) sink.byte(parameter);
      sink.u32(type.results.length);
      for (const result of type.results) sink.byte(result);
    });
    this.#importSection(out);
    section(out, SECTION.function, this.#functions, (sink, f) => sink.u32(f.type));
    section(out, SECTION.export, this.#exports, (sink, e) => {
      sink.name(e.name);
      sink.byte(0x00);
      sink.u32(e.index);
    });
    section(out, SECTION.code, this.#functions, (sink, f) => f.code.writeTo(sink));
    return out.bytes.slice(0, out.length);
  }

  #importSection(out: ByteSink): void {
    const entries: ((sink: ByteSink) => void)[] = this.#imports.map((entry) => (sink) => {
      sink.name(entry.module);
      sink.name(entry.name);
      sink.byte(0x00);
      sink.u32(entry.type);
    });
    const memory = this.#memory;
    if (memory !== undefined) {
      entries.push((sink) => {
        sink.name(memory.module);
        sink.name(memory.name);
        sink.byte(0x02);
        sink.byte(0x00);
        sink.u32(memory.pages);
      });
    }
    section(out, SECTION.import, entries, (sink, write) => write(sink));
  }

  #type(signature: Signature): number {
    const key = `${signature.parameters.join()}>${signature.results.join()}`;
    const known = this.#typeIndex.get(key);
    if (known !== undefined) return known;
    const index = this.#types.push(signature) - 1;
    this.#typeIndex.set(key, index);
    return index;
  }
}

function section<T>(
  out: ByteSink,
  id: number,
  items: readonly T[],
  write: (sink: ByteSink, item: T) => void,
): void {
  if (items.length === 0) return;
  const body = new ByteSink();
  body.u32(items.length);
  for (const item of items) write(body, item);
  out.byte(id);
  out.u32(body.length);
  out.raw(body.view());
}
