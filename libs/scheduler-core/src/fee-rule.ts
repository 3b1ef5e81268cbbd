/** The chain's fee rule, as the core wants it. */
import type { ChainRules } from "@velarium/chain-rules";
import type { SchedulerOptions } from "./options.ts";

export function feeRuleOf(rules: ChainRules): SchedulerOptions["nextFees"] {
  return (parent, number, time) => {
    const facts = {
      number: parent.number,
      time: parent.time,
      baseFee: parent.baseFee,
      gasUsed: parent.gasUsed,
      gasLimit: parent.gasLimit,
      excessBlobGas: BigInt(parent.excessBlobGas),
      blobGasUsed: BigInt(parent.blobGasUsed),
    };
    const block = rules.rulesAt(number, time);
    return {
      baseFee: rules.nextBaseFee(facts, block) ?? 0n,
      excessBlobGas: Number(rules.nextExcessBlobGas(facts, block) ?? 0n),
    };
  };
}
