/**
 * Finds the accounts in the text of a genesis file without parsing it as a whole: a million accounts parsed at once take
 * a gigabyte and seconds, and all services but the state shards want the few fields beside them only.
 */
import { GenesisError } from "./error.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const NAME = Buffer.from('"alloc"');
/** Text parsed at a time: some 200 accounts, because objects of many thousand names are slow to build. */
const PIECE_BYTES = 1 << 14;

/** Bytes `from`..`to` of the file lie between the braces of `alloc`. */
export interface AllocRange {
  readonly from: number;
  readonly to: number;
}

const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** Place behind the string that begins at `at`; past the end when it has none. */
function afterString(text: Uint8Array, at: number): number {
  let i = at + 1;
  while (i < text.length && text[i] !== QUOTE) i += text[i] === BACKSLASH ? 2 : 1;
  return i + 1;
}

function skipSpace(text: Uint8Array, at: number): number {
  let i = at;
  while (isSpace(text[i])) i++;
  return i;
}

/** Place of the brace that closes the one at `at`, or -1. */
function closingBrace(text: Uint8Array, at: number): number {
  let depth = 0;
  for (let i = at; i < text.length; ) {
    const byte = text[i]!;
    if (byte === QUOTE) {
      i = afterString(text, i);
      continue;
    }
    if (byte === OPEN || byte === OPEN_LIST) depth++;
    else if ((byte === CLOSE || byte === CLOSE_LIST) && --depth === 0) return i;
    i++;
  }
  return -1;
}

/** Undefined when there is no object of that name at the top, or two: then the text is to be parsed as a whole. */
export function allocRange(text: Uint8Array): AllocRange | undefined {
  let depth = 0;
  let found: AllocRange | undefined;
  for (let i = 0; i < text.length; ) {
    const byte = text[i]!;
    if (byte === QUOTE) {
      const end = afterString(text, i);
      const colon = skipSpace(text, end);
      if (depth === 1 && text[colon] === COLON && NAME.equals(text.subarray(i, end))) {
        const open = skipSpace(text, colon + 1);
        const close = text[open] === OPEN ? closingBrace(text, open) : -1;
        if (close < 0 || found !== undefined) return undefined;
        found = { from: open + 1, to: close };
        i = close + 1;
      } else i = end;
      continue;
    }
    if (byte === OPEN || byte === OPEN_LIST) depth++;
    else if (byte === CLOSE || byte === CLOSE_LIST) depth--;
    i++;
  }
  return found;
}

/** Objects of some hundred accounts each, parsed one after another. Throws GenesisError `unreadable`. */
export function* allocPieces(text: Uint8Array, { from, to }: AllocRange): Generator<Record<string, unknown>> {
  const latin = Buffer.from(text.buffer, text.byteOffset, text.length);
  let start = from;
  let depth = 0;
  for (let i = from; i < to; ) {
    const byte = text[i]!;
    if (byte === QUOTE) {
      i = afterString(text, i);
      continue;
    }
    if (byte === OPEN || byte === OPEN_LIST) depth++;
    else if (byte === CLOSE || byte === CLOSE_LIST) depth--;
    else if (byte === COMMA && depth === 0 && i - start >= PIECE_BYTES) {
      yield parsed(latin.toString("utf8", start, i));
      start = i + 1;
      if (skipSpace(text, start) >= to) throw notJson("a name was expected after the last comma of alloc");
    }
    i++;
  }
  yield parsed(latin.toString("utf8", start, to));
}

function parsed(fields: string): Record<string, unknown> {
  try {
    return JSON.parse(`{${fields}}`) as Record<string, unknown>;
  } catch (cause) {
    throw notJson((cause as Error).message, cause);
  }
}

const notJson = (what: string, cause?: unknown): GenesisError =>
  new GenesisError("unreadable", "alloc", `the accounts are not JSON: ${what}`, cause);
