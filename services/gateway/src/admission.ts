/** What is refused at the door: form, chain, type, size, gas. State is not looked at here. */
import { type BytesColumn, bytesAt } from "@velarium/columns";
import {
  checkTransaction,
  scanTransaction,
  TxError,
  type TxErrorCode,
  type TxRules,
  TxScan,
} from "@velarium/tx-codec";
import { MAX_TRANSACTION_BYTES, Reason } from "@velarium/wire";

export interface AdmissionRules {
  readonly chainId: number;
  readonly blockGasLimit: number;
  /** Blob transactions need sidecars that this layer does not carry; a replay takes them as they stand in blocks. */
  readonly acceptBlobs: boolean;
  /** Of the fork at the present time: a chain may fork while it runs. */
  readonly txRules: () => TxRules;
}

const REASONS: Readonly<Record<TxErrorCode, number>> = {
  rlp: Reason.malformed,
  type: Reason.unsupportedType,
  sidecar: Reason.unsupportedType,
  size: Reason.oversized,
  field: Reason.malformed,
  "chain-id": Reason.wrongChain,
  signature: Reason.badSignature,
  gas: Reason.intrinsicGas,
  fee: Reason.feeCapBelowTip,
};

export interface Refusal {
  readonly reason: number;
  readonly message: string;
}

export class Admission {
  private readonly rules: AdmissionRules;
  private readonly scan = new TxScan();
  private current: TxRules;

  constructor(rules: AdmissionRules) {
    this.rules = rules;
    this.current = rules.txRules();
  }

  /** Call now and then (a tick): takes over the rules of a fork that has begun. */
  refresh(): void {
    this.current = this.rules.txRules();
  }

  /** 0 or a Reason for every transaction of a column. */
  verdicts(raw: BytesColumn): Uint8Array {
    const out = new Uint8Array(raw.ends.length);
    let start = 0;
    for (let i = 0; i < out.length; i++) {
      const end = raw.ends[i]!;
      out[i] = this.reasonOf(raw.blob, start, end - start);
      start = end;
    }
    return out;
  }

  /** Undefined when it may enter; with words for people otherwise. */
  refusalOf(raw: Uint8Array): Refusal | undefined {
    let message = "";
    const reason = this.reasonOf(raw, 0, raw.length, (text) => {
      message = text;
    });
    return reason === Reason.none ? undefined : { reason, message };
  }

  private reasonOf(
    blob: Uint8Array,
    start: number,
    size: number,
    explain?: (message: string) => void,
  ): number {
    try {
      scanTransaction(blob, start, size, this.scan, MAX_TRANSACTION_BYTES);
      if (this.scan.type === 3 && !this.rules.acceptBlobs) {
        explain?.("blob transactions are not taken here");
        return Reason.unsupportedType;
      }
      if (this.scan.gasLimit > this.rules.blockGasLimit) {
        explain?.(`gas limit ${this.scan.gasLimit}, a block has ${this.rules.blockGasLimit}`);
        return Reason.gasLimitOverBlock;
      }
      checkTransaction(blob, this.scan, this.current, this.rules.chainId);
      return Reason.none;
    } catch (error) {
      if (!(error instanceof TxError)) throw error;
      explain?.(error.message);
      if (error.code === "gas" && this.scan.gasLimit > (this.current.maxGasLimit || Number.POSITIVE_INFINITY))
        return Reason.gasLimitOverBlock;
      return REASONS[error.code];
    }
  }
}

/** The column without the refused ones. */
export function admitted(raw: BytesColumn, verdicts: Uint8Array): number[] {
  const rows: number[] = [];
  for (let i = 0; i < verdicts.length; i++) if (verdicts[i] === 0) rows.push(i);
  return rows.length === raw.ends.length ? rows : rows.filter((row) => bytesAt(raw, row).length > 0);
}
