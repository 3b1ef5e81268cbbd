/** The few JSON-RPC calls that commands make to a gateway. */

/** The gateway answered with an error, or not at all. */
export class JsonRpcCallError extends Error {
  readonly code: "unreachable" | "rpc";
  readonly rpcCode: number | undefined;
  constructor(code: JsonRpcCallError["code"], message: string, rpcCode?: number) {
    super(message);
    this.code = code;
    this.rpcCode = rpcCode;
  }
}

interface Answer {
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

export async function callJsonRpc(
  url: string,
  method: string,
  params: readonly unknown[] = [],
  timeoutMs = 5_000,
): Promise<unknown> {
  let answer: Answer;
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    answer = (await response.json()) as Answer;
  } catch (error) {
    const cause = (error as { cause?: Error }).cause ?? (error as Error);
    throw new JsonRpcCallError("unreachable", `no answer from ${url}: ${cause.message}`);
  }
  if (answer.error)
    throw new JsonRpcCallError("rpc", `${method}: ${answer.error.message}`, answer.error.code);
  return answer.result;
}

/** A URL from what a run file holds, which may lack the scheme. */
export const httpUrlOf = (endpoint: string): string =>
  /^https?:/.test(endpoint) ? endpoint : `http://${endpoint}`;
