/** Speed and memory of the state tree, beside a Merkle Patricia trie in the same run. */
import { stateTreeBench } from "../../state-tree/bench/state-tree.ts";
import { type Bench, report, row } from "./report.ts";

const SMALL = { slots: 100_000, indexSlots: 500_000, blockUpdates: 10_000 };

export const stateTree: Bench = {
  doc: "state tree: updates with root per second and core, against a Merkle Patricia trie; memory per slot",
  async run(options, progress) {
    progress(options.small ? "100,000 slots" : "1,000,000 slots; the index with 10,000,000 (about a minute)");
    const rows = await stateTreeBench(options.small ? SMALL : {});
    return report(
      "state-tree",
      options,
      rows.map(({ name, value, unit, target, detail }) =>
        row(name, value, unit, {
          // Memory and times are bounded from above, rates from below.
          better: /bytes|MiB|ms/.test(unit) ? "lower" : "higher",
          ...(target === undefined ? {} : { target }),
          ...(detail === undefined ? {} : { detail }),
        }),
      ),
    );
  },
};
