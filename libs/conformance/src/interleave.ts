/**
 * Suspension everywhere: the state answers nothing at once, and before each answer another case runs to its end on the
 * same engine, in the same memory. The other case must give the very result that it gave alone.
 */
import { type ExecutionResult, keccak256, type StateView } from "@velarium/engine";
import { Domain, domainOf } from "@velarium/slots";
import type { EngineUnderTest } from "./engine-under-test.ts";
import { executeDirectly, type PreparedCase, prepareCase } from "./run-case.ts";
import { hexOf, type StateCase } from "./state-test.ts";

/** Neighbours kept; they take turns. Enough for several forks and kinds of transaction at once. */
const NEIGHBOURS = 8;
/** Slower cases are no neighbours: one runs at each suspension. Twice what an ordinary case takes on the reference. */
const NEIGHBOUR_MS = 4;

interface Neighbour {
  readonly stateCase: StateCase;
  readonly fingerprint: string;
}

const fingerprintOf = (result: ExecutionResult): string =>
  [
    result.outcome,
    result.reason ?? "",
    result.status,
    result.gasUsed,
    result.refund,
    ...[
      result.logs,
      result.returnData,
      result.accesses.keys,
      result.accesses.kinds,
      result.writes.keys,
      result.writes.words,
      result.deltas.keys,
      result.deltas.words,
    ].map((bytes) => hexOf(keccak256(bytes))),
  ].join(" ");

const WANTED: Readonly<Record<number, string>> = {
  [Domain.balance]: "balance",
  [Domain.nonce]: "nonce",
  [Domain.code]: "code word",
  [Domain.storage]: "storage",
  [Domain.blockHash]: "block hash",
};

/** A view that has nothing at hand; `before` is awaited ahead of each answer. */
function reluctantView(state: StateView, before: (wanted: string) => Promise<void>): StateView {
  return {
    read: () => undefined,
    codeByPrefix: () => undefined,
    async fetch(key) {
      await before(WANTED[domainOf(key)] ?? "slot");
      return state.fetch(key);
    },
    async fetchCode(prefix) {
      await before("code");
      return state.fetchCode(prefix);
    },
  };
}

/** Suspensions by the opcode that could not go on (empty where the engine cannot tell), and by what it waited for. */
export interface Suspensions {
  readonly byOpcode: Record<string, number>;
  readonly byWanted: Record<string, number>;
}

const count = (counts: Record<string, number>, name: string): void => {
  counts[name] = (counts[name] ?? 0) + 1;
};

export class Interleaver {
  readonly suspensions: Suspensions = { byOpcode: {}, byWanted: {} };
  private readonly tested: EngineUnderTest;
  private readonly neighbours: Neighbour[] = [];
  private turn = 0;

  constructor(tested: EngineUnderTest) {
    this.tested = tested;
  }

  /** Runs a case that is suspended at every access. Throws when a neighbour came out differently. */
  async execute(prepared: PreparedCase): Promise<ExecutionResult> {
    const view = reluctantView(prepared.state, async (wanted) => {
      const opcode = this.tested.waitingOpcode();
      if (opcode !== undefined) count(this.suspensions.byOpcode, opcode);
      count(this.suspensions.byWanted, wanted);
      await this.disturb();
    });
    return executeDirectly(this.tested.engine, prepared, view);
  }

  private async disturb(): Promise<void> {
    const turn = this.turn++;
    const neighbour = this.neighbours[turn % this.neighbours.length];
    if (neighbour === undefined) return;
    const prepared = prepareCase(neighbour.stateCase)!;
    // Every second time round the neighbour is suspended too, so that both orders of saving and restoring occur.
    const alone = Math.floor(turn / this.neighbours.length) % 2 === 0;
    const view = alone ? prepared.state : reluctantView(prepared.state, () => Promise.resolve());
    const result = fingerprintOf(await executeDirectly(this.tested.engine, prepared, view));
    if (result !== neighbour.fingerprint)
      throw new Error(
        `${neighbour.stateCase.name}, run while this case was suspended, gave ${result} instead of ${neighbour.fingerprint}`,
      );
  }

  /** Considers a case that has passed as a neighbour of those to come. `tookMs`: how long it ran. */
  async offer(stateCase: StateCase, tookMs: number): Promise<void> {
    if (tookMs > NEIGHBOUR_MS) return;
    const prepared = prepareCase(stateCase)!;
    const fingerprint = fingerprintOf(await executeDirectly(this.tested.engine, prepared));
    if (this.neighbours.length >= NEIGHBOURS) this.neighbours.shift();
    this.neighbours.push({ stateCase, fingerprint });
  }
}
