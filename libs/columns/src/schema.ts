/**
 * Packed messages as columns. A schema names scalars (f64 each) and columns (vectors of one type, each with a
 * length of its own); readers and writers follow from it, so that no offset is written down anywhere else.
 *
 * Layout, little-endian: magic u32 | schema id u16 | schema version u16 | total bytes u32 | reserved u32 |
 * scalars f64... | byte length u32 of every vector (a bytes column has two: ends, blob), padded to 8 |
 * vectors, each starting at a multiple of 8.
 */
import { type Allocate, allocateMessage } from "./memory.ts";
import type { BytesColumn } from "./vectors.ts";

export type ColumnType = "u8" | "u32" | "f64" | "bytes" | `fixed${number}`;

export interface Schema<
  S extends string = string,
  C extends Record<string, ColumnType> = Record<string, ColumnType>,
> {
  readonly id: number;
  readonly version: number;
  readonly name: string;
  readonly doc: string;
  readonly scalars: readonly S[];
  readonly columns: C;
}

export type ColumnValue<T extends ColumnType> = T extends "u32"
  ? Uint32Array
  : T extends "f64"
    ? Float64Array
    : T extends "bytes"
      ? BytesColumn
      : Uint8Array;

export type Message<X> =
  X extends Schema<infer S, infer C>
    ? { readonly [K in S]: number } & { readonly [K in keyof C]: ColumnValue<C[K]> }
    : never;

export function defineSchema<const S extends string, const C extends Record<string, ColumnType>>(
  schema: Schema<S, C>,
): Schema<S, C> {
  return schema;
}

/** A batch that is not what the receiver expects. `code` says in which way. */
export class ColumnError extends Error {
  readonly code: "truncated" | "magic" | "schema" | "version" | "length";
  constructor(code: ColumnError["code"], message: string) {
    super(message);
    this.name = "ColumnError";
    this.code = code;
  }
}

const MAGIC = 0x31434c56; // "VLC1"
const HEADER_BYTES = 16;
const align = (n: number): number => (n + 7) & ~7;

interface Plan {
  readonly names: readonly string[];
  readonly types: readonly ColumnType[];
  readonly vectors: number;
  readonly tableOffset: number;
  readonly dataOffset: number;
  /** Every name with null: decoded messages begin as a copy, see `emptyMessage`. */
  readonly empty: Record<string, unknown>;
}
const plans = new WeakMap<Schema, Plan>();

function planOf(schema: Schema): Plan {
  let plan = plans.get(schema);
  if (!plan) {
    const names = Object.keys(schema.columns);
    const types = names.map((n) => schema.columns[n]!);
    const vectors = types.reduce((n, t) => n + (t === "bytes" ? 2 : 1), 0);
    const tableOffset = HEADER_BYTES + schema.scalars.length * 8;
    const empty = emptyMessage([...schema.scalars, ...names]);
    plan = { names, types, vectors, tableOffset, dataOffset: tableOffset + align(vectors * 4), empty };
    plans.set(schema, plan);
  }
  return plan;
}

/**
 * V8 turns an object into a hash table once it has got more than a dozen computed names one by one; each later look at
 * a column then costs a search. A parsed object keeps its shape, and so do its copies.
 */
function emptyMessage(names: readonly string[]): Record<string, unknown> {
  return JSON.parse(`{${names.map((name) => `${JSON.stringify(name)}:null`).join(",")}}`);
}

/** Packs a message. The result stands alone: nothing in it is borrowed. */
export function encode<S extends string, C extends Record<string, ColumnType>>(
  schema: Schema<S, C>,
  message: Message<Schema<S, C>>,
  allocate: Allocate = allocateMessage,
): Uint8Array {
  const plan = planOf(schema);
  const source = message as Record<string, unknown>;
  const vectors: Uint8Array[] = [];
  let total = plan.dataOffset;
  for (let i = 0; i < plan.names.length; i++) {
    const value = source[plan.names[i]!];
    if (plan.types[i] === "bytes") {
      const column = value as BytesColumn;
      vectors.push(asBytes(column.ends), column.blob);
      total += align(column.ends.byteLength) + align(column.blob.byteLength);
    } else {
      const view = asBytes(value as Uint8Array);
      vectors.push(view);
      total += align(view.byteLength);
    }
  }
  const out = allocate(total);
  const words = writeHead(schema, plan, source as Record<string, number>, out);
  let offset = plan.dataOffset;
  for (let i = 0; i < vectors.length; i++) {
    const vector = vectors[i]!;
    words[(plan.tableOffset >> 2) + i] = vector.byteLength;
    out.set(vector, offset);
    const end = offset + vector.byteLength;
    offset = align(end);
    for (let at = end; at < offset; at++) out[at] = 0;
  }
  return out;
}

