/** One account of a genesis. Amounts in wei. */
export interface GenesisAccount {
  /** 20 bytes. */
  readonly address: Uint8Array;
  readonly balance: bigint;
  readonly nonce: bigint;
  /** Undefined or empty: an account without code. */
  readonly code?: Uint8Array | undefined;
  /** Pairs of slot and value, 32 bytes each; values are not zero. */
  readonly storage: readonly (readonly [Uint8Array, Uint8Array])[];
}
