/** `Analyzer.Simulate`: eth_call, eth_estimateGas and eth_createAccessList on committed state. */
import { AnalyzerError, type CodeCache, CommittedView, simulationContext } from "@velarium/analyzer-core";
import type { ChainRules } from "@velarium/chain-rules";
import { decode, encode } from "@velarium/columns";
import {
  type BlockContext,
  type CallRequest,
  callGasCap,
  createAccessList,
  type Engine,
  estimateGas,
  runCall,
  wordToBigInt,
} from "@velarium/engine";
import { RpcError } from "@velarium/rpc";
import { Domain, fieldKey } from "@velarium/slots";
import { SimulateReply, SimulateRequest } from "@velarium/wire";
import { failureOf } from "./call-errors.ts";
import { CallError, callOf, INVALID_PARAMS, SERVER_ERROR } from "./call-params.ts";
import type { ShardReads } from "./shard-reads.ts";

const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
const quantity = (value: number): string => `0x${value.toString(16)}`;

export interface SimulatorOptions {
  readonly engine: Engine;
  readonly rules: ChainRules;
  readonly reads: ShardReads;
  readonly beneficiary: Uint8Array;
  readonly gasLimit: number;
  readonly codes: CodeCache;
  readonly maxCalls: number;
}

export class Simulator {
  calls = 0;
  running = 0;
  private readonly options: SimulatorOptions;

  constructor(options: SimulatorOptions) {
    this.options = options;
  }

  /** Packed request to packed reply; errors of the call are part of the reply. @throws RpcError `overloaded` */
  async handle(bytes: Uint8Array): Promise<Uint8Array> {
    if (this.running >= this.options.maxCalls)
      throw new RpcError(
        "overloaded",
        `${this.running} calls are under way already (limit ${this.options.maxCalls})`,
      );
    this.running++;
    this.calls++;
    try {
      const text = Buffer.from(decode(SimulateRequest, bytes).json).toString("utf8");
      return replyOf({ result: await this.answer(text) });
    } catch (error) {
      if (error instanceof CallError)
        return replyOf({ error: { code: error.code, message: error.message, data: error.data } });
      if (error instanceof AnalyzerError)
        return replyOf({ error: { code: SERVER_ERROR, message: error.message } });
      throw error;
    } finally {
      this.running--;
    }
  }

  private async answer(text: string): Promise<unknown> {
    let request: { method?: unknown; tx?: unknown; block?: unknown };
    try {
      request = JSON.parse(text) as typeof request;
    } catch {
      throw new CallError(INVALID_PARAMS, "the request is not JSON");
    }
    const { method, tx, block = -1 } = request ?? {};
    if (typeof block !== "number" || !Number.isSafeInteger(block) || block < -1)
      throw new CallError(INVALID_PARAMS, `block: expected a height or -1, got ${JSON.stringify(block)}`);
    const call = callOf(tx);
    const height = block >= 0 ? block : await this.options.reads.commonHeight();
    const view = new CommittedView({ source: this.options.reads, height, codes: this.options.codes });
    const context = this.context(height);
    const run = this.methods[method as keyof typeof this.methods];
    if (typeof method !== "string" || !Object.hasOwn(this.methods, method))
      throw new CallError(INVALID_PARAMS, `method: expected one of ${Object.keys(this.methods).join(", ")}`);
    try {
      return await run(context, call, view);
    } catch (error) {
      // What the interpreter wraps is of no use to a caller when it was the state that did not answer.
      throw view.failures > 0 ? view.lastFailure : error;
    }
  }

  private context(height: number): BlockContext {
    const { rules, beneficiary, gasLimit } = this.options;
    const now = Math.floor(Date.now() / 1000);
    return simulationContext(rules.rulesAt(height, now), height, now, beneficiary, gasLimit);
  }

  private readonly methods = {
    call: async (context: BlockContext, call: CallRequest, view: CommittedView): Promise<string> => {
      const result = await runCall(this.options.engine, context, call, view);
      const gas = Math.min(call.gas ?? callGasCap(context), callGasCap(context));
      if (result.outcome !== "included" || result.status === 0) throw failureOf(result, gas);
      return hex(result.returnData);
    },

    estimateGas: async (context: BlockContext, call: CallRequest, view: CommittedView): Promise<string> => {
      const { gas, affordable } = await withinFunds(context, call, view);
      const estimate = await estimateGas(this.options.engine, context, { ...call, gas }, view);
      if (estimate.kind === "gas") return quantity(estimate.gas);
      const failure = failureOf(estimate.result, gas);
      if (affordable && /^(out of gas|intrinsic gas)/.test(failure.message))
        throw new CallError(SERVER_ERROR, `gas required exceeds allowance (${gas})`);
      throw failure;
    },

    createAccessList: async (
      context: BlockContext,
      call: CallRequest,
      view: CommittedView,
    ): Promise<unknown> => {
      const { accessList, gasUsed, result } = await createAccessList(
        this.options.engine,
        context,
        call,
        view,
      );
      const gas = Math.min(call.gas ?? callGasCap(context), callGasCap(context));
      if (result.outcome !== "included") throw failureOf(result, gas);
      return {
        accessList: accessList.map(({ address, storageKeys }) => ({
          address: hex(address),
          storageKeys: storageKeys.map(hex),
        })),
        gasUsed: quantity(gasUsed),
        ...(result.status === 0 ? { error: failureOf(result, gas).message } : {}),
      };
    },
  };
}

/** Most gas for an estimate: where a price is given, no more than the sender can pay. */
async function withinFunds(
  context: BlockContext,
  call: CallRequest,
  view: CommittedView,
): Promise<{ gas: number; affordable: boolean }> {
  const gas = Math.min(call.gas ?? callGasCap(context), callGasCap(context));
  const price = call.gasPrice ?? 0n;
  if (price === 0n) return { gas, affordable: call.gas !== undefined };
  const balance = wordToBigInt(await view.fetch(fieldKey(Domain.balance, call.from ?? new Uint8Array(20))));
  const left = balance - (call.value ?? 0n);
  if (left < 0n) throw new CallError(SERVER_ERROR, "insufficient funds for transfer");
  const allowance = left / price;
  return allowance < BigInt(gas)
    ? { gas: Number(allowance), affordable: true }
    : { gas, affordable: call.gas !== undefined };
}

const replyOf = (value: unknown): Uint8Array =>
  encode(SimulateReply, { json: new Uint8Array(Buffer.from(JSON.stringify(value), "utf8")) });
