/** The state as one transaction sees it: what it was granted; anything else is fetched and kept. */
import { bytesToMapKey, type StateView } from "@velarium/engine";
import { SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";
import { GrantMode } from "@velarium/wire";
import type { DispatchBatch } from "./dispatch-batch.ts";
import { KeyIndex } from "./key-index.ts";

/** Where values come from that were not granted. */
export interface ValueSource {
  fetchSlot(key: Uint8Array): Promise<Uint8Array>;
  codeAtHand(prefix: Uint8Array): Uint8Array | undefined;
  fetchCode(prefix: Uint8Array): Promise<Uint8Array>;
}

export class ResolvedView implements StateView {
  /** Declared keys, in declared order. */
  readonly declared: KeyIndex;
  private readonly batch: DispatchBatch;
  private readonly first: number;
  private readonly source: ValueSource;
  private readonly fetched = new Map<string, Uint8Array>();

  constructor(batch: DispatchBatch, first: number, end: number, source: ValueSource) {
    this.batch = batch;
    this.first = first;
    this.source = source;
    this.declared = new KeyIndex(
      batch.keys.subarray(first * SLOT_KEY_BYTES, end * SLOT_KEY_BYTES),
      end - first,
    );
  }

  read(key: Uint8Array): Uint8Array | undefined {
    const index = this.declared.find(key);
    if (index < 0) return this.fetched.get(bytesToMapKey(key));
    const access = this.first + index;
    if (this.batch.message.modes[access] === GrantMode.contribute)
      return this.fetched.get(bytesToMapKey(key));
    return this.batch.values.subarray(access * WORD_BYTES, (access + 1) * WORD_BYTES);
  }

  async fetch(key: Uint8Array): Promise<Uint8Array> {
    const here = this.read(key);
    if (here !== undefined) return here;
    const name = bytesToMapKey(key);
    const value = await this.source.fetchSlot(key.slice());
    this.fetched.set(name, value);
    return value;
  }

  codeByPrefix(prefix: Uint8Array): Uint8Array | undefined {
    return this.source.codeAtHand(prefix);
  }

  fetchCode(prefix: Uint8Array): Promise<Uint8Array> {
    return this.source.fetchCode(prefix);
  }
}
