import type { Http2Server } from "node:http2";
import type {
  MethodDefinition,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  sendUnaryData,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { Metadata, Server, ServerCredentials, type status } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import { channelOptions, FLOW_CONTROL_WINDOW_BYTES, type TransportOptions } from "./channel-options.ts";
import { ERROR_CODE_HEADER, RpcError, rpcCodeToStatus } from "./error.ts";
import { sendInPlace } from "./framing.ts";
import { fullServiceName, methodPath } from "./names.ts";
import { decodePacked, encodePacked } from "./packed.ts";
import { PackedStream, type PackedStreamOptions } from "./packed-stream.ts";
import { addReflection } from "./reflection.ts";

export interface RpcServiceHandlers {
  /** `Framer`, or with a package `velarium.v1.Framer`. */
  readonly name: string;
  /** Bidirectional streams: called for each stream that opens; must set the callbacks before it returns or awaits. */
  readonly streams?: Readonly<Record<string, (peer: PackedStream) => void>>;
  /** One request, many replies: `peer` can only send. */
  readonly serverStreams?: Readonly<Record<string, (request: Uint8Array, peer: PackedStream) => void>>;
  /** One request, one reply. What it throws reaches the caller as `remote` with `remoteCode` = its `code`. */
  readonly unary?: Readonly<Record<string, (request: Uint8Array) => Uint8Array | Promise<Uint8Array>>>;
}

export interface ServeRpcOptions extends TransportOptions {
  /** Address to listen on; 127.0.0.1 if left out. */
  readonly host?: string;
  /** 0 or left out: any free port. */
  readonly port?: number;
  readonly services: readonly RpcServiceHandlers[];
  readonly stream?: PackedStreamOptions;
  /** Server reflection (grpcurl and the like); on if left out. Needs the protos beside the code. */
  readonly reflection?: boolean;
  readonly credentials?: ServerCredentials;
}

export interface RpcServer {
  readonly port: number;
  /** `host:port` to dial. */
  readonly address: string;
  readonly openStreams: number;
  /** What the health service answers, for one service or (no name) all. A new server is SERVING. */
  setServing(serving: boolean, service?: string): void;
  /** Health turns NOT_SERVING and new streams and calls are refused; resolves when the open ones have ended, or after `timeoutMs` (10 s), with how many have not. Idempotent. */
  drain(timeoutMs?: number): Promise<number>;
  /** Closes all streams, then the port. Idempotent. */
  stop(): Promise<void>;
}

const identity = (buffer: Buffer): Buffer => buffer;
/** How long `stop` lets peers end their streams in good order, ms. */
const STOP_GRACE_MS = 1000;

/**
 * Serves packed streams and rare unary calls, with grpc.health.v1 and reflection.
 * @throws RpcError `address-in-use`, `unreachable` (cannot listen there)
 */
export async function serveRpc(options: ServeRpcOptions): Promise<RpcServer> {
  sendInPlace();
  const server = new Server(channelOptions(options));
  const peers = new Set<PackedStream>();
  const idleWaiters: (() => void)[] = [];
  let calls = 0;
  let draining = false;
  const ended = (): void => {
    if (peers.size === 0 && calls === 0) for (const done of idleWaiters.splice(0)) done();
  };
  const streamOptions: PackedStreamOptions = {
    ...(options.maxMessageBytes === undefined ? {} : { maxMessageBytes: options.maxMessageBytes }),
    ...options.stream,
    onEnded: (peer) => {
      if (peers.delete(peer)) ended();
    },
  };
  type StreamCall = ServerDuplexStream<Buffer, Buffer> | ServerWritableStream<Buffer, Buffer>;
  const accept = (call: StreamCall, open: (peer: PackedStream) => void): void => {
    if (draining) {
      call.on("error", () => {});
      call.emit("error", drainingStatus());
      return;
    }
    const peer = new PackedStream(call, "server", call.getPeer(), headersOf(call.metadata), streamOptions);
    peers.add(peer);
    call.sendMetadata(new Metadata()); // so that the other side knows at once that it is connected
    try {
      open(peer);
    } catch (error) {
      peer.abort(handlerError(error));
    }
  };

  const health = new HealthImplementation({ "": "SERVING" });
  for (const service of options.services) {
    const name = fullServiceName(service.name);
    const definition: Record<string, MethodDefinition<Buffer, Buffer>> = {};
    const implementation: UntypedServiceImplementation = {};
    const add = (method: string, requestStream: boolean, responseStream: boolean): void => {
      definition[method] = {
        path: methodPath(name, method),
        requestStream,
        responseStream,
        requestSerialize: identity,
        requestDeserialize: identity,
        responseSerialize: identity,
        responseDeserialize: identity,
      };
    };
    for (const [method, handler] of Object.entries(service.streams ?? {})) {
      add(method, true, true);
      implementation[method] = (call: ServerDuplexStream<Buffer, Buffer>) => accept(call, handler);
    }
    for (const [method, handler] of Object.entries(service.serverStreams ?? {})) {
      add(method, false, true);
      implementation[method] = (call: ServerWritableStream<Buffer, Buffer>) =>
        accept(call, (peer) => handler(decodePacked(call.request), peer));
    }
    for (const [method, handler] of Object.entries(service.unary ?? {})) {
      add(method, false, false);
      implementation[method] = (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => {
        if (draining) {
          reply(drainingStatus());
          return;
        }
        calls++;
        answer(handler, call.request)
          .then(
            (bytes) => reply(null, bytes),
            (error) => reply(errorStatus(handlerError(error))),
          )
          .finally(() => {
            calls--;
            ended();
          });
      };
    }
    server.addService(definition as ServiceDefinition, implementation);
    health.setStatus(name, "SERVING");
  }
  health.addToServer(server);
  if (options.reflection !== false) {
    addReflection(
      server,
      options.services.map((s) => fullServiceName(s.name)),
    );
  }

  const host = options.host ?? "127.0.0.1";
  const port = await bind(server, host, options.port ?? 0, options.credentials);
  widenWindows(server);

  const setAll = (value: "SERVING" | "NOT_SERVING"): void => {
    health.setStatus("", value);
    for (const s of options.services) health.setStatus(fullServiceName(s.name), value);
  };
  let stopped: Promise<void> | undefined;
  const drain = (timeoutMs = 10_000): Promise<number> => {
    draining = true;
    setAll("NOT_SERVING");
    if (peers.size === 0 && calls === 0) return Promise.resolve(0);
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        resolve(peers.size + calls);
      };
      const timer = setTimeout(done, timeoutMs);
      idleWaiters.push(done);
    });
  };
  return {
    port,
    address: `${host.includes(":") ? `[${host}]` : host}:${port}`,
    get openStreams() {
      return peers.size;
    },
    setServing(serving, service) {
      const value = serving ? "SERVING" : "NOT_SERVING";
      if (service === undefined) setAll(value);
      else health.setStatus(fullServiceName(service), value);
    },
    drain,
    stop() {
      stopped ??= (async () => {
        const idle = drain(STOP_GRACE_MS);
        for (const peer of peers) peer.close();
        await idle;
        server.forceShutdown();
      })();
      return stopped;
    },
  };
}

