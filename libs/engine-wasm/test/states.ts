/** States that answer late, and results in a form that two engines can be compared in. */
import { type ExecutionResult, MemoryState, type StateView } from "@velarium/engine";
import { SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Answers at once only what it was asked for before, or by the die: then later, in a turn of its own. */
export class SlowState implements StateView {
  private readonly state: MemoryState;
  private readonly isAtHand: () => boolean;
  private readonly known = new Set<string>();
  private readonly hidden = new Set<string>();
  fetches = 0;

  constructor(state: MemoryState, isAtHand: () => boolean) {
    this.state = state;
    this.isAtHand = isAtHand;
  }

  private answers(key: Uint8Array): boolean {
    const name = hex(key);
    if (this.known.has(name)) return true;
    if (!this.hidden.has(name) && this.isAtHand()) this.known.add(name);
    else this.hidden.add(name);
    return this.known.has(name);
  }

  read(key: Uint8Array): Uint8Array | undefined {
    return this.answers(key) ? this.state.read(key) : undefined;
  }
  async fetch(key: Uint8Array): Promise<Uint8Array> {
    this.fetches++;
    await new Promise((resolve) => setImmediate(resolve));
    return this.state.read(key);
  }
  codeByPrefix(prefix: Uint8Array): Uint8Array | undefined {
    return this.answers(prefix) ? this.state.codeByPrefix(prefix) : undefined;
  }
  async fetchCode(prefix: Uint8Array): Promise<Uint8Array> {
    this.fetches++;
    await new Promise((resolve) => setImmediate(resolve));
    return this.state.fetchCode(prefix);
  }
}

export function copyOf(state: MemoryState): MemoryState {
  const copy = new MemoryState();
  for (const [key, word] of state.words) copy.words.set(key, word);
  for (const [key, bytes] of state.codes) copy.codes.set(key, bytes);
  return copy;
}

const rows = (count: number, row: (i: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => row(i)).sort();
const part = (bytes: Uint8Array, i: number, size: number): string =>
  hex(bytes.subarray(i * size, (i + 1) * size));

/** All fields, columns in the order of their keys: the order of columns is an engine's own. */
export function shown(result: ExecutionResult) {
  const { accesses, writes, deltas, codes } = result;
  return {
    ...result,
    reason: result.reason,
    logs: hex(result.logs),
    returnData: hex(result.returnData),
    createdAddress: result.createdAddress && hex(result.createdAddress),
    accesses: rows(accesses.count, (i) => `${part(accesses.keys, i, SLOT_KEY_BYTES)} ${accesses.kinds[i]}`),
    writes: rows(
      writes.count,
      (i) => `${part(writes.keys, i, SLOT_KEY_BYTES)} ${part(writes.words, i, WORD_BYTES)}`,
    ),
    deltas: rows(
      deltas.count,
      (i) => `${part(deltas.keys, i, SLOT_KEY_BYTES)} ${part(deltas.words, i, WORD_BYTES)}`,
    ),
    codes: codes.map(({ hash, bytes }) => `${hex(hash)} ${hex(bytes)}`).sort(),
  };
}
