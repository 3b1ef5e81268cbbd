/** What `--version` says. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { BLOCK_RECORD_VERSION, EXPORT_VERSION } from "@velarium/blocks";

export interface VersionInfo {
  readonly version: string;
  readonly commit: string;
  readonly node: string;
  readonly formats: Readonly<Record<string, number>>;
}

export function versionInfo(): VersionInfo {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return {
    version,
    commit: process.env["VELARIUM_COMMIT"] ?? commitOfCheckout(),
    node: process.versions.node,
    formats: { blockRecord: BLOCK_RECORD_VERSION, export: EXPORT_VERSION },
  };
}

export function versionText(): string {
  const info = versionInfo();
  const formats = Object.entries(info.formats).map(([name, version]) => `${name} ${version}`);
  return `velarium ${info.version} (commit ${info.commit}, node ${info.node}; formats: ${formats.join(", ")})`;
}

function commitOfCheckout(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short=12", "HEAD"], {
      cwd: new URL(".", import.meta.url),
      stdio: ["ignore", "pipe", "ignore"],
    })
      .toString()
      .trim();
  } catch {
    return "unknown";
  }
}