/** Writes everything before the columns but their lengths, which the caller puts into the words that this returns. */
function writeHead(
  schema: Schema,
  plan: Plan,
  scalars: Readonly<Record<string, number>>,
  out: Uint8Array,
): Uint32Array {
  const words = new Uint32Array(out.buffer, out.byteOffset, plan.dataOffset >> 2);
  words[0] = MAGIC;
  words[1] = schema.id | (schema.version << 16);
  words[2] = out.length;
  words[3] = 0;
  // The table may end before the data begins.
  words[words.length - 1] = 0;
  const values = new Float64Array(out.buffer, out.byteOffset + HEADER_BYTES, schema.scalars.length);
  for (let i = 0; i < values.length; i++) values[i] = scalars[schema.scalars[i]!]!;
  return words;
}

/** Items of a column; of a bytes column, its items and the bytes of all of them. */
export type ColumnLength<T extends ColumnType> = T extends "bytes"
  ? { readonly items: number; readonly bytes: number }
  : number;

/**
 * A packed message of which the columns are yet to be filled: for a message too large to make its columns elsewhere first.
 * What they hold before is undefined; in a bytes column the end offsets must come to ascend up to its bytes.
 */
export function layOut<S extends string, C extends Record<string, ColumnType>>(
  schema: Schema<S, C>,
  scalars: { readonly [K in S]: number },
  lengths: { readonly [K in keyof C]: ColumnLength<C[K]> },
  allocate: Allocate = allocateMessage,
): { readonly bytes: Uint8Array; readonly message: Message<Schema<S, C>> } {
  const plan = planOf(schema);
  const sizes: number[] = [];
  let total = plan.dataOffset;
  for (let i = 0; i < plan.names.length; i++) {
    const length = lengths[plan.names[i]!]! as number | { items: number; bytes: number };
    if (typeof length === "number") sizes.push(length * itemBytes(plan.types[i]!));
    else sizes.push(length.items * 4, length.bytes);
  }
  for (const size of sizes) total += align(size);
  const bytes = allocate(total);
  const words = writeHead(schema, plan, scalars, bytes);
  words.set(sizes, plan.tableOffset >> 2);
  let offset = plan.dataOffset;
  let vector = 0;
  const next = (): Uint8Array => {
    const size = sizes[vector++]!;
    const view = bytes.subarray(offset, offset + size);
    bytes.fill(0, offset + size, align(offset + size));
    offset += align(size);
    return view;
  };
  const message: Record<string, unknown> = { ...plan.empty };
  for (const name of schema.scalars) message[name] = scalars[name];
  for (let i = 0; i < plan.names.length; i++) {
    const type = plan.types[i]!;
    if (type === "bytes") message[plan.names[i]!] = { ends: toU32(next(), schema.name), blob: next() };
    else if (type === "u32") message[plan.names[i]!] = toU32(next(), schema.name);
    else if (type === "f64") {
      const view = next();
      message[plan.names[i]!] = new Float64Array(view.buffer, view.byteOffset, view.length / 8);
    } else message[plan.names[i]!] = next();
  }
  return { bytes, message: message as Message<Schema<S, C>> };
}

function itemBytes(type: ColumnType): number {
  if (type === "u8") return 1;
  if (type === "u32") return 4;
  return type === "f64" ? 8 : Number(type.slice(5));
}

