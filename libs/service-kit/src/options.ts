import { readFileSync } from "node:fs";
import { z } from "zod";
import { KitError } from "./error.ts";

/** What one option is. Keys of `defineOptions` are camelCase; `executorThreads` is `--executor-threads`. */
export interface OptionDefinition<T = unknown> {
  /** What values are allowed; a boolean becomes a flag without value (`--no-x` for false), an array a repeatable or comma-separated one. */
  readonly type: z.ZodType<T>;
  /** Value when nothing else gives one. Without a default the option is required; `undefined` makes it optional. */
  readonly default?: T | undefined;
  /** Unit of the value, for the docs: `ms`, `bytes`, `transactions`. */
  readonly unit?: string;
  readonly doc: string;
  /** Name of the environment variable; `VELARIUM_EXECUTOR_THREADS` if left out. */
  readonly env?: string;
}

export type OptionDefinitions = Readonly<Record<string, OptionDefinition<never> | OptionDefinition>>;
export type OptionValues<D extends OptionDefinitions> = {
  readonly [K in keyof D]:
    | (D[K] extends { readonly type: z.ZodType<infer T> } ? T : never)
    | ("default" extends keyof D[K] ? (undefined extends D[K]["default"] ? undefined : never) : never);
};

export type OptionSource = "flag" | "environment" | "file" | "default";

export interface ParsedOptions<D extends OptionDefinitions> {
  readonly values: OptionValues<D>;
  /** Where each value came from. */
  readonly sources: Readonly<Record<keyof D & string, OptionSource>>;
  /** Arguments that are not flags. */
  readonly positionals: readonly string[];
  /** `--help` was among the arguments: values may be missing; print `help()`. */
  readonly help: boolean;
}

export interface ParseInput {
  /** Arguments without node and script; `process.argv.slice(2)` if left out. */
  readonly argv?: readonly string[];
  /** `process.env` if left out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Values that a program sets itself: over the defaults, under the config file. */
  readonly defaults?: Readonly<Record<string, unknown>>;
}

export interface OptionsSchema<D extends OptionDefinitions> {
  readonly definitions: D;
  /** @throws KitError `options`, with every problem found, not only the first */
  parse(input?: ParseInput): ParsedOptions<D>;
  /** Checks an object of values (from a program, not from text) and fills in defaults. */
  check(values: Readonly<Record<string, unknown>>): OptionValues<D>;
  /** Text for `--help`: one block per option. */
  help(usage?: string): string;
  /** A table for the reference documentation. */
  markdown(title?: string): string;
  /** JSON Schema (2020-12) of the config file; the chart's values schema includes it. */
  jsonSchema(): Record<string, unknown>;
  /** Flags that hand `values` to a child process; defaults are left out. */
  toArguments(values: Readonly<Record<string, unknown>>): string[];
}

/** `executorThreads` → `--executor-threads`. */
export const flagOf = (name: string): string => `--${dashed(name)}`;
/** `executorThreads` → `VELARIUM_EXECUTOR_THREADS`. */
export const environmentNameOf = (name: string): string =>
  `VELARIUM_${dashed(name).replaceAll("-", "_").toUpperCase()}`;
const dashed = (name: string): string => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);

/**
 * One schema for flags, environment, config file, help, reference and JSON Schema.
 * Precedence: flags, environment, `--config FILE` (JSON object, keys as here), defaults.
 */
