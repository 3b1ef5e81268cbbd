/** A block as far as execution needs it: its context, its fees once known, its open contributions. */
import type { ChainRules } from "@velarium/chain-rules";
import type { Message } from "@velarium/columns";
import { type BlockContext as EngineContext, wordToBigInt } from "@velarium/engine";
import { Domain, fieldKey, wordsOf } from "@velarium/slots";
import type { BlockContext, BlockFees } from "@velarium/wire";
import type { DeltaTable } from "./delta-table.ts";

export class BlockState {
  readonly number: number;
  readonly time: number;
  readonly beneficiaryHi: number;
  readonly beneficiaryLo: number;
  /** Key of the beneficiary's balance. */
  readonly beneficiaryKey: Uint8Array;
  readonly beneficiaryKeyWords: Uint32Array;
  readonly parentBeaconRoot: Uint8Array;
  readonly deltas: DeltaTable;
  /** Positions of transactions whose values are here before the fees are. */
  held: number[] = [];
  /** What the engine sees; undefined until the fees are known. */
  context: EngineContext | undefined;
  private readonly beneficiary: Uint8Array;
  private readonly gasLimit: number;
  private readonly prevRandao: Uint8Array;

  /** `deltas`: an empty table. */
  constructor(message: Message<typeof BlockContext>, deltas: DeltaTable) {
    this.deltas = deltas;
    this.number = message.number;
    this.time = message.time;
    this.gasLimit = message.gasLimit;
    this.beneficiary = message.beneficiary.slice();
    this.beneficiaryHi = message.beneficiaryId[0]!;
    this.beneficiaryLo = message.beneficiaryId[1]!;
    this.beneficiaryKey = fieldKey(Domain.balance, this.beneficiary);
    this.beneficiaryKeyWords = wordsOf(this.beneficiaryKey);
    this.prevRandao = message.prevRandao.slice();
    this.parentBeaconRoot = message.parentBeaconRoot.slice();
  }

  setFees(message: Message<typeof BlockFees>, chain: ChainRules): void {
    const rules = chain.rulesAt(this.number, this.time);
    this.context = {
      rules,
      number: this.number,
      timestamp: this.time,
      beneficiary: this.beneficiary,
      gasLimit: this.gasLimit,
      baseFee: wordToBigInt(message.baseFee),
      prevRandao: this.prevRandao,
      difficulty: 0n,
      blobBaseFee: chain.blobBaseFee(BigInt(message.excessBlobGas), rules),
    };
  }
}
