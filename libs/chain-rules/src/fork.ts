/** Ethereum's forks in order of activation, under the names that `@ethereumjs/common` uses. */
export const FORKS = [
  "chainstart",
  "homestead",
  "tangerineWhistle",
  "spuriousDragon",
  "byzantium",
  "constantinople",
  "petersburg",
  "istanbul",
  "muirGlacier",
  "berlin",
  "london",
  "arrowGlacier",
  "grayGlacier",
  "paris",
  "shanghai",
  "cancun",
  "prague",
  "osaka",
  "bpo1",
  "bpo2",
] as const;
export type Fork = (typeof FORKS)[number];

/** Of these, what only moved the difficulty bomb or changed the prices and number of blobs. */
const FORKS_OF_PARAMETERS: ReadonlySet<Fork> = new Set([
  "muirGlacier",
  "arrowGlacier",
  "grayGlacier",
  "bpo1",
  "bpo2",
]);
/** Forks that changed how transactions are executed, in order. */
export const EXECUTION_FORKS: readonly Fork[] = FORKS.filter((fork) => !FORKS_OF_PARAMETERS.has(fork));

export const forkIndex = (fork: Fork): number => FORKS.indexOf(fork);
export const isAtLeast = (fork: Fork, other: Fork): boolean => forkIndex(fork) >= forkIndex(other);

/** Other names under which test suites and configurations know a fork. */
const ALIASES: Readonly<Record<string, Fork>> = {
  frontier: "chainstart",
  eip150: "tangerineWhistle",
  eip158: "spuriousDragon",
  constantinoplefix: "petersburg",
  merge: "paris",
};

/** The fork of that name, ignoring case; undefined when no fork is called so. */
export function forkByName(name: string): Fork | undefined {
  const lower = name.toLowerCase();
  return ALIASES[lower] ?? FORKS.find((fork) => fork.toLowerCase() === lower);
}
