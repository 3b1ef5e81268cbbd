/** The block that a state test's `env` describes. */
import { type BlockRules, blobBaseFee, createBlockRules, type Fork } from "@velarium/chain-rules";
import type { BlockContext } from "@velarium/engine";
import { bigIntToWord } from "@velarium/engine";
import { bytesOf, type StateTest } from "./state-test.ts";
import { isWideGas, wideGas } from "./wide-gas.ts";

/** Rules are compared by reference, so equal ones are one object; forks × blob schedules bound their number. */
const known = new Map<string, BlockRules>();

function rulesOf(test: StateTest, fork: Fork, forkName: string): BlockRules {
  const scheduled = test.config?.blobSchedule?.[forkName];
  const chainId = Number(test.config?.chainid ?? 1);
  const name = JSON.stringify([fork, chainId, scheduled]);
  let rules = known.get(name);
  if (rules === undefined) {
    const blobs = scheduled && {
      target: Number(scheduled.target),
      max: Number(scheduled.max),
      baseFeeUpdateFraction: Number(scheduled.baseFeeUpdateFraction),
    };
    known.set(name, (rules = createBlockRules(fork, chainId, blobs)));
  }
  return rules;
}

/** `forkName` is the fork as the file calls it, which is how its blob schedule is keyed. */
export function blockContextOf(test: StateTest, fork: Fork, forkName: string): BlockContext {
  const rules = rulesOf(test, fork, forkName);
  const { env } = test;
  const gasLimit = BigInt(env["currentGasLimit"]!);
  return {
    rules,
    number: Number(env["currentNumber"]),
    timestamp: Number(env["currentTimestamp"]),
    beneficiary: bytesOf(env["currentCoinbase"]!),
    gasLimit: wideGas(gasLimit),
    exactGasLimit: isWideGas(gasLimit) ? gasLimit : undefined,
    baseFee: rules.eip1559 ? BigInt(env["currentBaseFee"] ?? 10) : 0n,
    prevRandao: rules.header.prevRandao
      ? bigIntToWord(BigInt(env["currentRandom"] ?? 0))
      : new Uint8Array(32),
    difficulty: BigInt(env["currentDifficulty"] ?? 0),
    blobBaseFee:
      rules.blobs === undefined ? 0n : blobBaseFee(BigInt(env["currentExcessBlobGas"] ?? 0), rules.blobs),
  };
}
