/** Charts as inline SVG. Colours come from the page's custom properties, so light and dark need no second drawing. */
import { escapeHtml } from "./escape.ts";
import { formatNumber } from "./table.ts";

const WIDTH = 640;
const HEIGHT = 240;
const LEFT = 64;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 40;
const PLOT_WIDTH = WIDTH - LEFT - RIGHT;
const PLOT_HEIGHT = HEIGHT - TOP - BOTTOM;
const MAX_X_LABELS = 10;

/** A round number at or above `value` whose quarters are round as well. */
export function niceCeiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  for (const step of [1, 2, 4, 5, 8, 10]) if (step * power >= value) return step * power;
  return 10 * power;
}

const compact = (value: number): string => {
  if (value >= 1e6) return `${formatNumber(value / 1e6, value % 1e6 === 0 ? 0 : 1)}M`;
  if (value >= 1e4) return `${formatNumber(value / 1e3, value % 1e3 === 0 ? 0 : 1)}k`;
  return formatNumber(value, Number.isInteger(value) ? 0 : value < 1 ? 2 : 1);
};
const n = (value: number): string => value.toFixed(1);

function frame(title: string, yMax: number, yLabel: string, xLabel: string, inner: string): string {
  const grid = [0, 1, 2, 3, 4].map((i) => {
    const y = TOP + PLOT_HEIGHT * (1 - i / 4);
    return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${n(y)}" y2="${n(y)}"/><text class="tick" x="${LEFT - 6}" y="${n(y + 4)}" text-anchor="end">${compact((yMax * i) / 4)}</text>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}"><title>${escapeHtml(title)}</title>${grid.join("")}${inner}<text class="axis" x="${LEFT + PLOT_WIDTH / 2}" y="${HEIGHT - 4}" text-anchor="middle">${escapeHtml(xLabel)}</text><text class="axis" transform="rotate(-90)" x="${-(TOP + PLOT_HEIGHT / 2)}" y="12" text-anchor="middle">${escapeHtml(yLabel)}</text></svg>`;
}

const empty = `<p class="empty">No data.</p>`;

export interface Point {
  readonly x: number;
  readonly y: number;
}

export function lineChart(title: string, points: readonly Point[], xLabel: string, yLabel: string): string {
  if (points.length === 0) return empty;
  const x0 = points[0]!.x;
  const span = Math.max(points[points.length - 1]!.x - x0, Number.MIN_VALUE);
  const yMax = niceCeiling(Math.max(...points.map((p) => p.y)));
  const toX = (x: number): number => LEFT + (PLOT_WIDTH * (x - x0)) / span;
  const toY = (y: number): number => TOP + PLOT_HEIGHT * (1 - y / yMax);
  const path = points.map((p, i) => `${i === 0 ? "M" : "L"}${n(toX(p.x))} ${n(toY(p.y))}`).join("");
  const base = TOP + PLOT_HEIGHT;
  const ticks = [0, 1, 2, 3, 4].map((i) => {
    const x = x0 + (span * i) / 4;
    return `<text class="tick" x="${n(toX(x))}" y="${base + 16}" text-anchor="middle">${compact(x)}</text>`;
  });
  const end = toX(points[points.length - 1]!.x);
  return frame(
    title,
    yMax,
    yLabel,
    xLabel,
    `<path class="area" d="${path}L${n(end)} ${base}L${LEFT} ${base}Z"/><path class="line" d="${path}"/>${ticks.join("")}`,
  );
}

export interface Bar {
  readonly label: string;
  readonly value: number;
}

export function barChart(title: string, bars: readonly Bar[], xLabel: string, yLabel: string): string {
  if (bars.length === 0) return empty;
  const yMax = niceCeiling(Math.max(...bars.map((b) => b.value)));
  const step = PLOT_WIDTH / bars.length;
  const every = Math.ceil(bars.length / MAX_X_LABELS);
  const base = TOP + PLOT_HEIGHT;
  const drawn = bars.map((bar, i) => {
    const height = (PLOT_HEIGHT * bar.value) / yMax;
    const x = LEFT + i * step;
    const label =
      i % every === 0
        ? `<text class="tick" x="${n(x + step / 2)}" y="${base + 16}" text-anchor="middle">${escapeHtml(bar.label)}</text>`
        : "";
    return `<rect class="bar" x="${n(x + step * 0.1)}" y="${n(base - height)}" width="${n(step * 0.8)}" height="${n(height)}"><title>${escapeHtml(bar.label)}: ${formatNumber(bar.value, Number.isInteger(bar.value) ? 0 : 2)}</title></rect>${label}`;
  });
  return frame(title, yMax, yLabel, xLabel, drawn.join(""));
}
