// A server of its own process for the tests that kill it: prints its port, echoes every message.
import { serveRpc } from "../src/index.ts";

const server = await serveRpc({
  services: [
    {
      name: "test.Echo",
      streams: {
        Echo: (peer) => {
          peer.onMessage((bytes) => peer.send(bytes));
        },
      },
    },
  ],
});
process.stdout.write(`${server.port}\n`);
