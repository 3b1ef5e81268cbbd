import type { BlockRules, SystemCall } from "@velarium/chain-rules";
import type { AccessKind } from "@velarium/slots";
import type { PackedPath, PackedSimulation } from "./packed.ts";

/** Everything a transaction may observe of its block except state. */
export interface BlockContext {
  readonly rules: BlockRules;
  readonly number: number;
  /** Unix seconds. */
  readonly timestamp: number;
  /** 20 bytes. */
  readonly beneficiary: Uint8Array;
  /** Gas. */
  readonly gasLimit: number;
  /** The gas limit where it is above 2^53, as in `ExecutableTransaction`. */
  readonly exactGasLimit?: bigint | undefined;
  /** Wei; 0 before EIP-1559. */
  readonly baseFee: bigint;
  /** 32 bytes; zero before the Merge. */
  readonly prevRandao: Uint8Array;
  readonly difficulty: bigint;
  /** Wei per blob gas; 0 where there are no blobs. */
  readonly blobBaseFee: bigint;
}

/** One EIP-7702 authorization with the authority that signed it already recovered; undefined: bad signature. */
export interface Authorization {
  readonly chainId: bigint;
  /** 20 bytes. */
  readonly address: Uint8Array;
  readonly nonce: bigint;
  readonly authority: Uint8Array | undefined;
}

export interface AccessListEntry {
  /** 20 bytes. */
  readonly address: Uint8Array;
  /** 32 bytes each. */
  readonly storageKeys: readonly Uint8Array[];
}

/** A decoded transaction with its sender, as the engine needs it. Amounts in wei, gas in gas. */
export interface ExecutableTransaction {
  readonly type: number;
  /** 20 bytes. */
  readonly sender: Uint8Array;
  readonly chainId?: number | undefined;
  readonly nonce: bigint;
  readonly gasLimit: number;
  /** The gas limit where it is above 2^53: in old tests only. `gasLimit` is then the largest number not above it. */
  readonly exactGasLimit?: bigint | undefined;
  /** 20 bytes; undefined creates a contract. */
  readonly to: Uint8Array | undefined;
  readonly value: bigint;
  readonly data: Uint8Array;
  /** Gas price of types 0 and 1, the fee cap of the others. */
  readonly maxFeePerGas: bigint;
  /** Equals `maxFeePerGas` for types 0 and 1. */
  readonly maxPriorityFeePerGas: bigint;
  readonly accessList?: readonly AccessListEntry[] | undefined;
  readonly maxFeePerBlobGas?: bigint | undefined;
  /** 32 bytes each. */
  readonly blobVersionedHashes?: readonly Uint8Array[] | undefined;
  readonly authorizations?: readonly Authorization[] | undefined;
}

/**
 * The state a transaction sees. `read` and `codeByPrefix` answer at once or return undefined when the value is not at
 * hand; then the engine awaits `fetch`. Both must keep answering the same for the whole execution. Hashes of earlier
 * blocks are slots too (`blockHashKey`). Returned arrays are not modified.
 */
export interface StateView {
  read(key: Uint8Array): Uint8Array | undefined;
  fetch(key: Uint8Array): Promise<Uint8Array>;
  /** Code by the 28 bytes of its hash that a code word holds. */
  codeByPrefix(prefix: Uint8Array): Uint8Array | undefined;
  fetchCode(prefix: Uint8Array): Promise<Uint8Array>;
}

/** Slots with an access kind each: `count` keys of 56 bytes, one kind byte per key, no key twice. */
export interface AccessColumns {
  readonly count: number;
  readonly keys: Uint8Array;
  readonly kinds: Uint8Array;
}

/** Slots with a 32-byte big-endian word each. */
export interface WordColumns {
  readonly count: number;
  readonly keys: Uint8Array;
  readonly words: Uint8Array;
}

export interface DeployedCode {
  /** keccak256 of `bytes`, all 32 bytes. */
  readonly hash: Uint8Array;
  readonly bytes: Uint8Array;
}

