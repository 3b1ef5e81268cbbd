import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { serviceKinds } from "@velarium/cluster";
import { createProgram } from "../src/program.ts";
import { REFERENCE_FOLDER, referencePages } from "../src/reference-pages.ts";

describe("docs/reference", () => {
  it("is what the sources say now; if not: node libs/cli/src/reference.ts", async () => {
    for (const [name, text] of await referencePages()) {
      expect({ name, text: readFileSync(join(REFERENCE_FOLDER, name), "utf8") }).toEqual({ name, text });
    }
  });

  it("covers every command and every schema that services exchange", async () => {
    const pages = await referencePages();
    for (const command of createProgram().commands)
      expect(pages.get("commands.md")).toContain(`## velarium ${command.name()}\n`);
    for (const schema of ["TxBatch", "Frame", "Dispatch", "ProveReply"])
      expect(pages.get("protos.md")).toContain(`\`${schema}\``);
    for (const metric of ["velarium_gateway_requests_total", "velarium_scheduler_epoch"])
      expect(pages.get("metrics.md")).toContain(metric);
    for (const service of serviceKinds) expect(pages.get("metrics.md")).toContain(`\n## ${service}\n`);
  });
});
