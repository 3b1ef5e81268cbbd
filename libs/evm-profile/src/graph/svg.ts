/** The control-flow graph of a function as an SVG picture. */
import { type Block, edgesOf, type IrFunction } from "@velarium/evm-ir";
import { doomedBlocks } from "../evaluate/doomed.ts";
import { layered } from "./layers.ts";

const BOX = { width: 190, gapX: 26, gapY: 34, line: 13, padding: 8 } as const;
/** Lines of text in a box. */
const MAX_LINES = 8;
/** Blocks drawn; a picture with more cannot be read. */
const MAX_BLOCKS = 1500;

const COLOURS = {
  plain: "#f4f4f1",
  access: "#dcebf7",
  call: "#fbe6cf",
  end: "#dff0dc",
  doomed: "#ececec",
  unknown: "#f7d4d4",
} as const;

const ACCESSES: ReadonlySet<string> = new Set([
  "sload",
  "sstore",
  "tload",
  "tstore",
  "balance",
  "selfbalance",
  "extcodesize",
  "extcodehash",
  "blockhash",
]);

export interface GraphOptions {
  readonly title: string;
  /** Draw these blocks only; all when absent. */
  readonly blocks?: ReadonlySet<number>;
  /** Leave out blocks from which a frame can only fail. */
  readonly withoutFailures?: boolean;
}

export interface Graph {
  readonly svg: string;
  readonly drawn: number;
  /** Blocks that were left out because there are too many. */
  readonly dropped: number;
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

function linesOf(block: Block): string[] {
  const { terminator } = block;
  const seen = block.instructions.filter(({ op }) => ACCESSES.has(op) || op === "keccak" || op === "log");
  const lines = [
    `pc ${block.pc}  ${block.instructions.length} ops`,
    ...seen.map(({ op, pc }) => `${op} @${pc}`),
  ];
  const end =
    terminator.kind === "boundary"
      ? terminator.op
      : terminator.kind === "exit" || terminator.kind === "fail"
        ? `${terminator.kind} ${terminator.reason}`
        : terminator.kind;
  if (lines.length > MAX_LINES - 1)
    lines.splice(MAX_LINES - 2, lines.length, `… ${lines.length - MAX_LINES + 2} more`);
  return end === "jump" || end === "branch" ? lines : [...lines, end];
}

function colourOf(block: Block, doomed: boolean): string {
  const { kind } = block.terminator;
  if (kind === "exit") return COLOURS.unknown;
  if (doomed) return COLOURS.doomed;
  if (kind === "boundary" || kind === "selfdestruct") return COLOURS.call;
  if (block.instructions.some(({ op }) => ACCESSES.has(op))) return COLOURS.access;
  return kind === "return" || kind === "stop" ? COLOURS.end : COLOURS.plain;
}

export function graphOf(fn: IrFunction, options: GraphOptions): Graph {
  const doomed = doomedBlocks(fn);
  const isShown = (id: number): boolean =>
    (options.blocks === undefined || options.blocks.has(id)) &&
    !(options.withoutFailures === true && doomed[id]);
  const next = new Map<number, number[]>();
  for (const { id, terminator } of fn.blocks)
    if (isShown(id))
      next.set(id, [...new Set(edgesOf(terminator).map(({ block }) => block))].filter(isShown));
  const placed = layered(0, next);
  const shown = placed.slice(0, MAX_BLOCKS);
  const texts = new Map(shown.map(({ id }) => [id, linesOf(fn.blocks[id]!)]));
  const heightOf = (id: number): number => texts.get(id)!.length * BOX.line + BOX.padding * 2;

  const rows: number[][] = [];
  for (const { id, layer } of shown) (rows[layer] ??= []).push(id);
  const widest = Math.max(...rows.map((row) => row.length));
  const width = widest * (BOX.width + BOX.gapX) + BOX.gapX;
  const boxes = new Map<number, { x: number; y: number; height: number }>();
  let y = 40;
  for (const row of rows) {
    const start = (width - row.length * (BOX.width + BOX.gapX) + BOX.gapX) / 2;
    let tallest = 0;
    row.forEach((id, at) => {
      const height = heightOf(id);
      boxes.set(id, { x: start + at * (BOX.width + BOX.gapX), y, height });
      tallest = Math.max(tallest, height);
    });
    y += tallest + BOX.gapY;
  }
  const lines: string[] = [];
  for (const { id } of shown) lines.push(...edgeLines(fn.blocks[id]!, boxes));
  for (const { id } of shown)
    lines.push(boxLines(fn.blocks[id]!, boxes.get(id)!, texts.get(id)!, doomed[id]!));
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" viewBox="0 0 ${width} ${y}" font-family="ui-monospace, monospace" font-size="10">`,
    `<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="12" y="22" font-size="13" font-weight="bold">${escaped(options.title)}</text>`,
    ...lines,
    "</svg>",
  ].join("\n");
  return { svg: `${svg}\n`, drawn: shown.length, dropped: placed.length - shown.length };
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly height: number;
}

function edgeLines(block: Block, boxes: ReadonlyMap<number, Box>): string[] {
  const from = boxes.get(block.id)!;
  const { terminator } = block;
  return edgesOf(terminator).flatMap(({ block: target }, at) => {
    const to = boxes.get(target);
    if (to === undefined) return [];
    const x1 = from.x + BOX.width / 2;
    const y1 = from.y + from.height;
    const x2 = to.x + BOX.width / 2;
    const taken = terminator.kind === "branch" && at === 0;
    const stroke = taken ? "#2a7a3b" : terminator.kind === "branch" ? "#a33" : "#555";
    // Back edges go round the right side of the boxes.
    const path =
      to.y > from.y
        ? `M${x1} ${y1}C${x1} ${y1 + 18} ${x2} ${to.y - 18} ${x2} ${to.y}`
        : `M${from.x + BOX.width} ${from.y + 10}C${from.x + BOX.width + 40} ${from.y} ${to.x + BOX.width + 40} ${to.y + 20} ${to.x + BOX.width} ${to.y + 12}`;
    return [`<path d="${path}" fill="none" stroke="${stroke}" marker-end="url(#tip)"/>`];
  });
}

function boxLines(block: Block, box: Box, texts: readonly string[], doomed: boolean): string {
  const fill = colourOf(block, doomed);
  const text = texts
    .map((line, at) => {
      const y = box.y + BOX.padding + 9 + at * BOX.line;
      return `<text x="${box.x + BOX.padding}" y="${y}"${at === 0 ? ' font-weight="bold"' : ""}>${escaped(line)}</text>`;
    })
    .join("");
  return `<g><rect x="${box.x}" y="${box.y}" width="${BOX.width}" height="${box.height}" rx="4" fill="${fill}" stroke="#888"/>${text}</g>`;
}
