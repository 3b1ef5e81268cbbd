/** What the suite and its worker threads say to each other. */
import type { EngineAccount, EngineName } from "./engine-under-test.ts";
import type { CaseReport, CaseStart, FileOrder } from "./file-run.ts";
import type { Suspensions } from "./interleave.ts";

export interface WorkerSettings {
  readonly engine: EngineName;
  readonly suspendEverywhere: boolean;
}

export type ToWorker = FileOrder;

export type ToParent =
  | { readonly kind: "start"; readonly start: CaseStart }
  | { readonly kind: "case"; readonly report: CaseReport }
  /** The file is done. Both are sums over all files of this thread so far. */
  | {
      readonly kind: "file";
      readonly account: EngineAccount;
      readonly suspensions: Suspensions;
    }
  /** The file could not be run at all. */
  | { readonly kind: "broken"; readonly why: string };
