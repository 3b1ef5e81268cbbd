/** The program `velarium`. */
import { accountBuffersWithHeap } from "@velarium/service-kit";
import { CommanderError } from "commander";
import { exitCodeOf } from "./exit-code.ts";
import { createProgram } from "./program.ts";

accountBuffersWithHeap();
const program = createProgram();
try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    const { code, message, stack } = error as { code?: unknown; message?: string; stack?: string };
    const json = process.argv.includes("--json");
    process.stderr.write(
      json
        ? `${JSON.stringify({ error: { code: code ?? "internal", message } })}\n`
        : `velarium: ${code === undefined ? (stack ?? message) : message}\n`,
    );
    process.exitCode = exitCodeOf(error);
  }
}
// A connection that nobody closed must not keep a finished command alive.
process.exit();
