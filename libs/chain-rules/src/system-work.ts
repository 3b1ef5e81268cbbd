import type { BlockRules } from "./rules.ts";

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));

/** Caller of system calls (EIP-4788). */
export const SYSTEM_ADDRESS = bytes("fffffffffffffffffffffffffffffffffffffffe");
export const BEACON_ROOTS_ADDRESS = bytes("000f3df6d732807ef1319fb7b8bb8522d0beac02");
export const HISTORY_STORAGE_ADDRESS = bytes("0000f90827f1c53a10cb7a02335b175320002935");
export const WITHDRAWAL_REQUESTS_ADDRESS = bytes("00000961ef480eb55e80d19ad83579a64c007002");
export const CONSOLIDATION_REQUESTS_ADDRESS = bytes("0000bbddc7ce488642fb579f8b00f3a590007251");

/** Gas that a system call may use; it is not charged to anyone. */
export const SYSTEM_CALL_GAS = 30_000_000;

/** A call that the chain itself makes; without code at `address` nothing happens. */
export interface SystemCall {
  readonly name: "beaconRoots" | "blockHashes" | "withdrawalRequests" | "consolidationRequests";
  readonly address: Uint8Array;
  readonly data: Uint8Array;
  /** Type byte of the EIP-7685 request that the return data forms. */
  readonly requestType?: number;
}

export interface BlockOpening {
  readonly number: number;
  readonly parentHash: Uint8Array;
  readonly parentBeaconBlockRoot?: Uint8Array | undefined;
}

export function systemCallsAtOpen(rules: BlockRules, block: BlockOpening): SystemCall[] {
  const calls: SystemCall[] = [];
  if (block.number === 0) return calls;
  if (rules.header.parentBeaconBlockRoot)
    calls.push({
      name: "beaconRoots",
      address: BEACON_ROOTS_ADDRESS,
      data: block.parentBeaconBlockRoot ?? new Uint8Array(32),
    });
  if (rules.eip7702)
    calls.push({ name: "blockHashes", address: HISTORY_STORAGE_ADDRESS, data: block.parentHash });
  return calls;
}

export function systemCallsAtClose(rules: BlockRules): SystemCall[] {
  if (!rules.header.requestsHash) return [];
  const data = new Uint8Array(0);
  return [
    { name: "withdrawalRequests", address: WITHDRAWAL_REQUESTS_ADDRESS, data, requestType: 1 },
    { name: "consolidationRequests", address: CONSOLIDATION_REQUESTS_ADDRESS, data, requestType: 2 },
  ];
}
