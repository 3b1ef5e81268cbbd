/** What the program says when its clone is not ready. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

let clone: string;
beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), "velarium-start-"));
  mkdirSync(join(clone, "libs/cli/src"), { recursive: true });
  copyFileSync("libs/cli/src/velarium.mjs", join(clone, "libs/cli/src/velarium.mjs"));
});
afterEach(() => rmSync(clone, { recursive: true }));

function start(): { readonly status: number | null; readonly error: { code: string; message: string } } {
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(clone, "libs/cli/src/velarium.mjs"), "doctor", "--json"],
    { encoding: "utf8" },
  );
  return { status, error: JSON.parse(stderr).error };
}

describe("velarium", () => {
  it("names the command that sets a clone up", () => {
    const { status, error } = start();
    expect(status).toBe(70);
    expect(error).toMatchObject({ code: "not-set-up", message: expect.stringContaining("npm run setup") });
  });

  it("says that a clone was updated without being set up again", () => {
    mkdirSync(join(clone, "libs/cli/node_modules"));
    writeFileSync(join(clone, "libs/cli/src/main.ts"), 'import "@velarium/not-linked";\n');
    const { status, error } = start();
    expect(status).toBe(70);
    expect(error).toMatchObject({ code: "setup-stale", message: expect.stringContaining("npm run setup") });
    expect(error.message).toContain("@velarium/not-linked");
  });
});
