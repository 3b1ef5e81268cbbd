import { describe, expect, it } from "@jest/globals";
import { barChart, lineChart, niceCeiling } from "../src/charts.ts";
import { formatNumber, type RunReport, renderHtml, renderPairs, renderTable } from "../src/index.ts";

const report: RunReport = {
  title: "Run <1> & co",
  createdAt: "2026-01-02T03:04:05Z",
  config: { workload: "mixed", "both ends": false },
  summary: [{ label: "transactions", value: "50,000", note: "signed" }],
  throughput: [
    { seconds: 0, transactionsPerSecond: 0 },
    { seconds: 2, transactionsPerSecond: 9000 },
  ],
  latency: [
    { upToMs: 10, count: 5 },
    { upToMs: null, count: 1 },
  ],
  frameFill: [{ upTo: 64, count: 3 }],
  services: [{ name: "executor", cpuMicrosPerTransaction: 12.345 }],
  verdict: { isGood: true, text: "equal to sequential execution" },
};

describe("renderHtml", () => {
  it("shows every part, escapes text, and refers to nothing outside", () => {
    const page = renderHtml(report);
    for (const part of [
      "Run &lt;1&gt; &amp; co",
      "50,000",
      "12.35",
      "equal to sequential execution",
      "both ends",
      "≤ 64",
      "more",
    ])
      expect(page).toContain(part);
    expect(page).not.toContain("Run <1>");
    expect(page.match(/<svg/g)).toHaveLength(4);
    expect(page).not.toMatch(/https?:|<script|<link|src=/);
    expect(page).toContain('class="verdict good"');
  });
  it("says when there is no data, and shows a bad verdict as such", () => {
    const page = renderHtml({
      ...report,
      throughput: [],
      latency: [],
      frameFill: [],
      services: [],
      verdict: { isGood: false, text: "roots differ" },
    });
    expect(page.match(/No data/g)).toHaveLength(4);
    expect(page).toContain('class="verdict bad"');
    expect(page).not.toContain("NaN");
  });
});

describe("charts", () => {
  it("draw inside the plot and never NaN, one point and zeros included", () => {
    for (const svg of [
      lineChart("t", [{ x: 1, y: 5 }], "x", "y"),
      lineChart(
        "t",
        [
          { x: 0, y: 0 },
          { x: 1, y: 0 },
        ],
        "x",
        "y",
      ),
      barChart("t", [{ label: "a", value: 0 }], "x", "y"),
    ]) {
      expect(svg).toMatch(/^<svg/);
      expect(svg).not.toMatch(/NaN|Infinity/);
    }
    expect(
      lineChart(
        "t",
        [
          { x: 0, y: 0 },
          { x: 4, y: 100 },
        ],
        "x",
        "y",
      ),
    ).toContain("M64.0 200.0L628.0 12.0");
  });
  it("round axes upwards", () => {
    expect([0, 1, 3, 9, 11, 450, 9001, 0.03].map(niceCeiling)).toEqual([1, 1, 4, 10, 20, 500, 10_000, 0.04]);
  });
});

describe("tables", () => {
  it("align numbers to the right and text to the left", () => {
    expect(
      renderTable(
        ["name", "rate"],
        [
          ["a", "1,000"],
          ["long one", 5],
        ],
      ),
    ).toBe(["name       rate", "────────  ─────", "a         1,000", "long one      5"].join("\n"));
    expect(
      renderPairs([
        ["a", 1],
        ["bcd", "x"],
      ]),
    ).toBe("a    1\nbcd  x");
  });
  it("group digits without a locale", () => {
    expect([formatNumber(1234567.891, 2), formatNumber(-1000), formatNumber(999)]).toEqual([
      "1,234,567.89",
      "-1,000",
      "999",
    ]);
  });
});
