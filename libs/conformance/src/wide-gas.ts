/**
 * Gas limits above 2^53 exist in old tests only (no block ever held one). The engine counts gas in doubles, so such a
 * limit becomes the largest double that is not above it; transaction and block carry the exact limit beside it.
 */
export function wideGas(limit: bigint): number {
  const nearest = Number(limit);
  if (BigInt(nearest) <= limit) return nearest;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, nearest);
  // Doubles of one sign are ordered like their bits.
  view.setBigUint64(0, view.getBigUint64(0) - 1n);
  return view.getFloat64(0);
}

export const isWideGas = (limit: bigint): boolean => limit > BigInt(Number.MAX_SAFE_INTEGER);
