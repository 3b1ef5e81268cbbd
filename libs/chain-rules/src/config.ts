import { type Fork, forkIndex } from "./fork.ts";
import type { BlobRules } from "./rules.ts";

/** The `config` object of a geth genesis file, as far as execution needs it. Numbers are block numbers or Unix seconds. */
export interface GethChainConfig {
  readonly chainId: number;
  readonly homesteadBlock?: number;
  readonly eip150Block?: number;
  readonly eip155Block?: number;
  readonly eip158Block?: number;
  readonly byzantiumBlock?: number;
  readonly constantinopleBlock?: number;
  readonly petersburgBlock?: number;
  readonly istanbulBlock?: number;
  readonly muirGlacierBlock?: number;
  readonly berlinBlock?: number;
  readonly londonBlock?: number;
  readonly arrowGlacierBlock?: number;
  readonly grayGlacierBlock?: number;
  readonly mergeNetsplitBlock?: number;
  readonly terminalTotalDifficulty?: number | string;
  readonly terminalTotalDifficultyPassed?: boolean;
  readonly shanghaiTime?: number;
  readonly cancunTime?: number;
  readonly pragueTime?: number;
  readonly osakaTime?: number;
  readonly bpo1Time?: number;
  readonly bpo2Time?: number;
  readonly blobSchedule?: Readonly<Record<string, BlobRules>>;
  readonly depositContractAddress?: string;
  /** How the base fee moves; EIP-1559 when absent. Not a field of geth's. */
  readonly baseFeePolicy?: BaseFeePolicy;
}

/**
 * How the base fee of a block follows from its ancestors:
 * `eip1559` from the gas of the parent; `fixed` at an amount (wei, decimal string);
 * `delayed`: from the gas of the grandparent, so that a block may open before its parent's gas is known.
 */
export type BaseFeePolicy =
  | { readonly kind: "eip1559" }
  | { readonly kind: "fixed"; readonly wei: string }
  | { readonly kind: "delayed" };

export class ChainConfigError extends Error {
  readonly code = "CHAIN_CONFIG_INVALID";
  readonly field: string;
  constructor(field: string, message: string) {
    super(`chain config: ${field}: ${message}`);
    this.name = "ChainConfigError";
    this.field = field;
  }
}

/** When a fork starts: at a block number, or at a time. */
export interface Activation {
  readonly fork: Fork;
  readonly block?: number;
  readonly time?: number;
}

const BY_BLOCK: readonly (readonly [keyof GethChainConfig, Fork])[] = [
  ["homesteadBlock", "homestead"],
  ["eip150Block", "tangerineWhistle"],
  ["eip158Block", "spuriousDragon"],
  ["byzantiumBlock", "byzantium"],
  ["constantinopleBlock", "constantinople"],
  ["petersburgBlock", "petersburg"],
  ["istanbulBlock", "istanbul"],
  ["muirGlacierBlock", "muirGlacier"],
  ["berlinBlock", "berlin"],
  ["londonBlock", "london"],
  ["arrowGlacierBlock", "arrowGlacier"],
  ["grayGlacierBlock", "grayGlacier"],
];

const BY_TIME: readonly (readonly [keyof GethChainConfig, Fork])[] = [
  ["shanghaiTime", "shanghai"],
  ["cancunTime", "cancun"],
  ["pragueTime", "prague"],
  ["osakaTime", "osaka"],
  ["bpo1Time", "bpo1"],
  ["bpo2Time", "bpo2"],
];

function activationOf(config: GethChainConfig, field: keyof GethChainConfig): number | undefined {
  const value = config[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw new ChainConfigError(
      field,
      `expected a block number or a time in seconds, got ${JSON.stringify(value)}`,
    );
  return value;
}

/** Reads the schedule; throws `ChainConfigError` on wrong types and on forks that start before an earlier fork. */
export function readSchedule(config: GethChainConfig): Activation[] {
  if (!Number.isSafeInteger(config.chainId) || config.chainId < 0)
    throw new ChainConfigError(
      "chainId",
      `expected a non-negative integer, got ${JSON.stringify(config.chainId)}`,
    );
  const schedule: Activation[] = [{ fork: "chainstart", block: 0 }];
  let previous = 0;
  for (const [field, fork] of BY_BLOCK) {
    const block = activationOf(config, field);
    if (block === undefined) continue;
    if (block < previous)
      throw new ChainConfigError(field, `${block} is before the start of an earlier fork (${previous})`);
    previous = block;
    schedule.push({ fork, block });
  }
  const times = BY_TIME.map(([field, fork]) => ({ field, fork, time: activationOf(config, field) }));
  const merge = activationOf(config, "mergeNetsplitBlock");
  const merged =
    merge !== undefined ||
    config.terminalTotalDifficultyPassed === true ||
    Number(config.terminalTotalDifficulty ?? 1) === 0;
  // A chain with forks by time has left proof of work; without a block for it, it never had any.
  if (merged || times.some(({ time }) => time !== undefined))
    schedule.push({ fork: "paris", block: merge ?? previous });
  let previousTime = 0;
  for (const { field, fork, time } of times) {
    if (time === undefined) continue;
    if (time < previousTime)
      throw new ChainConfigError(field, `${time} is before the start of an earlier fork (${previousTime})`);
    previousTime = time;
    schedule.push({ fork, time });
  }
  return schedule;
}

/** The fork of a block: the latest of the schedule that has started. */
export function forkAt(schedule: readonly Activation[], number: number, time: number): Fork {
  let best: Fork = "chainstart";
  for (const { fork, block, time: start } of schedule) {
    const started = block !== undefined ? number >= block : time >= (start ?? Number.POSITIVE_INFINITY);
    if (started && forkIndex(fork) > forkIndex(best)) best = fork;
  }
  return best;
}

/** A configuration in which `fork` and everything before it is active from block 0. */
export function configOfFork(fork: Fork, chainId: number): GethChainConfig {
  const fields: Record<string, number | boolean> = {};
  const last = forkIndex(fork);
  for (const [field, name] of BY_BLOCK) if (forkIndex(name) <= last) fields[field] = 0;
  if (fields["eip158Block"] === 0) fields["eip155Block"] = 0;
  if (last >= forkIndex("paris")) {
    fields["mergeNetsplitBlock"] = 0;
    fields["terminalTotalDifficulty"] = 0;
    fields["terminalTotalDifficultyPassed"] = true;
  }
  for (const [field, name] of BY_TIME) if (forkIndex(name) <= last) fields[field] = 0;
  return { chainId, ...fields } as GethChainConfig;
}
