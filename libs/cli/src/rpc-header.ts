/** The header of a block as consensus encodes it, from what a gateway says of the block. */
import { type BlockHeader, encodeHeader, headerHash } from "@velarium/blocks";
import { callJsonRpc } from "./json-rpc.ts";

export interface FetchedHeader {
  readonly rlp: Uint8Array;
  readonly hash: string;
  readonly stateRoot: string;
}

/** Undefined when the gateway does not have the block, or says something whose hash is not the block's. */
export async function fetchHeader(url: string, block: number): Promise<FetchedHeader | undefined> {
  const json = (await callJsonRpc(url, "eth_getBlockByNumber", [`0x${block.toString(16)}`, false])) as Record<
    string,
    string
  > | null;
  if (json === null) return undefined;
  const rlp = encodeHeader(headerOf(json));
  const hash = `0x${Buffer.from(headerHash(rlp)).toString("hex")}`;
  return hash === json["hash"] ? { rlp, hash, stateRoot: json["stateRoot"]! } : undefined;
}

function headerOf(json: Readonly<Record<string, string>>): BlockHeader {
  const bytes = (name: string): Uint8Array => new Uint8Array(Buffer.from(json[name]!.slice(2), "hex"));
  const number = (name: string): number => Number(json[name]);
  const optional = <T>(name: string, read: (name: string) => T): T | undefined =>
    json[name] === undefined ? undefined : read(name);
  return {
    parentHash: bytes("parentHash"),
    ommersHash: bytes("sha3Uncles"),
    beneficiary: bytes("miner"),
    stateRoot: bytes("stateRoot"),
    transactionsRoot: bytes("transactionsRoot"),
    receiptsRoot: bytes("receiptsRoot"),
    logsBloom: bytes("logsBloom"),
    difficulty: BigInt(json["difficulty"]!),
    number: number("number"),
    gasLimit: number("gasLimit"),
    gasUsed: number("gasUsed"),
    timestamp: number("timestamp"),
    extraData: bytes("extraData"),
    mixHash: bytes("mixHash"),
    nonce: bytes("nonce"),
    baseFeePerGas: optional("baseFeePerGas", (name) => BigInt(json[name]!)),
    withdrawalsRoot: optional("withdrawalsRoot", bytes),
    blobGasUsed: optional("blobGasUsed", number),
    excessBlobGas: optional("excessBlobGas", number),
    parentBeaconBlockRoot: optional("parentBeaconBlockRoot", bytes),
    requestsHash: optional("requestsHash", bytes),
  };
}
