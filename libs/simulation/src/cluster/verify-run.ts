/** The oracle: what the shards keep, exported and re-executed one transaction after another by the verifier. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlockExportWriter, encodeBlockRecord } from "@velarium/blocks";
import { writeGenesis } from "@velarium/genesis";
import { type VerifyReport, verifyExport } from "@velarium/verify";
import { GENESIS } from "./scenario.ts";
import type { WholeRun } from "./whole-run.ts";
import { PARTITIONS } from "./whole-shard.ts";

export async function verifyRun(run: WholeRun): Promise<VerifyReport> {
  const folder = mkdtempSync(join(tmpdir(), "simulation-"));
  try {
    const file = join(folder, "given.json");
    writeGenesis(file, GENESIS);
    const directory = join(folder, "export");
    const writer = new BlockExportWriter(directory, { file }, { chainId: GENESIS.config.chainId });
    for (const record of run.records) writer.write(record.number, encodeBlockRecord(record));
    return await verifyExport(directory, { partitions: PARTITIONS });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
