/**
 * Errors of ways to find access sets. They are bugs, or inputs nobody thought of: the transaction is left to the next
 * way, and at worst declares its sender's fields only, so that it diverges, and ends in the marked tail.
 */

/** Where it happened: `packed-*` without objects, `decoding` of a transaction that was scanned, or a strategy. */
export type AnalysisStage =
  | "packed-profile"
  | "packed-simulation"
  | "profile-loading"
  | "decoding"
  | "declared"
  | "profile"
  | "simulation";

export interface AnalysisErrorClass {
  readonly stage: AnalysisStage;
  /** Name of the error. */
  readonly error: string;
  count: number;
}

/** Told of every error, with its class, counted already. */
export type AnalysisErrorListener = (error: unknown, errorClass: Readonly<AnalysisErrorClass>) => void;

/** Classes counted; what comes on top of them is counted as one more of its stage. */
const MAX_CLASSES = 64;
const OTHER = "other";

export class AnalysisErrors {
  private readonly byName = new Map<string, AnalysisErrorClass>();
  private readonly listener: AnalysisErrorListener | undefined;

  constructor(listener?: AnalysisErrorListener) {
    this.listener = listener;
  }

  note(stage: AnalysisStage, error: unknown): void {
    const named = error instanceof Error ? error.name : typeof error;
    const known = this.byName.size < MAX_CLASSES || this.byName.has(`${stage} ${named}`);
    const name = known ? named : OTHER;
    const key = `${stage} ${name}`;
    let errorClass = this.byName.get(key);
    if (errorClass === undefined) {
      errorClass = { stage, error: name, count: 0 };
      this.byName.set(key, errorClass);
    }
    errorClass.count++;
    this.listener?.(error, errorClass);
  }

  get classes(): readonly Readonly<AnalysisErrorClass>[] {
    return [...this.byName.values()];
  }
  get total(): number {
    return this.classes.reduce((sum, { count }) => sum + count, 0);
  }
}
