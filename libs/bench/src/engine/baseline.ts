/** The baseline: `runCall` of `@ethereumjs/evm`, with this project's fast cryptography, on journaled maps. */
import { createEVM, type EVM, type EVMRunCallOpts, NobleBN254 } from "@ethereumjs/evm";
import { Address, bytesToUnprefixedHex } from "@ethereumjs/util";
import { type BlockRules, createCommon } from "@velarium/chain-rules";
import { type BlockContext, fastCrypto } from "@velarium/engine";
import { MapState } from "./map-state.ts";
import { type CallResult, failedCall, type Runner } from "./runner.ts";
import { type Workload, wordOf } from "./workload.ts";

const toOptions = (workload: Workload): EVMRunCallOpts[] =>
  workload.calls.map(({ caller, to, value, data, gasLimit }) => ({
    caller: new Address(caller),
    to: new Address(to),
    value,
    data,
    gasLimit: BigInt(gasLimit),
  }));

class Baseline implements Runner {
  readonly name = "@ethereumjs/evm";
  private readonly evm: EVM;
  private readonly state: MapState;
  private readonly workload: Workload;
  private readonly options: EVMRunCallOpts[];
  private readonly block: NonNullable<EVMRunCallOpts["block"]>;
  private readonly precompiles: string[];

  constructor(evm: EVM, state: MapState, workload: Workload, context: BlockContext) {
    this.evm = evm;
    this.state = state;
    this.workload = workload;
    this.options = toOptions(workload);
    this.block = {
      header: {
        number: BigInt(context.number),
        coinbase: new Address(context.beneficiary),
        timestamp: BigInt(context.timestamp),
        difficulty: 0n,
        prevRandao: context.prevRandao,
        gasLimit: BigInt(context.gasLimit),
        baseFeePerGas: context.baseFee,
        getBlobGasPrice: () => context.blobBaseFee,
      },
    };
    this.precompiles = [...evm.precompiles.keys()];
  }

  /** What a transaction begins with: everything forgotten that was warm, original or transient. */
  private async call(index: number) {
    const { evm, state } = this;
    const options = this.options[index % this.options.length]!;
    state.beginTransaction();
    evm.journal.cleanJournal();
    evm.transientStorage.clear();
    for (const name of this.precompiles) evm.journal.addAlwaysWarmAddress(name);
    evm.journal.addAlwaysWarmAddress(bytesToUnprefixedHex(options.caller!.bytes));
    evm.journal.addAlwaysWarmAddress(bytesToUnprefixedHex(options.to!.bytes));
    const { startsOver } = this.workload;
    if (startsOver === true) await state.checkpoint();
    const { execResult } = await evm.runCall({ ...options, block: this.block });
    if (startsOver === true) await state.revert();
    if (execResult.exceptionError !== undefined)
      throw failedCall(this.workload, this.name, index, execResult.exceptionError.error);
    return execResult;
  }

  async run(from: number, count: number): Promise<void> {
    for (let i = from; i < from + count; i++) await this.call(i);
  }

  async wordAt(address: Uint8Array, slot: Uint8Array | undefined): Promise<Uint8Array> {
    const at = new Address(address);
    if (slot === undefined) return wordOf((await this.state.getAccount(at))?.balance ?? 0n);
    const word = new Uint8Array(32);
    const value = await this.state.getStorage(at, slot);
    word.set(value, 32 - value.length);
    return word;
  }

  async inspect(index: number): Promise<CallResult> {
    const { executionGasUsed, returnValue, logs } = await this.call(index);
    return { success: true, gas: Number(executionGasUsed), returnData: returnValue, logs: logs?.length ?? 0 };
  }
}

export async function createBaseline(
  workload: Workload,
  rules: BlockRules,
  context: BlockContext,
): Promise<Runner> {
  const state = new MapState(workload.accounts);
  const common = createCommon(rules, fastCrypto);
  const evm = await createEVM({ common, stateManager: state, bn254: new NobleBN254() });
  return new Baseline(evm, state, workload, context);
}
