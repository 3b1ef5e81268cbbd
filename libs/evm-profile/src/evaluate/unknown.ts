/** Why a call's accesses are not known. Each is an explicit answer: whoever asks goes on to simulate. */
export const UNKNOWN_REASONS = {
  "no-code": "the state has no code under the hash that an account names",
  build: "the code is beyond the budgets of building its control-flow graph",
  jump: "control reaches a jump whose targets are not known",
  steps: "the evaluation is longer than its budget",
  memory: "a frame needs more memory than the evaluation's budget",
  depth: "calls are nested deeper than the evaluation's budget",
  create: "the initcode of a creation is larger than the evaluation's budget",
  accesses: "more slots are touched than may be declared",
  misses: "more rounds of reads are needed than the budget allows",
  profile: "no profile covers the path that the call takes",
  forks: "more open conditions than the budget allows",
  opaque: "a slot follows from something that analysis does not follow",
  "state-read": "a slot follows from a value of state, which may not be read",
} as const;

export type UnknownReason = keyof typeof UNKNOWN_REASONS;

/** Ends an evaluation. */
export class UnknownAccess extends Error {
  readonly reason: UnknownReason;
  constructor(reason: UnknownReason) {
    super(UNKNOWN_REASONS[reason]);
    this.name = "UnknownAccess";
    this.reason = reason;
  }
}

/** A value of state is not at hand: it is fetched, and the evaluation starts over. */
export class StateMiss extends Error {
  readonly key: Uint8Array | undefined;
  readonly codePrefix: Uint8Array | undefined;
  constructor(key: Uint8Array | undefined, codePrefix: Uint8Array | undefined) {
    super("a value of state is not at hand");
    this.name = "StateMiss";
    this.key = key;
    this.codePrefix = codePrefix;
  }
}