/** `included`: part of a block; `rejected`: can never be; `returned`: may be later. */
export type OutcomeKind = "included" | "rejected" | "returned";

export type OutcomeReason =
  | "nonce-too-low"
  | "nonce-too-high"
  | "nonce-max"
  | "insufficient-funds"
  | "fee-cap"
  | "blob-fee-cap"
  | "priority-fee-above-cap"
  | "sender-not-eoa"
  | "intrinsic-gas"
  | "gas-limit"
  | "initcode-size"
  | "type-unsupported"
  | "chain-id"
  | "blobs-invalid"
  | "authorizations-invalid"
  | "diverged";

export interface ExecutionResult {
  readonly outcome: OutcomeKind;
  readonly reason?: OutcomeReason;
  /** 1 success, 0 failure (the transaction is included all the same). */
  readonly status: 0 | 1;
  /** Gas that the sender pays for, refunds taken off. */
  readonly gasUsed: number;
  /** Gas refunded (after the cap). */
  readonly refund: number;
  /** RLP of the list of logs; a list of none is `c0`. */
  readonly logs: Uint8Array;
  readonly returnData: Uint8Array;
  readonly createdAddress: Uint8Array | undefined;
  /** Wei for the beneficiary. Already contained in `deltas`, or in `writes` when the transaction touched that balance. */
  readonly beneficiaryFee: bigint;
  /** Actual accesses, reads of reverted frames included. */
  readonly accesses: AccessColumns;
  /** Slots whose final value differs from the one observed. Declared W and absent here means "unchanged". */
  readonly writes: WordColumns;
  /** Amounts to add. */
  readonly deltas: WordColumns;
  readonly codes: readonly DeployedCode[];
}

export interface ExecuteOptions {
  /**
   * Declared accesses. When given, a transaction that leaves them has outcome `returned`, reason `diverged`, with no
   * writes and with the accesses seen so far; it runs on past the first undeclared access only to learn, within bounds.
   */
  readonly declared?: AccessColumns | undefined;
  /** Simulation only: leave out checks of nonce, of funds, of fee caps. */
  readonly skipNonceCheck?: boolean;
  readonly skipFundsCheck?: boolean;
  readonly skipFeeCheck?: boolean;
  readonly skipSenderCodeCheck?: boolean;
  /** Simulation only: a slot written at any time is reported W even if it ends as it began. */
  readonly reportAttemptedWrites?: boolean;
  /** Where the execution's trace goes; absent: none is made, at no cost. */
  readonly trace?: TraceSink | undefined;
}

/** Takes the packed trace of one execution, in the format of libs/evm-trace. */
export interface TraceSink {
  /** Record what is written to memory as well, where steps are told one by one. */
  readonly memory: boolean;
  /** A longer trace ends the execution with `EngineError` `TRACE_LIMIT`. */
  readonly maxBytes: number;
  /** The execution begins again: what was written is void. */
  restart(): void;
  /** Records in order, in pieces of any size; `records` is borrowed. */
  write(records: Uint8Array): void;
}

export interface Engine {
  readonly name: string;
  /** A way without objects for ordinary transactions, where the engine has one. */
  readonly packed?: PackedPath | undefined;
  readonly simulation?: PackedSimulation | undefined;
  execute(
    context: BlockContext,
    transaction: ExecutableTransaction,
    state: StateView,
    options?: ExecuteOptions,
  ): Promise<ExecutionResult> | ExecutionResult;
  /** A call by the chain itself at block open or close; without code at the address it does nothing. */
  systemCall(
    context: BlockContext,
    call: SystemCall,
    state: StateView,
  ): Promise<ExecutionResult> | ExecutionResult;
}

/** An execution cannot go on for a reason that is not the transaction's: the state gave no answer or wrong code. */
export class EngineError extends Error {
  readonly code: "STATE_UNAVAILABLE" | "CODE_MISMATCH" | "TOO_MANY_RESTARTS" | "TRACE_LIMIT" | "INTERNAL";
  constructor(code: EngineError["code"], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "EngineError";
    this.code = code;
  }
}

export type { AccessKind };
