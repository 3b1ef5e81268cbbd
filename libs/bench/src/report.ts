/** What a benchmark gives back. */
import { cpus } from "node:os";

export interface BenchOptions {
  /** Small data and a short run: shows that it works, says nothing of speed. */
  readonly small: boolean;
  /** Only the parts whose names contain this, in any case; for benchmarks that have `parts`. */
  readonly only?: string;
}

export type Better = "higher" | "lower";

export interface BenchRow {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly better?: Better;
  readonly target?: number;
  /** How far the target is surpassed: value / target, or its inverse where lower is better; ≥ 1 is reached. */
  readonly ratio?: number;
  readonly reached?: boolean;
  readonly detail?: string;
}

export interface BenchTable {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

export interface BenchReport {
  readonly name: string;
  readonly small: boolean;
  readonly machine: { readonly cores: number; readonly cpu: string; readonly node: string };
  readonly rows: readonly BenchRow[];
  readonly tables: readonly BenchTable[];
}

export interface Bench {
  readonly doc: string;
  /** Names of what can be run alone. Absent: the benchmark is one whole. */
  readonly parts?: readonly string[];
  /** `progress` is told each step; results of earlier runs are never taken over. */
  run(options: BenchOptions, progress: (step: string) => void): Promise<BenchReport>;
}

/** Whether a part of a benchmark is wanted. */
export const isWanted = (part: string, { only }: BenchOptions): boolean =>
  only === undefined || part.toLowerCase().includes(only.toLowerCase());

/** A row with its target judged. */
export function row(
  name: string,
  value: number,
  unit: string,
  extra: { readonly target?: number; readonly better?: Better; readonly detail?: string } = {},
): BenchRow {
  const { target, better = "higher", detail } = extra;
  const told = { name, value, unit, ...(detail ? { detail } : {}) };
  if (target === undefined) return told;
  const ratio = better === "higher" ? value / target : target / value;
  return { ...told, better, target, ratio, reached: ratio >= 1 };
}

export function report(
  name: string,
  options: BenchOptions,
  rows: readonly BenchRow[],
  tables: readonly BenchTable[] = [],
): BenchReport {
  const machine = { cores: cpus().length, cpu: cpus()[0]?.model ?? "unknown", node: process.versions.node };
  // Small data says nothing of speed, so nothing is judged by it.
  const judged = options.small ? rows.map(({ ratio: _ratio, reached: _reached, ...told }) => told) : rows;
  return { name, small: options.small, machine, rows: judged, tables };
}