function asBytes(view: Uint8Array | Uint32Array | Float64Array): Uint8Array {
  return view instanceof Uint8Array ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** Schema id of a packed message, to choose the schema to decode with. Throws ColumnError. */
export function schemaIdOf(bytes: Uint8Array): number {
  if (bytes.length < HEADER_BYTES)
    throw new ColumnError("truncated", `a batch has at least ${HEADER_BYTES} bytes, got ${bytes.length}`);
  return bytes[4]! | (bytes[5]! << 8);
}

/** Unpacks a message. Views borrow from `bytes` when it is 8-aligned, from one aligned copy otherwise. Throws ColumnError. */
export function decode<S extends string, C extends Record<string, ColumnType>>(
  schema: Schema<S, C>,
  input: Uint8Array,
): Message<Schema<S, C>> {
  const plan = planOf(schema);
  if (input.length < plan.dataOffset)
    throw new ColumnError(
      "truncated",
      `${schema.name}: ${input.length} bytes, expected at least ${plan.dataOffset}`,
    );
  const bytes = (input.byteOffset & 7) === 0 ? input : new Uint8Array(input);
  const head = new Uint32Array(bytes.buffer, bytes.byteOffset, plan.dataOffset >> 2);
  if (head[0] !== MAGIC) throw new ColumnError("magic", `${schema.name}: not a packed batch`);
  const id = head[1]! & 0xffff;
  const version = head[1]! >>> 16;
  if (id !== schema.id)
    throw new ColumnError("schema", `expected ${schema.name} (${schema.id}), got schema ${id}`);
  if (version !== schema.version)
    throw new ColumnError("version", `${schema.name}: expected version ${schema.version}, got ${version}`);
  if (head[2] !== bytes.length)
    throw new ColumnError("length", `${schema.name}: says ${head[2]} bytes, has ${bytes.length}`);
  const out: Record<string, unknown> = { ...plan.empty };
  const scalars = new Float64Array(bytes.buffer, bytes.byteOffset + HEADER_BYTES, schema.scalars.length);
  for (let i = 0; i < scalars.length; i++) out[schema.scalars[i]!] = scalars[i]!;
  const table = plan.tableOffset >> 2;
  let offset = plan.dataOffset;
  let vector = 0;
  const next = (): Uint8Array => {
    const size = head[table + vector++]!;
    if (offset + size > bytes.length)
      throw new ColumnError("length", `${schema.name}: a column reaches past the end`);
    const view = bytes.subarray(offset, offset + size);
    offset += align(size);
    return view;
  };
  for (let i = 0; i < plan.names.length; i++) {
    const type = plan.types[i]!;
    const name = plan.names[i]!;
    if (type === "bytes") {
      const ends = toU32(next(), schema.name);
      const blob = next();
      checkEnds(ends, blob.length, schema.name);
      out[name] = { ends, blob };
    } else if (type === "u32") out[name] = toU32(next(), schema.name);
    else if (type === "f64") {
      const view = next();
      if (view.length % 8)
        throw new ColumnError("length", `${schema.name}.${name}: ${view.length} bytes of f64`);
      out[name] = new Float64Array(view.buffer, view.byteOffset, view.length / 8);
    } else {
      const view = next();
      if (type !== "u8" && view.length % Number(type.slice(5)))
        throw new ColumnError("length", `${schema.name}.${name}: ${view.length} bytes of ${type}`);
      out[name] = view;
    }
  }
  return out as Message<Schema<S, C>>;
}

function toU32(view: Uint8Array, name: string): Uint32Array {
  if (view.length % 4) throw new ColumnError("length", `${name}: ${view.length} bytes of u32`);
  return new Uint32Array(view.buffer, view.byteOffset, view.length / 4);
}

function checkEnds(ends: Uint32Array, size: number, name: string): void {
  let last = 0;
  for (let i = 0; i < ends.length; i++) {
    const end = ends[i]!;
    if (end < last) throw new ColumnError("length", `${name}: end offsets go backwards`);
    last = end;
  }
  if (last !== size) throw new ColumnError("length", `${name}: end offsets reach ${last} of ${size} bytes`);
}

/** Scalars of a packed message (8-aligned), in the schema's order, as a view: to change one of them in place. */
export function scalarsOf(schema: Schema, bytes: Uint8Array): Float64Array {
  return new Float64Array(bytes.buffer, bytes.byteOffset + HEADER_BYTES, schema.scalars.length);
}
