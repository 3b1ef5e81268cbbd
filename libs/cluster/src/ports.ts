/** TCP ports on one address: whether one is free, and one that is. */
import { createServer } from "node:net";
import { ClusterError } from "./error.ts";

export function isPortFree(port: number, host = "127.0.0.1"): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

/** A free port. Another program may take it before it is used; whoever binds it reports that. */
export function freePort(host = "127.0.0.1"): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, host, () => {
      const address = server.address();
      const port = typeof address === "object" && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Refuses a port that somebody else listens on. Port 0 asks for any and always passes. */
export async function requirePort(port: number, host: string, option: string): Promise<void> {
  if (port === 0 || (await isPortFree(port, host))) return;
  throw new ClusterError(
    "port-in-use",
    `port ${port} on ${host} is in use`,
    `end the program that listens there, or choose another with ${option}`,
  );
}
