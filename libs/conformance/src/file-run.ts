/** The cases of one file on one engine, one after the other. */
import { forkByName } from "@velarium/chain-rules";
import type { EngineUnderTest } from "./engine-under-test.ts";
import { Interleaver } from "./interleave.ts";
import { type CaseVerdict, executeDirectly, runCase } from "./run-case.ts";
import { readStateCases } from "./state-test.ts";

export interface FileOrder {
  readonly file: string;
  /** Cases before this one are left out: they are done. */
  readonly from: number;
  /** Only this fork, under any of its names. */
  readonly fork?: string;
}

export interface CaseStart {
  readonly index: number;
  readonly name: string;
  /** As the file calls it. */
  readonly fork: string;
}

/** Who is told of the cases of a file. */
export interface CaseListener {
  starts(start: CaseStart): void;
  done(report: CaseReport): void;
}

export interface CaseReport extends CaseStart {
  readonly ms: number;
  readonly verdict: CaseVerdict;
}

export class FileRunner {
  readonly interleaver: Interleaver | undefined;
  private readonly tested: EngineUnderTest;

  constructor(tested: EngineUnderTest, suspendEverywhere: boolean) {
    this.tested = tested;
    this.interleaver = suspendEverywhere ? new Interleaver(tested) : undefined;
  }

  /** Tells of each case as it is done. Throws StateTestError where the file cannot be read. */
  async run(order: FileOrder, listener: CaseListener): Promise<void> {
    const { engine } = this.tested;
    const wanted = order.fork === undefined ? undefined : forkByName(order.fork);
    const cases = readStateCases(order.file);
    for (let index = order.from; index < cases.length; index++) {
      const stateCase = cases[index]!;
      if (wanted !== undefined && forkByName(stateCase.fork) !== wanted) continue;
      const start: CaseStart = { index, name: stateCase.name, fork: stateCase.fork };
      listener.starts(start);
      const started = performance.now();
      const { interleaver } = this;
      const verdict = await runCase(engine, stateCase, (on, prepared) =>
        interleaver === undefined ? executeDirectly(on, prepared) : interleaver.execute(prepared),
      );
      const ms = performance.now() - started;
      const objection = this.tested.objection();
      const judged: CaseVerdict =
        objection !== undefined && verdict.status === "passed"
          ? { status: "failed", why: objection }
          : verdict;
      listener.done({ ...start, ms, verdict: judged });
      if (verdict.status === "passed" && stateCase.post.expectException === undefined)
        await interleaver?.offer(stateCase, ms);
    }
  }
}
