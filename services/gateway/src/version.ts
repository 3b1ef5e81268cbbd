import { readFileSync } from "node:fs";

/** `velarium/v0.1.0/linux-x64/node24.21.0`, as web3_clientVersion gives it. */
export function gatewayVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return `velarium/v${version}/${process.platform}-${process.arch}/node${process.versions.node}`;
}
