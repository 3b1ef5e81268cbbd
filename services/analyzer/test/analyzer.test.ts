import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { BytesVector, bytesAt, decode, encode, type Message, schemaIdOf } from "@velarium/columns";
import { bytesToMapKey, codeHash, MemoryState } from "@velarium/engine";
import { createDevGenesis, writeGenesis } from "@velarium/genesis";
import { dial, type PackedStream, type RpcConnection, type RpcServer, serveRpc } from "@velarium/rpc";
import { createLogger, type RunnableService } from "@velarium/service-kit";
import { Domain, encodeCodeWord, fieldKey, SLOT_KEY_BYTES, WORD_BYTES } from "@velarium/slots";
import { connectHub, type LogStream, type LogStreams, StreamHub } from "@velarium/streams";
import { encodeTransaction, placeholderSignature } from "@velarium/tx-codec";
import {
  Analyzed,
  Assignment,
  CodeReply,
  CodeRequest,
  GetReply,
  GetRequest,
  SimulateReply,
  SimulateRequest,
  TxBatch,
} from "@velarium/wire";
import { analyzerOptions, createAnalyzerService } from "../src/index.ts";

const account = (n: number): Uint8Array => new Uint8Array(20).fill(n);
const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

const state = new MemoryState();
function deploy(address: Uint8Array, code: Uint8Array): void {
  state.addCode(code);
  const word = encodeCodeWord({ flags: 0, incarnation: 0, hashPrefix: codeHash(code).subarray(0, 28) });
  state.set(fieldKey(Domain.code, address), word);
}

/** Answers as a shard that holds everything would. */
function shardRead(request: Uint8Array): Uint8Array {
  if (schemaIdOf(request) === CodeRequest.id) {
    const code = state.codes.get(bytesToMapKey(decode(CodeRequest, request).prefixes, 0, 28));
    const codes = new BytesVector();
    codes.push(code ?? new Uint8Array(0));
    return encode(CodeReply, { found: Uint8Array.of(code ? 1 : 0), codes: codes.view() });
  }
  const { keys, height } = decode(GetRequest, request);
  const count = keys.length / SLOT_KEY_BYTES;
  const values = new Uint8Array(count * WORD_BYTES);
  for (let i = 0; i < count; i++)
    values.set(state.read(keys.subarray(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES)), i * WORD_BYTES);
  return encode(GetReply, { height: height < 0 ? 12 : height, status: height > 12 ? 1 : 0, values });
}

function txBatch(to: Uint8Array): Uint8Array {
  const raw = new BytesVector();
  const fields = {
    type: 2,
    chainId: 8317,
    nonce: 0,
    gasLimit: 21_000,
    maxFeePerGas: 9,
    maxPriorityFeePerGas: 1,
  };
  raw.push(encodeTransaction({ ...fields, to, value: 1 }, placeholderSignature(account(1))));
  const hashes = new Uint8Array(32);
  return encode(TxBatch, {
    batch: 1,
    receivedMs: 0,
    verified: Uint8Array.of(1),
    raw: raw.view(),
    senders: account(1),
    hashes,
  });
}

const folder = mkdtempSync(join(tmpdir(), "analyzer-"));
const servers: RpcServer[] = [];
const peers: PackedStream[] = [];
const received: Message<typeof Analyzed>[] = [];
let hubClient: LogStreams;
let tx: LogStream;
let service: RunnableService;
let client: RpcConnection;

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(condition()).toBe(true);
}
const seqs = (): number[] => received.map((m) => m.streamSeq).sort((a, b) => a - b);
function assign(term: number, remainder: number, from: number, through: number): void {
  const message = { term, modulus: 2, remainder, fromStreamSeq: from, throughStreamSeq: through };
  peers[peers.length - 1]!.send(encode(Assignment, message));
}

async function simulate(method: string, call: object, block = -1) {
  const json = new Uint8Array(Buffer.from(JSON.stringify({ method, tx: call, block })));
  const reply = await client.call("Analyzer", "Simulate", encode(SimulateRequest, { json }));
  return JSON.parse(Buffer.from(decode(SimulateReply, reply).json).toString());
}

beforeAll(async () => {
  const genesis = join(folder, "genesis.json");
  writeGenesis(genesis, createDevGenesis({ gasLimit: 30_000_000 }));
  const shard = () =>
    serveRpc({ reflection: false, services: [{ name: "StateShard", unary: { Read: shardRead } }] });
  const analyze = (peer: PackedStream): void => {
    peers.push(peer);
    peer.onClose(() => {});
    peer.onMessage((message) => received.push(decode(Analyzed, message)));
  };
  const framer = serveRpc({
    reflection: false,
    services: [{ name: "Framer", streams: { Analyze: analyze } }],
  });
  const hub = serveRpc({ reflection: false, services: [new StreamHub().service()] });
  servers.push(...(await Promise.all([framer, hub, shard(), shard()])));
  const [framerAt, hubAt, ...shards] = servers.map((s) => s.address);
  hubClient = await connectHub({ address: hubAt!, prefix: "t" });
  tx = await hubClient.open("tx");
  for (let i = 0; i < 6; i++) await tx.append(i === 4 ? bytes("0102") : txBatch(account(9)));
  const options = analyzerOptions.check({
    genesis,
    framer: framerAt!,
    hub: hubAt!,
    shards,
    streamPrefix: "t",
    chainSecret: "11".repeat(32),
    knownRecipients: 1024,
  });
  service = createAnalyzerService({ options, log: createLogger({ name: "analyzer", level: "silent" }) });
  await service.lifecycle.start();
  client = await dial(service.endpoints!()["grpc"]!);
});

