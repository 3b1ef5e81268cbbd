import { KitError } from "./error.ts";

/** Every service is in exactly one of these states. */
export type LifecycleState = "created" | "starting" | "ready" | "draining" | "stopped" | "failed";

/** A part of a service, in the order in which parts depend on each other. */
export interface Part {
  readonly name: string;
  /** Opens what the part needs. Not called again after a success. */
  start?(): void | Promise<void>;
  /** Finishes what was accepted and takes nothing new. */
  drain?(): void | Promise<void>;
  /** Releases everything. Called for parts whose start has failed half-way too, so it must cope. */
  stop?(): void | Promise<void>;
}

export interface LifecycleOptions {
  /** Time for all parts to drain, ms; 10 000 if left out. After it, stop goes ahead. */
  readonly drainTimeoutMs?: number;
  readonly onChange?: (state: LifecycleState, previous: LifecycleState) => void;
  /** An error while draining or stopping a part: it does not keep the others from stopping. */
  readonly onPartError?: (part: string, error: unknown) => void;
}

/**
 * Starts parts in order, drains and stops them in reverse. Every method may be called at any time and
 * any number of times; repeated calls share one result.
 */
export class Lifecycle {
  readonly #parts: Part[] = [];
  readonly #options: LifecycleOptions;
  readonly #listeners: ((state: LifecycleState, previous: LifecycleState) => void)[] = [];
  #state: LifecycleState = "created";
  #begun = 0;
  #error: unknown;
  #starting: Promise<void> | undefined;
  #draining: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: LifecycleOptions = {}) {
    this.#options = options;
    if (options.onChange) this.#listeners.push(options.onChange);
  }

  get state(): LifecycleState {
    return this.#state;
  }

  /** Why the state is `failed`. */
  get error(): unknown {
    return this.#error;
  }

  /** Registers a part after those it depends on; only before start. Returns it. */
  add<P extends Part>(part: P): P {
    if (this.#state !== "created" && this.#state !== "starting") {
      throw new KitError("lifecycle", `cannot add "${part.name}": the service is ${this.#state} already`);
    }
    this.#parts.push(part);
    return part;
  }

  onChange(listener: (state: LifecycleState, previous: LifecycleState) => void): void {
    this.#listeners.push(listener);
  }

  /** created → starting → ready. When a part fails, those begun are stopped and the state is `failed`. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    if (this.#state !== "created") {
      throw new KitError("lifecycle", `cannot start: the service is ${this.#state}`);
    }
    this.#become("starting");
    try {
      for (const part of this.#parts) {
        this.#begun++;
        await part.start?.();
        if (this.#stopping) throw new KitError("lifecycle", "stopped while it started");
      }
    } catch (error) {
      if (!this.#stopping) await this.fail(error);
      throw error;
    }
    this.#become("ready");
  }

  /** ready → draining; waits for all parts, in reverse, up to the time limit. */
  drain(): Promise<void> {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  async #drain(): Promise<void> {
    if (this.#state !== "ready") return;
    this.#become("draining");
    let timer: NodeJS.Timeout | undefined;
    const limit = this.#options.drainTimeoutMs ?? 10_000;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), limit);
    });
    const all = (async () => {
      for (const part of this.#parts.slice(0, this.#begun).reverse()) await this.#guard(part, "drain");
    })();
    if ((await Promise.race([all, late])) === "late") {
      this.#options.onPartError?.("drain", new KitError("lifecycle", `not drained within ${limit} ms`));
    }
    clearTimeout(timer);
  }

  /** Drains if ready, then stops every begun part in reverse; ends `stopped` (or stays `failed`). */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    if (this.#state === "starting") await this.#starting?.catch(() => {}); // the part being started must settle
    await this.drain();
    for (const part of this.#parts.slice(0, this.#begun).reverse()) await this.#guard(part, "stop");
    if (this.#state !== "failed") this.#become("stopped");
  }

  /** The service cannot go on: remembers why, turns `failed`, stops everything without draining. */
  fail(error: unknown): Promise<void> {
    if (this.#state !== "failed" && this.#state !== "stopped") {
      this.#error = error;
      this.#become("failed");
    }
    return this.stop();
  }

  async #guard(part: Part, step: "drain" | "stop"): Promise<void> {
    try {
      await part[step]?.();
    } catch (error) {
      this.#options.onPartError?.(part.name, error);
    }
  }

  #become(state: LifecycleState): void {
    const previous = this.#state;
    this.#state = state;
    for (const listener of this.#listeners) listener(state, previous);
  }
}
