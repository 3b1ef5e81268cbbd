import { spawnSync } from "node:child_process";
import { describe, expect, it } from "@jest/globals";
import { completionScript, shells } from "../src/completion-script.ts";
import { createProgram } from "../src/program.ts";

describe("completion", () => {
  it.each(shells)("of %s knows every command and long option", (shell) => {
    const program = createProgram();
    const script = completionScript(program, shell);
    for (const command of program.commands) {
      expect(script).toContain(command.name());
      for (const option of command.options)
        if (option.long)
          expect(script).toContain(shell === "fish" ? `-l ${option.long.slice(2)}` : option.long);
    }
  });

  it("of bash completes commands, options and words", () => {
    const script = completionScript(createProgram(), "bash");
    const complete = (...words: string[]): string[] => {
      const ask = `COMP_WORDS=(${words.map((w) => `'${w}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _velarium; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const { stdout, status } = spawnSync("bash", ["-c", `${script}\n${ask}`], {
        cwd: "/",
        encoding: "utf8",
      });
      expect(status).toBe(0);
      return stdout.trim().split("\n");
    };
    expect(complete("velarium", "ver")).toEqual(["verify", "verify-proof"]);
    expect(complete("velarium", "prove", "--fi")).toEqual(["--field"]);
    expect(complete("velarium", "prove", "--field", "n")).toEqual(["nonce"]);
    expect(complete("velarium", "bench", "faf")).toEqual(["fafo"]);
  });
});
