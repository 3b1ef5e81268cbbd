/** What a run leaves behind, as JSON; the HTML page and the terminal summary are made from nothing else. */
export interface RunReport {
  readonly title: string;
  /** One sentence under the title. */
  readonly subtitle?: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Settings by name, in the order to be shown. */
  readonly config: Readonly<Record<string, string | number | boolean>>;
  /** Headline figures; `value` is formatted already. */
  readonly summary: readonly SummaryRow[];
  /** Transactions per second over time. */
  readonly throughput: readonly { readonly seconds: number; readonly transactionsPerSecond: number }[];
  /** Bins up to `upToMs` each, the last one may be infinite (null). */
  readonly latency: readonly { readonly upToMs: number | null; readonly count: number }[];
  /** Frames by number of transactions: bins up to `upTo` each. */
  readonly frameFill: readonly { readonly upTo: number; readonly count: number }[];
  /** CPU microseconds per transaction by service. */
  readonly services: readonly { readonly name: string; readonly cpuMicrosPerTransaction: number }[];
  readonly verdict: { readonly isGood: boolean; readonly text: string };
}

export interface SummaryRow {
  readonly label: string;
  readonly value: string;
  /** What the figure means or how it was taken. */
  readonly note?: string;
}
