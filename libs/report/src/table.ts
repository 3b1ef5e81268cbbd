/** Plain text tables for terminals: columns of numbers to the right, of text to the left. */
export type Cell = string | number | boolean | null | undefined;

const text = (cell: Cell): string => (cell === null || cell === undefined ? "" : String(cell));
const isNumeric = (cell: string): boolean =>
  /^[-+]?[\d,.]+(?:e[-+]?\d+)?\s?(?:%|×|k|M|G|s|ms|µs|ns|B|KiB|MiB|GiB)?$/.test(cell);

/** Lines of a table with a rule under the header. Wide characters count as one. */
export function renderTable(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cells = rows.map((row) => header.map((_, i) => text(row[i])));
  const widths = header.map((name, i) => Math.max(name.length, ...cells.map((row) => row[i]!.length)));
  const isRight = header.map(
    (_, i) => cells.length > 0 && cells.every((row) => row[i] === "" || isNumeric(row[i]!)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (isRight[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join("  ")
      .trimEnd();
  return [line(header), widths.map((w) => "─".repeat(w)).join("  "), ...cells.map(line)].join("\n");
}

/** Label and value pairs, one per line, values aligned. */
export function renderPairs(pairs: readonly (readonly [string, Cell])[]): string {
  const width = Math.max(0, ...pairs.map(([label]) => label.length));
  return pairs.map(([label, value]) => `${label.padEnd(width)}  ${text(value)}`.trimEnd()).join("\n");
}

/** 1234567 as "1,234,567"; fractions to `digits`. Independent of the locale. */
export function formatNumber(value: number, digits = 0): string {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-";
  const [whole, fraction] = Math.abs(value).toFixed(digits).split(".");
  const grouped = whole!.replace(/\B(?=(\d{3})+$)/g, ",");
  return `${value < 0 ? "-" : ""}${grouped}${fraction === undefined ? "" : `.${fraction}`}`;
}
