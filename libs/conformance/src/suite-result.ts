/** What a run of state tests has shown so far, and how it is told. */
import { FORKS, type Fork, forkByName } from "@velarium/chain-rules";
import type { EngineAccount, EngineName } from "./engine-under-test.ts";
import type { CaseReport } from "./file-run.ts";
import type { Suspensions } from "./interleave.ts";

export interface ForkCounts {
  passed: number;
  failed: number;
  /** Of the failed, those that ran into the time limit. */
  timedOut: number;
  skipped: number;
}

export interface Finding {
  readonly file: string;
  readonly name: string;
  readonly why: string;
}

export interface SlowCase {
  readonly file: string;
  readonly name: string;
  readonly seconds: number;
}

/** Cases slower than this are listed. A case takes milliseconds on every engine. */
const SLOW_MS = 2_000;
/** Findings kept in full; more are counted only. */
const MAX_FINDINGS = 20_000;

function addTo(sums: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(more)) sums[name] = (sums[name] ?? 0) + count;
}

export class SuiteResult {
  readonly engine: EngineName;
  readonly suspendEverywhere: boolean;
  readonly forks = new Map<Fork, ForkCounts>();
  readonly failures: Finding[] = [];
  readonly skips: Finding[] = [];
  readonly slow: SlowCase[] = [];
  /** Files that could not be run: each counts as a failure. */
  readonly broken: Finding[] = [];
  readonly suspensionsByOpcode: Record<string, number> = {};
  readonly suspensionsByWanted: Record<string, number> = {};
  readonly elsewhere: Record<string, number> = {};
  passed = 0;
  failed = 0;
  skipped = 0;
  seconds = 0;

  constructor(engine: EngineName, suspendEverywhere: boolean) {
    this.engine = engine;
    this.suspendEverywhere = suspendEverywhere;
  }

  get cases(): number {
    return this.passed + this.failed + this.skipped;
  }

  private countsOf(forkName: string): ForkCounts | undefined {
    const fork = forkByName(forkName);
    if (fork === undefined) return undefined;
    let counts = this.forks.get(fork);
    if (counts === undefined) {
      counts = { passed: 0, failed: 0, timedOut: 0, skipped: 0 };
      this.forks.set(fork, counts);
    }
    return counts;
  }

  addCase(file: string, { name, fork, ms, verdict }: CaseReport): void {
    this[verdict.status]++;
    const counts = this.countsOf(fork);
    if (counts !== undefined) counts[verdict.status]++;
    if (ms >= SLOW_MS) this.slow.push({ file, name, seconds: ms / 1000 });
    if (verdict.status === "passed") return;
    const list = verdict.status === "failed" ? this.failures : this.skips;
    if (list.length < MAX_FINDINGS) list.push({ file, name, why: verdict.why });
  }

  /** A case that did not end within its time has failed. */
  addTimeout(file: string, name: string, fork: string, limitMs: number): void {
    this.failed++;
    const counts = this.countsOf(fork);
    if (counts !== undefined) {
      counts.failed++;
      counts.timedOut++;
    }
    this.slow.push({ file, name, seconds: limitMs / 1000 });
    this.failures.push({ file, name, why: `not done after ${limitMs / 1000} s` });
  }

  addBroken(file: string, why: string): void {
    this.failed++;
    this.broken.push({ file, name: "", why });
  }

  addAccount(account: EngineAccount, { byOpcode, byWanted }: Suspensions): void {
    addTo(this.suspensionsByOpcode, byOpcode);
    addTo(this.suspensionsByWanted, byWanted);
    addTo(this.elsewhere, account.elsewhere);
  }

  /** Counts of every fork in order of activation; undefined for forks without a case. Forks that change no EVM rule are left out. */
  table(): [Fork, ForkCounts | undefined][] {
    return FORKS.filter((fork) => this.forks.has(fork) || !QUIET_FORKS.has(fork)).map((fork) => [
      fork,
      this.forks.get(fork),
    ]);
  }
}

/** Forks that moved the difficulty bomb or blob parameters only. */
const QUIET_FORKS: ReadonlySet<Fork> = new Set([
  "muirGlacier",
  "arrowGlacier",
  "grayGlacier",
  "bpo1",
  "bpo2",
]);
