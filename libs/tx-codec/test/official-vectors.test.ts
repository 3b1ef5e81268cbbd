import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { createBlockRules, forkByName } from "@velarium/chain-rules";
import {
  checkTransaction,
  decodeTransaction,
  type RlpInput,
  recoverSender,
  rlpDecode,
  rlpEncode,
  type TxError,
  txRulesOf,
} from "../src/index.ts";

const ROOT = join(process.env["VELARIUM_FIXTURES"] ?? ".fixtures", "tests");
const present = existsSync(ROOT);
if (!present) console.log(`official transaction and RLP vectors skipped: no ${ROOT} (set VELARIUM_FIXTURES)`);
const official = present ? describe : describe.skip;

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replace(/^0x/, ""), "hex"));
const hexOf = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
const readJson = (path: string): Record<string, never> => JSON.parse(readFileSync(path, "utf8"));

/** The vectors' notation: "text", "#decimal", numbers, lists. */
function rlpInputOf(value: unknown): RlpInput {
  if (Array.isArray(value)) return value.map(rlpInputOf);
  if (typeof value === "number") return value;
  const text = value as string;
  return text.startsWith("#") ? BigInt(text.slice(1)) : new TextEncoder().encode(text);
}

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as TxError).code ?? String(error);
  }
}

official("RLPTests", () => {
  it("encodes and decodes the valid ones", () => {
    const vectors = readJson(join(ROOT, "RLPTests/rlptest.json")) as Record<
      string,
      { in: unknown; out: string }
    >;
    let count = 0;
    for (const { in: input, out } of Object.values(vectors)) {
      const item = rlpInputOf(input);
      expect(hexOf(rlpEncode(item))).toBe(out);
      expect(hexOf(rlpEncode(rlpDecode(bytesOf(out))))).toBe(out);
      count++;
    }
    expect(count).toBeGreaterThan(20);
    const random = readJson(join(ROOT, "RLPTests/RandomRLPTests/example.json")) as Record<
      string,
      { out: string }
    >;
    for (const { out } of Object.values(random)) expect(hexOf(rlpEncode(rlpDecode(bytesOf(out))))).toBe(out);
  });

  it("refuses the invalid ones", () => {
    const vectors = readJson(join(ROOT, "RLPTests/invalidRLPTest.json")) as Record<string, { out: string }>;
    let count = 0;
    for (const [name, { out }] of Object.entries(vectors)) {
      expect([name, codeOf(() => rlpDecode(bytesOf(out)))]).toEqual([name, "rlp"]);
      count++;
    }
    expect(count).toBeGreaterThan(20);
  });
});

interface Verdict {
  readonly exception?: string;
  readonly hash?: string;
  readonly sender?: string;
  readonly intrinsicGas?: string;
}
interface Vector {
  readonly txbytes: string;
  readonly result: Record<string, Verdict>;
}

/** One line per vector and fork on which this codec and the vector disagree. */
function disagreement(name: string, fork: string, raw: Uint8Array, verdict: Verdict): string | undefined {
  const rules = txRulesOf(createBlockRules(forkByName(fork)!, 1));
  try {
    // The vectors have no limit of size; they are made for chain 1.
    const tx = decodeTransaction(raw, { maxBytes: 2 ** 30 });
    const gas = checkTransaction(raw, tx.scan, rules, 1);
    const sender = hexOf(recoverSender(tx, { highS: !rules.homestead }));
    if (verdict.exception !== undefined) return `${name} ${fork}: accepted, expected ${verdict.exception}`;
    if (sender !== verdict.sender) return `${name} ${fork}: sender`;
    if (hexOf(tx.hash()) !== verdict.hash) return `${name} ${fork}: hash`;
    if (BigInt(gas) !== BigInt(verdict.intrinsicGas!)) return `${name} ${fork}: intrinsic gas ${gas}`;
    return undefined;
  } catch (error) {
    if ((error as TxError).name !== "TxError") throw error;
    return verdict.exception === undefined
      ? `${name} ${fork}: refused, ${(error as Error).message}`
      : undefined;
  }
}

official("TransactionTests", () => {
  it("accepts and refuses what the vectors do, with the same sender, hash and intrinsic gas", () => {
    const disagreements: string[] = [];
    let count = 0;
    const folder = join(ROOT, "TransactionTests");
    for (const group of readdirSync(folder)) {
      for (const file of readdirSync(join(folder, group))) {
        if (!file.endsWith(".json")) continue;
        const vectors = readJson(join(folder, group, file)) as unknown as Record<string, Vector>;
        for (const [name, vector] of Object.entries(vectors)) {
          const raw = bytesOf(vector.txbytes);
          for (const [fork, verdict] of Object.entries(vector.result)) {
            const line = disagreement(name, fork, raw, verdict);
            if (line) disagreements.push(line);
            count++;
          }
        }
      }
    }
    expect(count).toBeGreaterThan(2500);
    // Integers above 2^53 − 1 in nonce and gas limit are valid by the protocol and refused here on purpose.
    const onPurpose = disagreements.filter((line) => /refused, (nonce|gasLimit) is above 2\^53/.test(line));
    expect(disagreements.filter((line) => !onPurpose.includes(line))).toEqual([]);
    expect([...new Set(onPurpose.map((line) => line.split(" ")[0]))].sort()).toEqual([
      "TransactionWithHighGasLimit63",
      "TransactionWithHighGasLimit63Minus1",
      "TransactionWithHighGasLimit63Plus1",
      "TransactionWithHighGasLimit64Minus1",
      "TransactionWithHighNonce64Minus2",
    ]);
  });
});
