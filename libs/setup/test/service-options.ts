/** What services understand, to hold deployment files against. */
import { analyzerOptions } from "../../../services/analyzer/src/options.ts";
import { executorOptions } from "../../../services/executor/src/options.ts";
import { framerOptions } from "../../../services/framer/src/options.ts";
import { gatewayOptions } from "../../../services/gateway/src/options.ts";
import { schedulerOptions } from "../../../services/scheduler/src/options.ts";
import { stateShardOptions } from "../../../services/state-shard/src/options.ts";

interface Schema {
  readonly definitions: object;
  parse(input: { argv: readonly string[]; env: Readonly<Record<string, string>> }): {
    readonly values: object;
    readonly positionals: readonly string[];
  };
}

const schemas: Readonly<Record<string, Schema>> = {
  "state-shard": stateShardOptions,
  framer: framerOptions,
  scheduler: schedulerOptions,
  analyzer: analyzerOptions,
  executor: executorOptions,
  gateway: gatewayOptions,
};

export const serviceNames = Object.keys(schemas).sort();

const environmentNamesOf = (schema: Schema): string[] =>
  Object.entries(schema.definitions).map(
    ([name, definition]) =>
      (definition as { readonly env?: string }).env ??
      `VELARIUM_${name.replace(/[A-Z]/g, (c) => `_${c}`).toUpperCase()}`,
  );

/** Variables among `names` that the service does not read. */
export function unreadBy(service: string, names: readonly string[]): string[] {
  const read = new Set(environmentNamesOf(schemas[service]!));
  return names.filter((name) => !read.has(name));
}

/** Variables among `names` that no service reads. */
export const unreadByAll = (names: readonly string[]): string[] =>
  names.filter((name) => serviceNames.every((service) => unreadBy(service, [name]).length > 0));

export interface StartedService {
  readonly service: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * Parses what a container is started with, as the service does.
 * @throws KitError when a flag is unknown, a value is wrong, or a required option is missing
 */
export function started(command: readonly string[], env: Readonly<Record<string, string>>): StartedService {
  const [word, service = "", ...argv] = command;
  const schema = schemas[service];
  if (word !== "service" || !schema) throw new Error(`no service is started by: ${command.join(" ")}`);
  const { values, positionals } = schema.parse({ argv, env });
  if (positionals.length > 0) throw new Error(`${service} takes no arguments: ${positionals.join(" ")}`);
  return { service, values: values as Readonly<Record<string, unknown>> };
}
