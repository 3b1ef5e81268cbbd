import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import { KitError } from "./error.ts";
import type { LifecycleState } from "./lifecycle.ts";

export interface ObservabilityServerOptions {
  /** 127.0.0.1 if left out. */
  readonly host?: string;
  /** 0: any free port. */
  readonly port: number;
  readonly registry: Registry;
  readonly state: () => LifecycleState;
}

export interface ObservabilityServer {
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * `/metrics` (Prometheus text), `/healthz` (200 unless stopped or failed: is it alive?) and `/readyz`
 * (200 only when ready: does it take work?).
 * @throws KitError `port`
 */
export function serveObservability(options: ObservabilityServerOptions): Promise<ObservabilityServer> {
  const server = createServer((request, response) => {
    const path = (request.url ?? "/").split("?")[0];
    const state = options.state();
    const reply = (status: number, type: string, body: string): void => {
      response.writeHead(status, { "content-type": type });
      response.end(body);
    };
    if (request.method !== "GET" && request.method !== "HEAD") reply(405, "text/plain", "use GET\n");
    else if (path === "/healthz") {
      reply(
        state === "failed" || state === "stopped" ? 503 : 200,
        "application/json",
        `${JSON.stringify({ state })}\n`,
      );
    } else if (path === "/readyz") {
      reply(state === "ready" ? 200 : 503, "application/json", `${JSON.stringify({ state })}\n`);
    } else if (path === "/metrics") {
      options.registry.metrics().then(
        (text) => reply(200, options.registry.contentType, text),
        (error: unknown) => reply(500, "text/plain", `${String(error)}\n`),
      );
    } else reply(404, "text/plain", "try /metrics, /healthz or /readyz\n");
  });
  server.unref();
  const host = options.host ?? "127.0.0.1";
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "the port is taken; choose another" : error.message;
      reject(new KitError("port", `cannot serve metrics on ${host}:${options.port}: ${why}`));
    });
    server.listen(options.port, host, () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        stop: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeAllConnections();
          }),
      });
    });
  });
}