async function answer(
  handler: (request: Uint8Array) => Uint8Array | Promise<Uint8Array>,
  request: Buffer,
): Promise<Buffer> {
  return encodePacked(await handler(decodePacked(request)));
}

function handlerError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  const code = (error as { code?: unknown } | null)?.code;
  const message = error instanceof Error ? error.message : String(error);
  return new RpcError("remote", message, typeof code === "string" ? code : undefined);
}

function errorStatus(error: RpcError): { code: status; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  metadata.set(ERROR_CODE_HEADER, error.remoteCode ?? error.code);
  return { code: rpcCodeToStatus(error.code), details: error.message, metadata };
}

const drainingStatus = () =>
  errorStatus(new RpcError("draining", "this server is about to stop and takes no new calls"));

function headersOf(metadata: Metadata): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(metadata.getMap())) out[name] = value.toString();
  return out;
}

function bind(server: Server, host: string, port: number, credentials?: ServerCredentials): Promise<number> {
  const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials ?? ServerCredentials.createInsecure(), (error, bound) => {
      if (!error) {
        resolve(bound);
        return;
      }
      server.forceShutdown();
      reject(
        /EADDRINUSE/.test(error.message)
          ? new RpcError("address-in-use", `cannot listen on ${address}: the port is taken; choose another`)
          : new RpcError("unreachable", `cannot listen on ${address}: ${error.message}`),
      );
    });
  });
}

/**
 * grpc-js applies `grpc-node.flow_control_window` to clients only, so a server would receive through
 * 64 KiB windows. It has no public way to set its own; when its inner table of HTTP/2 servers is not
 * where 1.14 keeps it, nothing changes but throughput over long links.
 */
function widenWindows(server: Server): void {
  const inner = (server as unknown as { http2Servers?: Map<Http2Server, unknown> }).http2Servers;
  if (!(inner instanceof Map)) return;
  for (const http2Server of inner.keys()) {
    http2Server.updateSettings?.({ initialWindowSize: FLOW_CONTROL_WINDOW_BYTES });
    http2Server.on("session", (session) => session.setLocalWindowSize(FLOW_CONTROL_WINDOW_BYTES));
  }
}
