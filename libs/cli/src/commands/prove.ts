/** `velarium prove` and `velarium verify-proof`: proofs of one slot, and their standalone check. */
import { readFileSync, writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { renderPairs } from "@velarium/report";
import { Domain, decodeCodeWord, fieldKey } from "@velarium/slots";
import { Command, Option } from "commander";
import { wholeNumber } from "../cluster-flags.ts";
import { ExitCode, UsageError } from "../exit-code.ts";
import { callJsonRpc, httpUrlOf } from "../json-rpc.ts";
import { createOutput } from "../output.ts";
import { type FetchedHeader, fetchHeader } from "../rpc-header.ts";
import { endpointOf, findRunningCluster, shardAddresses } from "../running-cluster.ts";
import { ShardReader } from "../shard-reader.ts";
import {
  ABSENT,
  bytesOfHex,
  describeValue,
  hexOf,
  PROOF_FORMAT,
  type ProofFile,
  type ProvableField,
  provableFields,
  slotKeyOf,
  verifyProofFile,
} from "../slot-proof.ts";

interface ProveFlags {
  readonly json?: boolean;
  readonly field?: ProvableField;
  readonly block?: number;
  readonly data?: string;
  readonly shard: readonly string[];
  readonly partitions: number;
  readonly rpcUrl?: string;
  readonly out?: string;
}

interface Sources {
  readonly shards: readonly string[];
  readonly partitions: number;
  readonly rpcUrl: string | undefined;
  readonly chainId: number;
}

/** A header is announced a moment after its block is durable. */
const HEADER_ATTEMPTS = 20;
const HEADER_WAIT_MS = 100;

export function proveCommand(): Command {
  return new Command("prove")
    .description("prove a slot of the state: that it has a value, or that it is absent")
    .argument("<address>", "the account")
    .argument("[slot]", "storage key, as hex or a number")
    .addOption(
      new Option(
        "--field <field>",
        "what of the account; storage when a slot is given, else balance",
      ).choices(provableFields),
    )
    .option("--block <n>", "at this block instead of the newest one", wholeNumber(0))
    .option("--data <dir>", "data directory of the cluster; without it the only one that runs is taken")
    .option(
      "--shard <address...>",
      "gRPC addresses of all shards in order, instead of a cluster on this machine",
      [],
    )
    .option("--partitions <n>", "partitions of the state, with --shard", wholeNumber(1, 256), 64)
    .option("--rpc-url <url>", "JSON-RPC of the gateway, with --shard: adds header and chain id")
    .option("--out <file>", "write the proof here instead of to standard output")
    .addHelpText(
      "after",
      `
Examples:
  velarium prove 0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266 --out balance.json
  velarium prove 0x5fbdb2315678afecb367f032d93f642f64180aa3 0 --block 12
  velarium verify-proof balance.json`,
    )
    .action(async (addressText: string, slotText: string | undefined, flags: ProveFlags) => {
      const out = createOutput(flags.json === true);
      const address = requireAddress(addressText);
      const field = flags.field ?? (slotText === undefined ? "balance" : "storage");
      if ((field === "storage") !== (slotText !== undefined))
        throw new UsageError(
          field === "storage" ? "--field storage needs a SLOT" : `--field ${field} takes no SLOT`,
        );
      const slot = slotText === undefined ? undefined : slotBytes(slotText);
      const file = await prove(await sourcesOf(flags), address, field, slot, flags.block ?? -1);
      const verdict = verifyProofFile(file);
      if (!verdict.ok) throw new Error(`the cluster gave a proof that does not hold: ${verdict.reason}`);
      const json = `${JSON.stringify(file, null, 2)}\n`;
      if (flags.out === undefined) {
        process.stdout.write(json);
        return;
      }
      writeFileSync(flags.out, json);
      out.result({
        file: flags.out,
        block: file.block,
        stateRoot: file.stateRoot,
        value: file.value,
        kind: verdict.kind,
      });
      out.say(
        `${flags.out}: ${verdict.kind} of ${field} of ${file.address} at block ${file.block}: ${describeValue(field, file.value)}`,
      );
    });
}

async function sourcesOf(flags: ProveFlags): Promise<Sources> {
  if (flags.shard.length > 0) {
    const chainId = flags.rpcUrl ? Number(await callJsonRpc(flags.rpcUrl, "eth_chainId")) : 0;
    return { shards: flags.shard, partitions: flags.partitions, rpcUrl: flags.rpcUrl, chainId };
  }
  const { run } = findRunningCluster(flags.data);
  const http = endpointOf(run, "gateway", "http");
  return {
    shards: shardAddresses(run),
    partitions: run.partitions,
    rpcUrl: flags.rpcUrl ?? (http ? httpUrlOf(http) : undefined),
    chainId: run.chainId,
  };
}

async function prove(
  from: Sources,
  address: Uint8Array,
  field: ProvableField,
  slot: Uint8Array | undefined,
  height: number,
): Promise<ProofFile> {
  const reader = await ShardReader.connect(from.shards, from.partitions);
  try {
    // Storage keys hold the incarnation, which the code word tells, at the same block.
    const codeKey = fieldKey(Domain.code, address);
    const code = field === "storage" ? await reader.prove(codeKey, height) : undefined;
    const incarnation = code ? decodeCodeWord((await reader.word(codeKey, code.height)).word).incarnation : 0;
    const key = slotKeyOf(field, address, slot, incarnation);
    const proven = await reader.prove(key, code?.height ?? height);
    const { word } = await reader.word(key, proven.height);
    const header = from.rpcUrl ? await headerOf(from.rpcUrl, proven.height) : undefined;
    return {
      format: PROOF_FORMAT,
      chainId: from.chainId,
      block: proven.height,
      ...(header ? { blockHash: header.hash, headerRlp: hexOf(header.rlp) } : {}),
      stateRoot: hexOf(proven.stateRoot),
      address: hexOf(address),
      field,
      ...(slot ? { slot: hexOf(slot) } : {}),
      value: word.length === 32 ? hexOf(word) : ABSENT,
      proof: proven.proof,
      ...(code ? { codeProof: code.proof } : {}),
    };
  } finally {
    reader.close();
  }
}

async function headerOf(url: string, block: number): Promise<FetchedHeader | undefined> {
  for (let attempt = 0; attempt < HEADER_ATTEMPTS; attempt++) {
    const header = await fetchHeader(url, block);
    if (header) return header;
    await new Promise((resolve) => setTimeout(resolve, HEADER_WAIT_MS));
  }
  return undefined;
}

function requireAddress(given: string): Uint8Array {
  const address = bytesOfHex(given, 20);
  if (!address) throw new UsageError(`${given} is not an address: expected 0x and 40 hex digits`);
  return address;
}

function slotBytes(text: string): Uint8Array {
  let value: bigint;
  try {
    value = BigInt(text);
  } catch {
    throw new UsageError(`${text} is not a storage key: expected 0x and hex digits, or a number`);
  }
  if (value < 0n || value >= 1n << 256n)
    throw new UsageError(`${text} is not a storage key: it has more than 32 bytes`);
  return new Uint8Array(Buffer.from(value.toString(16).padStart(64, "0"), "hex"));
}

interface VerifyProofFlags {
  readonly json?: boolean;
  readonly root?: string;
}

export function verifyProofCommand(): Command {
  return new Command("verify-proof")
    .description("check a proof file, without any cluster")
    .argument("<file>", "proof file, as written by velarium prove; - for standard input")
    .option(
      "--root <hex>",
      "the state root to trust; without it the one in the file, and in its header, is taken",
    )
    .addHelpText(
      "after",
      `
Without --root the proof is checked against the file's own header: compare the block hash that is printed with a
source you trust. Exit code 1 when the proof is invalid.

Examples:
  velarium verify-proof balance.json
  velarium prove 0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266 | velarium verify-proof -`,
    )
    .action(async (path: string, flags: VerifyProofFlags) => {
      const out = createOutput(flags.json === true);
      if (flags.root !== undefined && !bytesOfHex(flags.root, 32))
        throw new UsageError(`--root ${flags.root}: expected 0x and 64 hex digits`);
      const file = await readProofFile(path);
      const verdict = verifyProofFile(file, flags.root);
      out.result(verdict);
      if (!verdict.ok) {
        out.say(`INVALID: ${verdict.reason}`);
        process.exitCode = ExitCode.failed;
        return;
      }
      out.say(
        renderPairs([
          ["account", file.address],
          ["field", file.slot ? `${file.field} ${file.slot}` : file.field],
          ["block", `${file.block}${file.blockHash ? ` ${file.blockHash}` : ""}`],
          [
            "state root",
            `${file.stateRoot} (${flags.root ? "as given" : verdict.headerChecked ? "as in the header of that hash" : "as the file says: no header"})`,
          ],
          ["value", verdict.kind === "exclusion" ? "absent" : describeValue(file.field, verdict.value)],
          ["last written", verdict.height === undefined ? undefined : `block ${verdict.height}`],
        ]),
      );
      out.say("");
      out.say(
        verdict.kind === "exclusion" ? "VALID: the slot is absent." : "VALID: the slot has this value.",
      );
    });
}

async function readProofFile(path: string): Promise<ProofFile> {
  try {
    return JSON.parse(path === "-" ? await text(process.stdin) : readFileSync(path, "utf8")) as ProofFile;
  } catch (error) {
    throw new UsageError(`${path}: ${(error as Error).message}`);
  }
}
