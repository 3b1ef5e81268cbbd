/** What a run of a whole cluster is given, and what it gives. */
import type { BlockRecord } from "@velarium/blocks";
import type { Framer, FramerOptions } from "@velarium/framer-core";
import type { Submitted } from "./scenario.ts";

export interface WholeSchedule {
  readonly seed: number;
  readonly executors: number;
  readonly shards: number;
  /** Executors that die and are replaced. */
  readonly deaths?: number;
  /** Executors that lose the scheduler's stream and come back as they are. */
  readonly losses?: number;
  /** Executors that join on the way. */
  readonly joins?: number;
  readonly framerRestarts?: number;
  /** Publish messages that arrive twice, in percent. */
  readonly repeatedPercent?: number;
}

export interface WholeInput {
  readonly transactions: readonly Submitted[];
  readonly options?: Partial<FramerOptions>;
  /** A frames stream of an earlier run, to be repeated; nothing is submitted then. */
  readonly frames?: readonly Uint8Array[];
}

export interface WholeRun {
  readonly records: readonly BlockRecord[];
  /** By number, from 1. */
  readonly hashes: readonly string[];
  readonly frames: readonly Uint8Array[];
  readonly epochs: number;
  readonly messages: number;
  readonly framerStats: Framer["stats"];
  /** Reads of code slots that executors answered themselves. */
  readonly unwrittenCodes: number;
}