export function defineOptions<const D extends OptionDefinitions>(definitions: D): OptionsSchema<D> {
  const names = Object.keys(definitions);
  const byFlag = new Map(names.map((n) => [dashed(n), n]));
  const define = (name: string): OptionDefinition => definitions[name] as OptionDefinition;
  const envOf = (name: string): string => define(name).env ?? environmentNameOf(name);

  function settle(candidates: ReadonlyMap<string, Candidate>, problems: string[]): Record<string, unknown> {
    const values: Record<string, unknown> = {};
    for (const name of names) {
      const definition = define(name);
      const given = candidates.get(name);
      if (given === undefined) {
        if ("default" in definition) values[name] = definition.default;
        else problems.push(`${flagOf(name)} (or ${envOf(name)}) is required: ${definition.doc}`);
        continue;
      }
      const raw = given.text === undefined ? given.value : fromText(definition.type, given.text);
      const result = definition.type.safeParse(raw);
      if (result.success) values[name] = result.data;
      else {
        const issue = result.error.issues.map((i) => i.message).join("; ");
        const came = JSON.stringify(given.text ?? given.value);
        problems.push(`${given.where}: expected ${describeType(definition)}, got ${came} (${issue})`);
      }
    }
    return values;
  }

  function parse(input: ParseInput = {}): ParsedOptions<D> {
    const problems: string[] = [];
    const flags = readFlags(input.argv ?? process.argv.slice(2), byFlag, define, problems);
    const env = input.env ?? process.env;
    const candidates = new Map<string, Candidate>();
    const sources: Record<string, OptionSource> = {};
    const take = (name: string, source: OptionSource, candidate: Candidate): void => {
      candidates.set(name, candidate);
      sources[name] = source;
    };
    for (const name of names) sources[name] = "default";
    for (const [name, value] of Object.entries(input.defaults ?? {})) {
      if (names.includes(name) && value !== undefined) take(name, "default", { where: name, value });
    }
    const file = flags.config ?? env["VELARIUM_CONFIG"];
    if (file !== undefined && !flags.help) {
      for (const [name, value] of Object.entries(readConfig(file, problems))) {
        if (names.includes(name)) take(name, "file", { where: `${file}: ${name}`, value });
        else problems.push(`${file}: unknown option "${name}"${didYouMean(name, names)}`);
      }
    }
    for (const name of names) {
      const text = env[envOf(name)];
      if (text !== undefined) take(name, "environment", { where: envOf(name), text: [text] });
    }
    for (const [name, text] of flags.given) take(name, "flag", { where: flagOf(name), text });
    const values = flags.help ? {} : settle(candidates, problems);
    if (problems.length > 0 && !flags.help) {
      throw new KitError("options", "The options are not as expected (see --help):", problems);
    }
    return {
      values: values as OptionValues<D>,
      sources: sources as Record<keyof D & string, OptionSource>,
      positionals: flags.positionals,
      help: flags.help,
    };
  }

  function check(given: Readonly<Record<string, unknown>>): OptionValues<D> {
    const problems: string[] = [];
    const candidates = new Map<string, Candidate>();
    for (const [name, value] of Object.entries(given)) {
      if (!names.includes(name)) problems.push(`unknown option "${name}"${didYouMean(name, names)}`);
      else if (value !== undefined) candidates.set(name, { where: name, value });
    }
    const values = settle(candidates, problems);
    if (problems.length > 0) throw new KitError("options", "The options are not as expected:", problems);
    return values as OptionValues<D>;
  }

  return {
    definitions,
    parse,
    check,
    help: (usage) => helpText(names, define, envOf, usage),
    markdown: (title) => markdownTable(names, define, envOf, title),
    jsonSchema: () => toJsonSchema(names, define),
    toArguments: (values) => toArguments(names, define, values),
  };
}

interface Candidate {
  readonly where: string;
  /** As typed by a user, one entry per repetition of the flag. */
  readonly text?: readonly string[];
  /** As found in a config file or given by a program. */
  readonly value?: unknown;
}

interface Flags {
  readonly given: Map<string, string[]>;
  readonly positionals: string[];
  readonly config: string | undefined;
  readonly help: boolean;
}

function readFlags(
  argv: readonly string[],
  byFlag: ReadonlyMap<string, string>,
  define: (name: string) => OptionDefinition,
  problems: string[],
): Flags {
  const given = new Map<string, string[]>();
  const positionals: string[] = [];
  let config: string | undefined;
  let help = false;
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i]!;
    if (argument === "--") {
      positionals.push(...argv.slice(i + 1));
      break;
    }
    if (argument === "-h" || argument === "--help") {
      help = true;
      continue;
    }
    if (!argument.startsWith("--")) {
      positionals.push(argument);
      continue;
    }
    const equals = argument.indexOf("=");
    const flag = argument.slice(2, equals < 0 ? undefined : equals);
    const inline = equals < 0 ? undefined : argument.slice(equals + 1);
    const negated = flag.startsWith("no-") && !byFlag.has(flag) ? byFlag.get(flag.slice(3)) : undefined;
    const name = byFlag.get(flag) ?? negated;
    if (name === undefined && flag !== "config") {
      problems.push(`unknown flag --${flag}${didYouMean(flag, [...byFlag.keys()], "--")}`);
      continue;
    }
    let text = inline;
    if (name !== undefined && kindOf(define(name).type) === "boolean") {
      text ??= negated === undefined ? "true" : "false";
    } else if (text === undefined) {
      // A following word that starts with a dash is a value only if it is a negative number.
      const next = argv[i + 1];
      if (next === undefined || (next.startsWith("-") && !/^-\d/.test(next))) {
        problems.push(`--${flag}: expected a value after it`);
        continue;
      }
      text = next;
      i++;
    }
    if (name === undefined) config = text;
    else given.set(name, [...(given.get(name) ?? []), text]);
  }
  return { given, positionals, config, help };
}

function readConfig(file: string, problems: string[]): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (parsed !== null && typeof parsed === "object" && !Array.isArray(parsed)) {
      return parsed as Record<string, unknown>;
    }
    problems.push(`${file}: expected a JSON object of options`);
  } catch (error) {
    problems.push(`${file}: cannot read it as JSON: ${(error as Error).message}`);
  }
  return {};
}

/** What a zod schema says about itself. */
interface TypeDefinition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
}

type Kind = "boolean" | "number" | "array" | "text";

/** The kind of value under optional, default and similar wrappers. */
function kindOf(type: z.ZodType): Kind {
  let schema: z.ZodType | undefined = type;
  for (let i = 0; i < 8 && schema; i++) {
    const def: TypeDefinition = (schema as unknown as { def: TypeDefinition }).def;
    if (def.type === "boolean" || def.type === "number" || def.type === "array") return def.type;
    schema = def.innerType ?? def.in;
  }
  return "text";
}

