/** Results of transactions: who is done, what a block has used, and what the marked tail wrote undeclared. */
import type { Message } from "@velarium/columns";
import { AccessKind } from "@velarium/slots";
import { Outcome, type Results } from "@velarium/wire";
import type { BlockState } from "./block-state.ts";
import type { Blocks } from "./blocks.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Fleet } from "./fleet.ts";
import type { SchedulerCounters } from "./stats.ts";
import type { SeqWindow } from "./window.ts";

export class FinishedTransactions {
  private readonly window: SeqWindow;
  private readonly fleet: Fleet;
  private readonly blocks: Blocks;
  private readonly dispatcher: Dispatcher;
  private readonly counters: SchedulerCounters;

  constructor(
    window: SeqWindow,
    fleet: Fleet,
    blocks: Blocks,
    dispatcher: Dispatcher,
    counters: SchedulerCounters,
  ) {
    this.window = window;
    this.fleet = fleet;
    this.blocks = blocks;
    this.dispatcher = dispatcher;
    this.counters = counters;
  }

  /** Repeats, and what the executor was not given, are passed over. */
  take(executor: number, results: Message<typeof Results>): void {
    const { seqs, outcomes, gasUsed, blobGas, extraEnds } = results;
    const { window, fleet, blocks } = this;
    let at = 0;
    for (let i = 0; i < seqs.length; i++) {
      const seq = seqs[i]!;
      if (!window.finish(seq, executor)) {
        this.counters.repeatedResults++;
        continue;
      }
      fleet.inFlight[executor]!--;
      fleet.totalInFlight--;
      at = blocks.indexOf(seq, at);
      const block = blocks.active[at]!;
      block.done++;
      block.executedGas += gasUsed[i]!;
      if (outcomes[i] === Outcome.included) {
        block.gasUsed += gasUsed[i]!;
        if (blobGas.length > 0) block.blobGasUsed += blobGas[i]!;
      }
      if (extraEnds.length > 0) this.takeExtras(executor, results, i, seq, block);
    }
  }

  private takeExtras(
    executor: number,
    results: Message<typeof Results>,
    index: number,
    seq: number,
    block: BlockState,
  ): void {
    const { extraEnds, extraHi, extraLo, extraKinds } = results;
    for (let a = index === 0 ? 0 : extraEnds[index - 1]!; a < extraEnds[index]!; a++) {
      const kind = extraKinds[a]!;
      if (kind !== AccessKind.W && kind !== AccessKind.D && kind !== AccessKind.X) continue;
      this.dispatcher.correct(extraHi[a]!, extraLo[a]!, seq, executor, block);
      this.counters.tailCorrections++;
    }
  }
}
