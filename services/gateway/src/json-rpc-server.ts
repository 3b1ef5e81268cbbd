/** JSON-RPC 2.0 over HTTP: single requests and batches, with limits on body, batch and concurrency. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { KitError } from "@velarium/service-kit";
import { JsonRpcError, RpcCode } from "./rpc-error.ts";

export type RpcMethod = (params: readonly unknown[]) => unknown | Promise<unknown>;

export interface JsonRpcServerOptions {
  readonly host: string;
  readonly port: number;
  readonly maxBodyBytes: number;
  readonly maxBatch: number;
  /** Requests worked on at a time; more are refused with 503. */
  readonly maxConcurrent: number;
  /** `Access-Control-Allow-Origin`; undefined sends none. */
  readonly allowOrigin?: string | undefined;
  readonly onRequest?: (method: string, ok: boolean) => void;
  /** What is nobody's fault but ours; the client only learns that it happened. */
  readonly onInternalError?: (error: unknown, method: string) => void;
}

interface Reply {
  readonly jsonrpc: "2.0";
  readonly id: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

export class JsonRpcServer {
  private readonly server: Server;
  private readonly methods: ReadonlyMap<string, RpcMethod>;
  private readonly options: JsonRpcServerOptions;
  private active = 0;

  constructor(methods: ReadonlyMap<string, RpcMethod>, options: JsonRpcServerOptions) {
    this.methods = methods;
    this.options = options;
    this.server = createServer((request, response) => void this.serve(request, response));
    this.server.headersTimeout = 10_000;
    this.server.requestTimeout = 30_000;
    this.server.maxHeadersCount = 64;
  }

  /** Listens and returns the port. @throws KitError `port` */
  start(): Promise<number> {
    const { host, port } = this.options;
    return new Promise((resolve, reject) => {
      this.server.once("error", (error: NodeJS.ErrnoException) => {
        const why =
          error.code === "EADDRINUSE"
            ? "it is in use; end the program that listens there or choose another port"
            : error.message;
        reject(new KitError("port", `cannot serve JSON-RPC on ${host}:${port}: ${why}`));
      });
      this.server.listen(port, host, () => resolve((this.server.address() as AddressInfo).port));
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeIdleConnections();
      setTimeout(() => this.server.closeAllConnections(), 1_000).unref();
    });
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const send = (status: number, body: string): void => {
      response.writeHead(status, {
        "content-type": "application/json",
        ...(this.options.allowOrigin
          ? {
              "access-control-allow-origin": this.options.allowOrigin,
              "access-control-allow-headers": "content-type",
              "access-control-allow-methods": "POST, OPTIONS",
            }
          : {}),
      });
      response.end(body);
    };
    const refuse = (status: number, code: number, message: string): void =>
      send(status, JSON.stringify({ jsonrpc: "2.0", id: null, error: { code, message } }));
    if (request.method === "OPTIONS") return send(204, "");
    if (request.method !== "POST")
      return refuse(405, RpcCode.invalidRequest, "send JSON-RPC requests with POST");
    if (this.active >= this.options.maxConcurrent)
      return refuse(503, RpcCode.limit, "too many requests at once: try again later");
    this.active++;
    try {
      const body = await readBody(request, this.options.maxBodyBytes);
      if (body === undefined) {
        // What is still on its way is not read: the connection cannot carry another request.
        if (!request.complete) response.setHeader("connection", "close");
        return refuse(413, RpcCode.limit, `a request has at most ${this.options.maxBodyBytes} bytes`);
      }
      send(200, await this.answer(body));
    } catch (error) {
      this.options.onInternalError?.(error, "");
      if (!response.headersSent) refuse(500, RpcCode.internal, "internal error");
    } finally {
      this.active--;
    }
  }

  /** The response body to a request body. */
  private async answer(body: string): Promise<string> {
    let parsed: unknown;
    try {
      parsed = JSON.parse(body);
    } catch {
      return JSON.stringify(failure(null, RpcCode.parse, "the request is not JSON"));
    }
    if (!Array.isArray(parsed)) {
      const reply = await this.call(parsed);
      return reply === undefined ? "" : JSON.stringify(reply);
    }
    if (parsed.length === 0) return JSON.stringify(failure(null, RpcCode.invalidRequest, "an empty batch"));
    if (parsed.length > this.options.maxBatch) {
      return JSON.stringify(
        failure(
          null,
          RpcCode.limit,
          `a batch has at most ${this.options.maxBatch} requests, got ${parsed.length}`,
        ),
      );
    }
    const replies = await Promise.all(parsed.map((request) => this.call(request)));
    const answered = replies.filter((reply) => reply !== undefined);
    return answered.length === 0 ? "" : JSON.stringify(answered);
  }

  /** Undefined for a notification (a request without id). */
  private async call(request: unknown): Promise<Reply | undefined> {
    const { jsonrpc, id, method, params } = (
      typeof request === "object" && request !== null ? request : {}
    ) as Record<string, unknown>;
    if (jsonrpc !== "2.0" || typeof method !== "string")
      return failure(id ?? null, RpcCode.invalidRequest, 'a request has jsonrpc "2.0" and a method');
    if (params !== undefined && !Array.isArray(params))
      return failure(id ?? null, RpcCode.invalidParams, "params must be an array");
    const handler = this.methods.get(method);
    const notification = id === undefined;
    if (!handler) {
      this.options.onRequest?.("unknown", false);
      return notification
        ? undefined
        : failure(
            id,
            RpcCode.methodNotFound,
            `the method ${method.slice(0, 64)} does not exist or is not available`,
          );
    }
    try {
      const result = await handler(params ?? []);
      this.options.onRequest?.(method, true);
      return notification ? undefined : { jsonrpc: "2.0", id, result: result ?? null };
    } catch (error) {
      this.options.onRequest?.(method, false);
      if (error instanceof JsonRpcError)
        return notification ? undefined : failure(id, error.code, error.message, error.data);
      this.options.onInternalError?.(error, method);
      return notification ? undefined : failure(id, RpcCode.internal, "internal error");
    }
  }
}

function failure(id: unknown, code: number, message: string, data?: unknown): Reply {
  return { jsonrpc: "2.0", id, error: data === undefined ? { code, message } : { code, message, data } };
}

/** Bodies of up to so many times the limit are read to their end, and dropped. */
const DROPPED = 4;

/**
 * Undefined when the body is longer than allowed. Who still writes when the connection closes may never see the answer, so
 * that comes after the end of the body; but not without end.
 */
function readBody(request: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let size = 0;
    request.on("data", (part: Buffer) => {
      size += part.length;
      if (size <= maxBytes) {
        parts.push(part);
        return;
      }
      parts.length = 0;
      if (size <= maxBytes * DROPPED) return;
      request.pause();
      resolve(undefined);
    });
    request.once("end", () => resolve(size > maxBytes ? undefined : Buffer.concat(parts).toString("utf8")));
    request.once("error", reject);
  });
}