afterAll(async () => {
  client.close();
  await service.lifecycle.stop();
  await hubClient.close();
  await Promise.all(servers.map((s) => s.stop()));
  rmSync(folder, { recursive: true });
});

describe("assigned messages", () => {
  it("are analysed once each, in the class, no further than allowed, and again when the framer comes back", async () => {
    await until(() => peers.length === 1);
    assign(1, 1, 1, 3);
    await until(() => received.length >= 2);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(seqs()).toEqual([1, 3]);
    assign(1, 1, 1, 6);
    await until(() => received.length >= 3);
    expect(seqs()).toEqual([1, 3, 5]);
    // Message 5 is no batch: it counts as one without transactions.
    const rows = (seq: number) => received.find((m) => m.streamSeq === seq)!.verdicts.length;
    expect([rows(1), rows(5)]).toEqual([1, 0]);
    received.length = 0;
    peers[0]!.close();
    await until(() => peers.length === 2);
    assign(2, 0, 4, 100);
    await until(() => received.length >= 2);
    expect(received.map((m) => m.term)).toEqual([2, 2]);
    expect(seqs()).toEqual([4, 6]);
    const raw = bytesAt(received[0]!.raw, 0);
    expect(raw.length).toBeGreaterThan(50);
  });
});

describe("Simulate", () => {
  const contract = account(0x77);
  const run = (code: string, method: string, call: object = {}) => {
    deploy(contract, bytes(code));
    return simulate(method, { to: hex(contract), ...call });
  };

  it("calls at the newest height", async () => {
    deploy(account(0x71), bytes("4360005260206000f3")); // returns NUMBER
    expect(await simulate("call", { to: hex(account(0x71)) })).toEqual({
      result: `0x${"c".padStart(64, "0")}`,
    });
    const late = await simulate("call", { to: hex(account(0x71)) }, 40);
    expect(late.error).toMatchObject({ code: -32000, message: expect.stringContaining("block 40") });
  });

  it("reports reverts with reason and data, and other failures by geth's names", async () => {
    // Copies Error("no") from behind the code, and reverts with it.
    const reason = `08c379a0${"20".padStart(64, "0")}${"2".padStart(64, "0")}${"6e6f".padEnd(64, "0")}`;
    deploy(account(0x72), bytes(`6064600c60003960646000fd${reason}`));
    const reverted = await simulate("call", { to: hex(account(0x72)) });
    expect(reverted.error).toEqual({ code: 3, message: "execution reverted: no", data: `0x${reason}` });
    deploy(account(0x73), bytes("5b600056")); // runs for ever
    const endless = await simulate("call", { to: hex(account(0x73)), gas: "0x9000" });
    expect(endless.error).toMatchObject({ code: -32000, message: expect.stringMatching(/^out of gas/) });
    const low = await simulate("call", { to: hex(account(2)), gas: "0x10" });
    expect(low.error.message).toBe("intrinsic gas too low");
    const poor = await simulate("call", { from: hex(account(5)), to: hex(account(2)), value: "0x1" });
    expect(poor.error).toMatchObject({ code: -32000, message: "insufficient funds for gas * price + value" });
  });

  it("refuses parameters that are none", async () => {
    for (const call of [{ to: "0x12" }, { gas: 5 }, { data: "0x1" }, { data: "0x01", input: "0x02" }])
      expect((await simulate("call", call)).error.code).toBe(-32602);
    expect((await simulate("send", {})).error.code).toBe(-32602);
  });

  it("estimates gas, within what the sender can pay, and lists accesses", async () => {
    expect(await simulate("estimateGas", { to: hex(account(2)) })).toEqual({ result: "0x5208" });
    state.set(fieldKey(Domain.balance, account(6)), new Uint8Array(32).fill(0xff, 30)); // 65 535 wei
    const payable = { from: hex(account(6)), to: hex(account(2)), gasPrice: "0x1" };
    expect(await simulate("estimateGas", payable)).toEqual({ result: "0x5208" });
    const list = await run("60005400", "createAccessList");
    expect(list.result.accessList).toEqual([
      { address: hex(contract), storageKeys: [`0x${"0".repeat(64)}`] },
    ]);
  });
});
