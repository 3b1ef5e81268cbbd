/** FAFO's skew × contention grid (arXiv 2507.10757): parallelism of the framer's filters against the exact oracle. */
import { type FafoCell, type FafoGridOptions, fafoGrid } from "../../parabloom/bench/fafo-grid.ts";
import { type Bench, type BenchTable, report, row } from "./report.ts";

const SMALL: Partial<FafoGridOptions> = {
  transactions: 20_000,
  accounts: 100_000,
  hot: [100, 1000],
  contention: [0, 0.62],
};
/** The cell for which FAFO's paper states its result. */
const STATED = { hot: 1000, contention: 0.62 };

export const fafo: Bench = {
  doc: "framer's parallelism over FAFO's skew × contention grid, published and recommended filters against the exact oracle",
  async run(options, progress) {
    const sizes = options.small ? SMALL : {};
    progress("senders hot");
    const senders = fafoGrid({ ...sizes, bothEnds: false });
    progress("both ends hot");
    const both = fafoGrid({ ...sizes, bothEnds: true });
    const cell = senders.find((c) => c.hot === STATED.hot && c.contention === STATED.contention)!;
    const where = `${STATED.hot} hot addresses, contention ${STATED.contention}`;
    return report(
      "fafo",
      options,
      [
        row("recommended geometry, of the exact oracle's parallelism", cell.ofExact * 100, "%", {
          target: 90,
          detail: where,
        }),
        row("recommended geometry, speed", cell.recommendedMtps * 1e6, "txs/s", { detail: where }),
        row(
          "published geometry, of the exact oracle's parallelism",
          (cell.publishedTlp / cell.exactTlp) * 100,
          "%",
          { detail: where },
        ),
        row("published geometry, speed", cell.publishedMtps * 1e6, "txs/s", { detail: where }),
      ],
      [
        grid("Transactions per frame, senders hot", senders),
        grid("Transactions per frame, both ends hot", both),
      ],
    );
  },
};

function grid(title: string, cells: readonly FafoCell[]): BenchTable {
  return {
    title,
    header: [
      "hot",
      "contention",
      "published",
      "recommended",
      "exact",
      "recommended/exact %",
      "published M/s",
      "recommended M/s",
    ],
    rows: cells.map((c) => [
      c.hot,
      c.contention,
      Math.round(c.publishedTlp),
      Math.round(c.recommendedTlp),
      Math.round(c.exactTlp),
      Math.round(c.ofExact * 100),
      c.publishedMtps.toFixed(1),
      c.recommendedMtps.toFixed(1),
    ]),
  };
}
