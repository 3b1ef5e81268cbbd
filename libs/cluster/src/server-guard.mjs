/**
 * Runs one server for a supervisor and does not outlive it: when the supervisor ends, however it ends, the IPC channel
 * between them closes, and the server is told to end. Other projects' servers do not watch their parent.
 *
 *   node server-guard.mjs PROGRAM ARGUMENTS...       (started with an IPC channel)
 *
 * Tells the supervisor `{pid}` of the server, which writes where this process writes. Exits as the server does. Plain
 * JavaScript without imports of the project: it stays as long as the server does, so it should be small.
 */
import { spawn } from "node:child_process";
import { constants } from "node:os";

const KILL_AFTER_MS = 5_000;
const NOT_STARTED = 127;

const [program, ...args] = process.argv.slice(2);
const server = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"] });
let isEnding = false;

function end() {
  if (isEnding) return;
  isEnding = true;
  server.kill("SIGTERM");
  setTimeout(() => server.kill("SIGKILL"), KILL_AFTER_MS);
}

server.once("error", (error) => {
  process.stderr.write(`${program} did not start: ${error.message}\n`);
  process.exit(NOT_STARTED);
});
server.once("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, end);
process.once("disconnect", end);
if (!process.connected) end();
// Fails only when the supervisor is gone already, which the channel's end reports.
else if (server.pid !== undefined) process.send({ pid: server.pid }, () => {});
