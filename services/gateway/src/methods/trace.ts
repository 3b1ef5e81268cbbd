/** Executions step by step: `debug_traceTransaction` and `debug_traceCall`, with geth's tracers. */
import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";
import { type RpcBlock, toHex } from "@velarium/blocks";
import { BytesVector, bytesAt, decode, encode, type Message } from "@velarium/columns";
import {
  type CallTracerOptions,
  callTree,
  type PrestateOptions,
  type StructLogOptions,
  structLogs,
  TraceError,
  traceEvents,
} from "@velarium/evm-trace";
import { TraceReply, TraceRequest } from "@velarium/wire";
import type { RpcMethod } from "../json-rpc-server.ts";
import { blockParam, hashParam } from "../params.ts";
import { JsonRpcError, RpcCode } from "../rpc-error.ts";
import { type GatewayContext, heightOf } from "./context.ts";

const decompress = promisify(zstdDecompress);
const NO_BYTES = new Uint8Array(0);

/** `packedTracer` gives the trace in our own format (base64 of zstd), from which others are made. */
const TRACERS = ["callTracer", "prestateTracer", "packedTracer"] as const;

interface TraceConfig extends StructLogOptions {
  readonly tracer: (typeof TRACERS)[number] | undefined;
  readonly tracerConfig: CallTracerOptions & PrestateOptions & { readonly memory?: boolean };
}

type Reply = Message<typeof TraceReply>;

export function traceMethods(context: GatewayContext): [string, RpcMethod][] {
  return [
    [
      "debug_traceTransaction",
      async ([hash, options]) => {
        const config = configOf(options);
        const bytes = hashParam(hash);
        const found = context.index.findTransaction(bytes);
        if (!found)
          throw new JsonRpcError(RpcCode.notFound, "transaction not found: no block that is kept has it");
        return answer(context, config, transactionRequest(context, config, found.block, found.index));
      },
    ],
    [
      "debug_traceCall",
      async ([call, block, options]) => {
        const config = configOf(options);
        const height = heightOf(context, blockParam(block));
        const request = {
          ...commonOf(config, height),
          header: NO_BYTES,
          raw: new BytesVector().view(),
          senders: NO_BYTES,
          ancestors: NO_BYTES,
          call: new Uint8Array(Buffer.from(JSON.stringify(call ?? null))),
        };
        return answer(context, config, encode(TraceRequest, request));
      },
    ],
  ];
}

/** @throws JsonRpcError invalid params */
function configOf(value: unknown): TraceConfig {
  if (value !== undefined && value !== null && typeof value !== "object")
    throw new JsonRpcError(RpcCode.invalidParams, "options: expected an object");
  const given = (value ?? {}) as Record<string, unknown>;
  const { tracer, tracerConfig } = given;
  if (tracer !== undefined && !TRACERS.includes(tracer as never))
    throw new JsonRpcError(
      RpcCode.invalidParams,
      `tracer: expected one of ${TRACERS.join(", ")}, or none for the list of steps`,
    );
  const limit = given["limit"];
  if (limit !== undefined && (!Number.isSafeInteger(limit) || (limit as number) < 0))
    throw new JsonRpcError(RpcCode.invalidParams, "limit: expected a number of steps");
  return {
    tracer: tracer as TraceConfig["tracer"],
    tracerConfig: (typeof tracerConfig === "object" ? tracerConfig : undefined) ?? {},
    disableStack: given["disableStack"] === true,
    disableStorage: given["disableStorage"] === true,
    enableMemory: given["enableMemory"] === true,
    ...(limit === undefined ? {} : { limit: limit as number }),
  };
}

function commonOf({ tracer, tracerConfig, enableMemory }: TraceConfig, height: number) {
  const memory = enableMemory === true || tracerConfig.withLog === true || tracerConfig.memory === true;
  return {
    height,
    memory: memory ? 1 : 0,
    prestate: tracer !== "prestateTracer" ? 0 : tracerConfig.diffMode === true ? 2 : 1,
  };
}

function transactionRequest(
  context: GatewayContext,
  config: TraceConfig,
  block: RpcBlock,
  index: number,
): Uint8Array {
  if (index > context.maxTraceDepth)
    throw new JsonRpcError(
      RpcCode.limit,
      `${index} transactions stand before it in its block, and at most ${context.maxTraceDepth} are run again`,
    );
  const { record } = block;
  const raw = new BytesVector();
  for (let i = 0; i <= index; i++) raw.push(bytesAt(record.raw, i));
  return encode(TraceRequest, {
    ...commonOf(config, block.header.number - 1),
    header: record.header,
    raw: raw.view(),
    senders: record.senders.subarray(0, (index + 1) * 20),
    ancestors: record.ancestors,
    call: NO_BYTES,
  });
}

async function answer(context: GatewayContext, config: TraceConfig, request: Uint8Array): Promise<unknown> {
  const reply = decode(TraceReply, await context.trace(request));
  const { error, prestate } = JSON.parse(Buffer.from(reply.json).toString("utf8")) as {
    error?: { code: number; message: string; data?: unknown };
    prestate?: unknown;
  };
  if (error) throw new JsonRpcError(error.code, error.message, error.data);
  if (config.tracer === "prestateTracer") return prestate;
  if (config.tracer === "packedTracer") return packed(reply);
  try {
    const events = traceEvents(await decompress(reply.trace));
    if (config.tracer === "callTracer") return callTree(events, reply, config.tracerConfig);
    return {
      gas: reply.gasUsed,
      failed: reply.status === 0,
      returnValue: toHex(reply.output),
      structLogs: structLogs(events, { ...config, maxBytes: context.maxTraceBytes }),
    };
  } catch (error) {
    if (error instanceof TraceError && error.code === "limit")
      throw new JsonRpcError(RpcCode.limit, error.message);
    throw error;
  }
}

const packed = ({ trace, status, gasUsed, gasLimit, output }: Reply): unknown => ({
  format: "velarium-trace/2+zstd",
  trace: Buffer.from(trace).toString("base64"),
  gasUsed,
  gasLimit,
  failed: status === 0,
  output: toHex(output),
});
