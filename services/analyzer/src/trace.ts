/** `Analyzer.Trace`: one transaction of a block, or a call, step by step. */
import { promisify } from "node:util";
import { zstdCompress } from "node:zlib";
import {
  AnalyzerError,
  type CodeCache,
  CommittedView,
  replayTransaction,
  simulationContext,
} from "@velarium/analyzer-core";
import { decodeHeader } from "@velarium/blocks";
import type { ChainRules } from "@velarium/chain-rules";
import { decode, encode, type Message } from "@velarium/columns";
import {
  callGasCap,
  type Engine,
  EngineError,
  type ExecutionResult,
  runCall,
  type StateView,
  type TraceSink,
} from "@velarium/engine";
import { prestateOf } from "@velarium/evm-trace";
import { RpcError } from "@velarium/rpc";
import { TraceReply, TraceRequest } from "@velarium/wire";
import { failureOf } from "./call-errors.ts";
import { CallError, callOf, INVALID_PARAMS, SERVER_ERROR } from "./call-params.ts";
import type { ShardReads } from "./shard-reads.ts";

const compress = promisify(zstdCompress);
const NO_BYTES = new Uint8Array(0);

export interface TracerOptions {
  readonly engine: Engine;
  readonly rules: ChainRules;
  readonly reads: ShardReads;
  readonly beneficiary: Uint8Array;
  readonly gasLimit: number;
  readonly codes: CodeCache;
  /** Traces under way at a time; more are refused. */
  readonly maxTraces: number;
  readonly maxTraceBytes: number;
}

interface Traced {
  readonly result: ExecutionResult;
  readonly gasLimit: number;
  readonly before: StateView;
}

type Request = Message<typeof TraceRequest>;

export class Tracer {
  running = 0;
  private readonly options: TracerOptions;

  constructor(options: TracerOptions) {
    this.options = options;
  }

  /** Packed request to packed reply; errors of the execution are part of the reply. @throws RpcError `overloaded` */
  async handle(bytes: Uint8Array): Promise<Uint8Array> {
    const { maxTraces } = this.options;
    if (this.running >= maxTraces)
      throw new RpcError("overloaded", `${this.running} traces are under way already (limit ${maxTraces})`);
    this.running++;
    try {
      return await this.answer(decode(TraceRequest, bytes));
    } catch (error) {
      if (error instanceof CallError) return failed(error.code, error.message, error.data);
      if (error instanceof AnalyzerError) return failed(SERVER_ERROR, error.message);
      if (error instanceof EngineError && error.code === "TRACE_LIMIT")
        return failed(SERVER_ERROR, `${error.message}: trace less of it, or raise --max-trace-bytes`);
      throw error;
    } finally {
      this.running--;
    }
  }

  private async answer(request: Request): Promise<Uint8Array> {
    const { reads, codes, maxTraceBytes } = this.options;
    const chunks: Uint8Array[] = [];
    const trace: TraceSink = {
      memory: request.memory !== 0,
      maxBytes: maxTraceBytes,
      restart: () => void (chunks.length = 0),
      write: (records) => void chunks.push(records.slice()),
    };
    const height = request.height >= 0 ? request.height : await reads.commonHeight();
    const view = new CommittedView({ source: reads, height, codes });
    try {
      const traced =
        request.call.length > 0
          ? await this.traceCall(request, height, view, trace)
          : await this.traceTransaction(request, view, trace);
      const { result, gasLimit, before } = traced;
      const prestate = request.prestate === 0 ? undefined : await this.prestate(request, result, before);
      return encode(TraceReply, {
        status: result.status,
        gasUsed: result.gasUsed,
        gasLimit,
        trace: await compress(Buffer.concat(chunks)),
        output: result.returnData,
        json: jsonBytes(prestate === undefined ? {} : { prestate }),
      });
    } catch (error) {
      // What the interpreter wraps is of no use to a caller when it was the state that did not answer.
      throw view.failures > 0 ? view.lastFailure : error;
    }
  }

  private async traceTransaction(request: Request, view: StateView, trace: TraceSink): Promise<Traced> {
    const { engine, rules } = this.options;
    const header = decodeHeader(request.header);
    const { result, transaction, before } = await replayTransaction(engine, rules, header, request, view, {
      trace,
    });
    if (result.outcome !== "included")
      throw new CallError(SERVER_ERROR, `the transaction does not run as it did: ${result.reason}`);
    return { result, gasLimit: transaction.gasLimit, before };
  }

  private async traceCall(
    request: Request,
    height: number,
    view: StateView,
    trace: TraceSink,
  ): Promise<Traced> {
    const { engine, rules, beneficiary, gasLimit } = this.options;
    const now = Math.floor(Date.now() / 1000);
    const context = simulationContext(rules.rulesAt(height, now), height, now, beneficiary, gasLimit);
    const call = callOf(parsed(request.call));
    const result = await runCall(engine, context, call, view, { trace });
    const gas = Math.min(call.gas ?? callGasCap(context), callGasCap(context));
    if (result.outcome !== "included") throw failureOf(result, gas);
    return { result, gasLimit: gas, before: view };
  }

  private prestate(request: Request, result: ExecutionResult, before: StateView) {
    const state = {
      word: async (key: Uint8Array) => before.read(key) ?? (await before.fetch(key)),
      code: async (prefix: Uint8Array) => before.codeByPrefix(prefix) ?? (await before.fetchCode(prefix)),
    };
    return prestateOf(result, state, { diffMode: request.prestate === 2 });
  }
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    throw new CallError(INVALID_PARAMS, "the call is not JSON");
  }
}

const jsonBytes = (value: unknown): Uint8Array => new Uint8Array(Buffer.from(JSON.stringify(value), "utf8"));

const failed = (code: number, message: string, data?: string): Uint8Array =>
  encode(TraceReply, {
    status: 0,
    gasUsed: 0,
    gasLimit: 0,
    trace: NO_BYTES,
    output: NO_BYTES,
    json: jsonBytes({ error: { code, message, data } }),
  });
