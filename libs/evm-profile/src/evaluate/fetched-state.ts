import type { StateView } from "@velarium/engine";
import type { StateMiss } from "./unknown.ts";

/** A view with what has been waited for. */
export class FetchedState implements StateView {
  private readonly view: StateView;
  private readonly words = new Map<string, Uint8Array>();
  private readonly codes = new Map<string, Uint8Array>();

  constructor(view: StateView) {
    this.view = view;
  }

  async resolve(miss: StateMiss): Promise<void> {
    const { key, codePrefix } = miss;
    if (key !== undefined) this.words.set(nameOf(key), await this.view.fetch(key));
    if (codePrefix !== undefined) this.codes.set(nameOf(codePrefix), await this.view.fetchCode(codePrefix));
  }

  read(key: Uint8Array): Uint8Array | undefined {
    return this.view.read(key) ?? (this.words.size > 0 ? this.words.get(nameOf(key)) : undefined);
  }
  fetch(key: Uint8Array): Promise<Uint8Array> {
    return this.view.fetch(key);
  }
  codeByPrefix(prefix: Uint8Array): Uint8Array | undefined {
    return this.view.codeByPrefix(prefix) ?? this.codes.get(nameOf(prefix));
  }
  fetchCode(prefix: Uint8Array): Promise<Uint8Array> {
    return this.view.fetchCode(prefix);
  }
}

const nameOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1", 0, bytes.length);
