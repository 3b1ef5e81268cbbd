import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
// @ts-expect-error plain JavaScript
import { checkLock, fetchSuite } from "../src/fetch-fixtures.mjs";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "velarium-fetch-test-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));
const lockFile = () => join(root, "lock.json");
const fetchTo = (suite: object, target: string) =>
  fetchSuite(suite, join(root, target), lockFile(), () => {});

function source(): string {
  const from = join(root, "source");
  for (const folder of ["wanted", "other"]) {
    mkdirSync(join(from, folder), { recursive: true });
    writeFileSync(join(from, folder, "a.json"), folder);
  }
  return from;
}

it("the lock records once and refuses anything else for the same version", () => {
  expect(checkLock(lockFile(), "a", "v1", "x")).toBe("recorded");
  expect(checkLock(lockFile(), "a", "v1", "x")).toBe("matched");
  expect(() => checkLock(lockFile(), "a", "v1", "y")).toThrow(expect.objectContaining({ code: "checksum" }));
  expect(checkLock(lockFile(), "a", "v2", "y")).toBe("recorded");
});

describe("git suites", () => {
  it("take the wanted folders of a tag, and refuse a tag that has moved", async () => {
    const from = source();
    const git = (...args: string[]) =>
      execFileSync("git", ["-C", from, "-c", "user.name=t", "-c", "user.email=t@t", ...args], {
        encoding: "utf8",
      }).trim();
    git("init", "--quiet");
    git("add", ".");
    git("commit", "--quiet", "-m", "one");
    git("tag", "v1");
    const suite = { name: "s", git: { url: `file://${from}`, ref: "v1" }, folders: ["wanted"] };
    await fetchTo(suite, "one");
    expect(readFileSync(join(root, "one/s/wanted/a.json"), "utf8")).toBe("wanted");
    expect(existsSync(join(root, "one/s/other"))).toBe(false);
    expect(JSON.parse(readFileSync(lockFile(), "utf8"))).toEqual({
      s: { version: "v1", digest: git("rev-parse", "HEAD") },
    });
    git("commit", "--quiet", "--allow-empty", "-m", "two");
    git("tag", "-f", "v1");
    await expect(fetchTo(suite, "two")).rejects.toMatchObject({ code: "checksum" });
    expect(readdirSync(join(root, "two"))).toEqual([]);
  });
});

describe("archive suites", () => {
  it("unpack the wanted folders, and refuse other bytes under the same address", async () => {
    source();
    const pack = (content: string): Buffer => {
      writeFileSync(join(root, "source/wanted/a.json"), content);
      return execFileSync("tar", ["-czf", "-", "-C", root, "source"]);
    };
    let body = pack("first");
    const server = createServer((_, response) => response.end(body));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.tar.gz`;
      const suite = { name: "s", archive: { url, inside: "source" }, folders: ["wanted"] };
      await fetchTo(suite, "one");
      expect(readFileSync(join(root, "one/s/wanted/a.json"), "utf8")).toBe("first");
      expect(existsSync(join(root, "one/s/other"))).toBe(false);
      body = pack("second");
      await expect(fetchTo(suite, "two")).rejects.toMatchObject({ code: "checksum" });
      expect(existsSync(join(root, "two/s"))).toBe(false);
      await fetchTo(suite, "one");
      expect(readFileSync(join(root, "one/s/wanted/a.json"), "utf8")).toBe("first");
    } finally {
      server.close();
    }
  });
});