/** Text from a flag or the environment, as the value its type wants; zod then judges it. */
function fromText(type: z.ZodType, text: readonly string[]): unknown {
  const last = text[text.length - 1]!;
  switch (kindOf(type)) {
    case "boolean":
      if (/^(true|1|yes|on)$/i.test(last)) return true;
      return /^(false|0|no|off)$/i.test(last) ? false : last;
    case "number":
      return last.trim() !== "" && Number.isFinite(Number(last)) ? Number(last) : last;
    case "array": {
      const element = (type as unknown as { def: { element?: z.ZodType } }).def.element ?? z.string();
      const items = text.flatMap((t) => t.split(",")).filter((t) => t !== "");
      return items.map((item) => fromText(element, [item]));
    }
    case "text":
      return last;
  }
}

function describeType(definition: OptionDefinition): string {
  const unit = definition.unit === undefined ? "" : ` (${definition.unit})`;
  const schema = z.toJSONSchema(definition.type, { unrepresentable: "any", io: "input" }) as JsonType;
  return `${describeJson(schema)}${unit}`;
}

interface JsonType {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: JsonType;
}

function describeJson(schema: JsonType): string {
  if (schema.enum) return `one of ${schema.enum.join(", ")}`;
  if (schema.items) return `list of ${describeJson(schema.items)}`;
  const low =
    schema.minimum !== undefined && schema.minimum > Number.MIN_SAFE_INTEGER ? schema.minimum : undefined;
  const high =
    schema.maximum !== undefined && schema.maximum < Number.MAX_SAFE_INTEGER ? schema.maximum : undefined;
  const range =
    low === undefined
      ? high === undefined
        ? ""
        : ` ≤ ${high}`
      : high === undefined
        ? ` ≥ ${low}`
        : ` ${low}..${high}`;
  return `${schema.type ?? "text"}${range}`;
}

function didYouMean(word: string, known: readonly string[], prefix = ""): string {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const k of known) {
    const d = editDistance(word, k);
    if (d < bestDistance) [best, bestDistance] = [k, d];
  }
  return best === undefined ? "" : `; did you mean ${prefix}${best}?`;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitute, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

type Define = (name: string) => OptionDefinition;

function helpText(
  names: readonly string[],
  define: Define,
  envOf: (n: string) => string,
  usage?: string,
): string {
  const lines = usage === undefined ? [] : [`Usage: ${usage}`, ""];
  lines.push("Options (flags > environment > --config FILE > defaults):");
  for (const name of names) {
    const d = define(name);
    const value = kindOf(d.type) === "boolean" ? "" : ` <${describeType(d)}>`;
    lines.push(`  ${flagOf(name)}${value}`, `      ${d.doc} [${envOf(name)}; ${defaultText(d)}]`);
  }
  lines.push("  --config <file>", "      JSON object of options [VELARIUM_CONFIG]", "  --help");
  return `${lines.join("\n")}\n`;
}

function defaultText(d: OptionDefinition): string {
  if (!("default" in d)) return "required";
  return d.default === undefined ? "off by default" : `default ${JSON.stringify(d.default)}`;
}

function markdownTable(
  names: readonly string[],
  define: Define,
  envOf: (n: string) => string,
  title?: string,
): string {
  const cell = (s: string): string => s.replaceAll("|", "\\|").replaceAll("\n", " ");
  const rows = names.map((name) => {
    const d = define(name);
    const fallback = !("default" in d)
      ? "required"
      : d.default === undefined
        ? ""
        : `\`${JSON.stringify(d.default)}\``;
    return `| \`${flagOf(name)}\` | \`${envOf(name)}\` | ${cell(describeType(d))} | ${cell(fallback)} | ${cell(d.doc)} |`;
  });
  const head = ["| flag | environment | value | default | meaning |", "|---|---|---|---|---|"];
  return `${[...(title === undefined ? [] : [`## ${title}`, ""]), ...head, ...rows].join("\n")}\n`;
}

function toJsonSchema(names: readonly string[], define: Define): Record<string, unknown> {
  const properties: Record<string, unknown> = {};
  const required: string[] = [];
  for (const name of names) {
    const d = define(name);
    const { $schema: _, ...schema } = z.toJSONSchema(d.type, { unrepresentable: "any", io: "input" });
    const unit = d.unit === undefined ? "" : ` (${d.unit})`;
    properties[name] = {
      ...schema,
      description: `${d.doc}${unit}`,
      ...(d.default === undefined ? {} : { default: d.default }),
    };
    if (!("default" in d)) required.push(name);
  }
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    additionalProperties: false,
    properties,
    ...(required.length > 0 ? { required } : {}),
  };
}

function toArguments(
  names: readonly string[],
  define: Define,
  values: Readonly<Record<string, unknown>>,
): string[] {
  const out: string[] = [];
  for (const name of names) {
    const value = values[name];
    if (value === undefined || JSON.stringify(value) === JSON.stringify(define(name).default)) continue;
    out.push(`${flagOf(name)}=${Array.isArray(value) ? value.join(",") : String(value)}`);
  }
  return out;
}
