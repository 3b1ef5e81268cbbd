/** Deployed code of real contracts, from the fixtures. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Blocks whose codes are taken: all forks of interest, a few hundred contracts. */
const MAX_BLOCKS = 6;
/** Larger codes slow the reference down without adding kinds of faults. */
const MAX_CODE_BYTES = 12_000;

const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(Buffer.from(hex.trim().replace(/^0x/, ""), "hex"));

function codesOfContracts(folder: string): Uint8Array[] {
  const pevm = join(folder, "pevm");
  const hex = existsSync(pevm)
    ? readdirSync(pevm)
        .sort()
        .map((name) => readFileSync(join(pevm, name), "utf8"))
    : [];
  const revmc = join(folder, "revmc");
  const files = existsSync(revmc) ? readdirSync(revmc).sort() : [];
  for (const name of files) {
    const file = JSON.parse(readFileSync(join(revmc, name), "utf8")) as Record<
      string,
      { pre?: Record<string, { code: string }> }
    >;
    for (const { pre = {} } of Object.values(file)) for (const { code } of Object.values(pre)) hex.push(code);
  }
  return hex.map(bytesOf);
}

function codesOfBlocks(folder: string): Uint8Array[] {
  if (!existsSync(folder)) return [];
  const blocks = readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, "codes.json")))
    .sort()
    .slice(-MAX_BLOCKS);
  return blocks.flatMap((name) =>
    Object.values(
      JSON.parse(readFileSync(join(folder, name, "codes.json"), "utf8")) as Record<string, string>,
    ).map(bytesOf),
  );
}

/** None where there are no fixtures. */
export function readRealCodes(fixtures = process.env["VELARIUM_FIXTURES"] ?? ".fixtures"): Uint8Array[] {
  const codes = [
    ...codesOfContracts(join(fixtures, "contracts")),
    ...codesOfBlocks(join(fixtures, "blocks", "ethereum")),
  ];
  return codes.filter((code) => code.length > 20 && code.length <= MAX_CODE_BYTES);
}
