/** What commands print: results on standard output (for people, or as JSON), everything else on standard error. */
import cliProgress from "cli-progress";

export interface Output {
  readonly json: boolean;
  /** A line for people; nothing with --json. */
  say(line: string): void;
  /** A line about progress, on standard error. */
  note(line: string): void;
  /** The result as one JSON document; nothing without --json. */
  result(value: unknown): void;
  progress(label: string, total: number): Progress;
}

export interface Progress {
  update(done: number, detail?: string): void;
  stop(): void;
}

/** Time between two progress lines where there is no terminal to draw a bar on, ms. */
const PLAIN_EVERY_MS = 2_000;

export function createOutput(json: boolean): Output {
  return {
    json,
    say: (line) => {
      if (!json) process.stdout.write(`${line}\n`);
    },
    note: (line) => void process.stderr.write(`${line}\n`),
    result: (value) => {
      if (json) process.stdout.write(`${JSON.stringify(value, bigintsAsText, 2)}\n`);
    },
    progress: (label, total) => (process.stderr.isTTY ? bar(label, total) : plain(label, total)),
  };
}

function bigintsAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

function bar(label: string, total: number): Progress {
  const drawn = new cliProgress.SingleBar({
    format: `${label} {bar} {percentage}% {value}/{total} {detail}`,
    hideCursor: true,
    stream: process.stderr,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 30,
  });
  drawn.start(total, 0, { detail: "" });
  return { update: (done, detail = "") => drawn.update(done, { detail }), stop: () => drawn.stop() };
}

function plain(label: string, total: number): Progress {
  let last = 0;
  const print = (done: number, detail: string): void => {
    last = Date.now();
    process.stderr.write(`${label} ${done}/${total} ${detail}\n`);
  };
  return {
    update: (done, detail = "") => {
      if (Date.now() - last >= PLAIN_EVERY_MS || done === total) print(done, detail);
    },
    stop: () => {},
  };
}
