/** A run report as one HTML page that needs no other file, no script and no network. */
import { barChart, lineChart } from "./charts.ts";
import { escapeHtml } from "./escape.ts";
import type { RunReport } from "./report.ts";
import { formatNumber } from "./table.ts";

const STYLE = `
:root{color-scheme:light dark;--back:#fff;--text:#1c2430;--soft:#5c6877;--rule:#dde3ea;--card:#f6f8fa;--mark:#2458c5;--good:#16703c;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--back:#11151b;--text:#e4e9f0;--soft:#95a2b3;--rule:#2a323d;--card:#191f28;--mark:#7aa5ff;--good:#5ecb8b;--bad:#ff8a80}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1080px;padding:24px 16px 48px;background:var(--back);color:var(--text);font:15px/1.5 system-ui,sans-serif}
h1{font-size:24px;margin:0}h2{font-size:17px;margin:32px 0 8px}.sub{color:var(--soft);margin:4px 0 0}
.verdict{margin:16px 0;padding:12px 16px;border-left:4px solid;background:var(--card);font-weight:600}
.good{border-color:var(--good);color:var(--good)}.bad{border-color:var(--bad);color:var(--bad)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:12px}
.card{background:var(--card);padding:12px 16px;border-radius:6px;overflow-wrap:anywhere}
.card b{display:block;font-size:19px}.card small{color:var(--soft)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:0 24px}
svg{width:100%;height:auto}.grid{stroke:var(--rule)}.tick,.axis{fill:var(--soft);font-size:11px}
.line{fill:none;stroke:var(--mark);stroke-width:2}.area{fill:var(--mark);opacity:.12}.bar{fill:var(--mark)}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:4px 12px 4px 0;border-bottom:1px solid var(--rule);overflow-wrap:anywhere}
td.n{text-align:right;font-variant-numeric:tabular-nums}.empty{color:var(--soft)}`;

/** The whole page. Every text of the report is escaped. */
export function renderHtml(report: RunReport): string {
  const e = escapeHtml;
  const cards = report.summary.map(
    (row) =>
      `<div class="card">${e(row.label)}<b>${e(row.value)}</b>${row.note ? `<small>${e(row.note)}</small>` : ""}</div>`,
  );
  const charts: [string, string][] = [
    [
      "Throughput",
      lineChart(
        "Throughput",
        report.throughput.map((p) => ({ x: p.seconds, y: p.transactionsPerSecond })),
        "seconds",
        "transactions per second",
      ),
    ],
    [
      "Latency",
      barChart(
        "Latency",
        report.latency.map((b) => ({ label: b.upToMs === null ? "more" : `≤ ${b.upToMs}`, value: b.count })),
        "ms from acknowledgement to announcement",
        "transactions",
      ),
    ],
    [
      "Frame fill",
      barChart(
        "Frame fill",
        report.frameFill.map((b) => ({ label: `≤ ${b.upTo}`, value: b.count })),
        "transactions in a frame",
        "frames",
      ),
    ],
    [
      "CPU per transaction",
      barChart(
        "CPU per transaction",
        report.services.map((s) => ({ label: s.name, value: s.cpuMicrosPerTransaction })),
        "service",
        "µs per transaction",
      ),
    ],
  ];
  const services = report.services.map(
    (s) => `<tr><td>${e(s.name)}</td><td class="n">${formatNumber(s.cpuMicrosPerTransaction, 2)}</td></tr>`,
  );
  const config = Object.entries(report.config).map(
    ([name, value]) => `<tr><td>${e(name)}</td><td>${e(String(value))}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${e(report.title)}</title><style>${STYLE}</style></head><body>
<h1>${e(report.title)}</h1>
<p class="sub">${report.subtitle ? `${e(report.subtitle)} · ` : ""}${e(report.createdAt)}</p>
<p class="verdict ${report.verdict.isGood ? "good" : "bad"}">${report.verdict.isGood ? "✓" : "✗"} ${e(report.verdict.text)}</p>
<div class="cards">${cards.join("")}</div>
<div class="charts">${charts.map(([name, svg]) => `<section><h2>${e(name)}</h2>${svg}</section>`).join("")}</div>
<h2>CPU by service</h2><table><tr><th>service</th><th>µs per transaction</th></tr>${services.join("")}</table>
<h2>Configuration</h2><table>${config.join("")}</table>
</body></html>
`;
}
