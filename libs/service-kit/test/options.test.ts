import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { z } from "zod";
import { defineOptions, KitError } from "../src/index.ts";

const schema = defineOptions({
  executorThreads: {
    type: z.number().int().min(1).max(64),
    default: 2,
    unit: "threads",
    doc: "Worker threads.",
  },
  name: { type: z.string(), doc: "Name of the node." },
  verbose: { type: z.boolean(), default: false, doc: "More output." },
  peers: { type: z.array(z.string()), default: [], doc: "Addresses of peers." },
  order: { type: z.enum(["arrival", "tip"]), default: "arrival", doc: "Pool order." },
  port: { type: z.number().optional(), default: undefined, doc: "Port.", env: "PORT" },
});

describe("options", () => {
  it("takes flags over environment over file over defaults, and says where a value came from", () => {
    const folder = mkdtempSync(join(tmpdir(), "velarium-options-"));
    try {
      const file = join(folder, "config.json");
      writeFileSync(file, JSON.stringify({ executorThreads: 3, name: "file", order: "tip" }));
      const parsed = schema.parse({
        argv: [
          "--executor-threads",
          "5",
          "--peers=a,b",
          "--peers",
          "c",
          "--verbose",
          "rest",
          "--config",
          file,
        ],
        env: { VELARIUM_EXECUTOR_THREADS: "4", VELARIUM_NAME: "environment", PORT: "81" },
      });
      expect(parsed.values).toEqual({
        executorThreads: 5,
        name: "environment",
        verbose: true,
        peers: ["a", "b", "c"],
        order: "tip",
        port: 81,
      });
      expect(parsed.sources).toMatchObject({ executorThreads: "flag", name: "environment", order: "file" });
      expect(parsed.positionals).toEqual(["rest"]);
      const fallback = schema.parse({ argv: ["--name=x", "--no-verbose"], env: {} });
      expect(fallback.values).toMatchObject({
        executorThreads: 2,
        verbose: false,
        peers: [],
        port: undefined,
      });
      expect(fallback.sources.executorThreads).toBe("default");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("lists every problem with what was expected", () => {
    let error: unknown;
    try {
      schema.parse({
        argv: ["--executor-threads", "many", "--order=size", "--exector-threads", "1"],
        env: { PORT: "x" },
      });
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(KitError);
    const { code, problems } = error as KitError;
    expect(code).toBe("options");
    expect(problems.join("\n")).toMatch(/did you mean --executor-threads\?/);
    expect(problems.join("\n")).toMatch(
      /--executor-threads: expected integer 1\.\.64 \(threads\), got \["many"\]/,
    );
    expect(problems.join("\n")).toMatch(/--order: expected one of arrival, tip/);
    expect(problems.join("\n")).toMatch(/PORT: expected/);
    expect(problems.join("\n")).toMatch(/--name \(or VELARIUM_NAME\) is required/);
    expect(() => schema.parse({ argv: ["--config", "/nonexistent.json"], env: {} })).toThrow(
      /cannot read it/,
    );
    expect(() => schema.parse({ argv: ["--name"], env: {} })).toThrow(/expected a value after it/);
    expect(() => schema.check({ name: "a", nam: "b" })).toThrow(/unknown option "nam"; did you mean name/);
    expect(schema.check({ name: "a" }).executorThreads).toBe(2);
  });

  it("documents itself: help, a table, JSON Schema, and arguments for a child", () => {
    expect(schema.parse({ argv: ["--help"], env: {} }).help).toBe(true);
    expect(schema.help("node [options]")).toMatch(/--executor-threads <integer 1\.\.64 \(threads\)>/);
    expect(schema.markdown()).toMatch(/\| `--executor-threads` \| `VELARIUM_EXECUTOR_THREADS` \|/);
    const json = schema.jsonSchema() as {
      required: string[];
      properties: Record<string, Record<string, unknown>>;
    };
    expect(json.required).toEqual(["name"]);
    expect(json.properties["order"]).toMatchObject({ enum: ["arrival", "tip"], default: "arrival" });
    const values = schema.check({ name: "a b", peers: ["x", "y"], verbose: true });
    expect(schema.parse({ argv: schema.toArguments(values), env: {} }).values).toEqual(values);
  });
});
