/** Values from the /metrics pages of a cluster's services. */

/** Sum over all series of each metric name. */
export async function scrape(address: string): Promise<Map<string, number>> {
  const url = address.startsWith("http") ? address : `http://${address}`;
  const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5_000) });
  const sums = new Map<string, number>();
  for (const line of (await response.text()).split("\n")) {
    const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{[^}]*\})? ([-+0-9.eE]+|NaN|[+-]Inf)$/.exec(line);
    if (match) sums.set(match[1]!, (sums.get(match[1]!) ?? 0) + Number(match[2]));
  }
  return sums;
}
