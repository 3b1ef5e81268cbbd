/** Compiles solidity/*.sol to build/contracts.json: the same bytes on every machine (no metadata hash, fixed settings). */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const here = dirname(fileURLToPath(import.meta.url));
const files = readdirSync(join(here, "solidity"))
  .filter((name) => name.endsWith(".sol"))
  .sort();

const input = {
  language: "Solidity",
  sources: Object.fromEntries(
    files.map((name) => [name, { content: readFileSync(join(here, "solidity", name), "utf8") }]),
  ),
  settings: {
    // Paris runs on every fork since the merge; later targets would save a few gas and shut out replays of older rules.
    evmVersion: "paris",
    optimizer: { enabled: true, runs: 1_000_000 },
    metadata: { bytecodeHash: "none", appendCBOR: false },
    outputSelection: {
      "*": {
        "*": [
          "abi",
          "evm.bytecode.object",
          "evm.deployedBytecode.object",
          "evm.methodIdentifiers",
          "storageLayout",
        ],
      },
    },
  },
};

const output = JSON.parse(solc.compile(JSON.stringify(input)));
const errors = output.errors ?? [];
for (const error of errors) process.stderr.write(error.formattedMessage);
if (errors.some((error) => error.severity === "error")) process.exit(1);

const contracts = {};
for (const file of files) {
  const name = file.slice(0, -".sol".length);
  const made = output.contracts[file][name];
  contracts[name] = {
    abi: made.abi,
    bytecode: `0x${made.evm.bytecode.object}`,
    runtime: `0x${made.evm.deployedBytecode.object}`,
    selectors: made.evm.methodIdentifiers,
    storage: Object.fromEntries(
      made.storageLayout.storage.map((v) => [v.label, { slot: Number(v.slot), offset: v.offset }]),
    ),
  };
}
mkdirSync(join(here, "build"), { recursive: true });
const target = join(here, "build/contracts.json");
writeFileSync(`${target}.tmp`, `${JSON.stringify({ compiler: solc.version(), contracts }, null, 1)}\n`);
renameSync(`${target}.tmp`, target);
