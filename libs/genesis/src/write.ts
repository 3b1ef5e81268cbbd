/** Writes geth's genesis format, account by account, so that size is bounded by the disk only. */
import { closeSync, openSync, writeSync } from "node:fs";
import type { GenesisAccount } from "./account.ts";
import { hexOf, quantityOf } from "./fields.ts";
import type { Genesis, GenesisHeader } from "./genesis.ts";

/** Text gathered before each write. */
const CHUNK_CHARS = 1 << 20;

function accountFields({ balance, nonce, code, storage }: GenesisAccount): Record<string, unknown> {
  const fields: Record<string, unknown> = { balance: quantityOf(balance) };
  if (nonce !== 0n) fields["nonce"] = quantityOf(nonce);
  if (code !== undefined && code.length > 0) fields["code"] = hexOf(code);
  if (storage.length > 0)
    fields["storage"] = Object.fromEntries(storage.map(([slot, value]) => [hexOf(slot), hexOf(value)]));
  return fields;
}

export function headerFields(header: GenesisHeader): Record<string, unknown> {
  const fields: Record<string, unknown> = {
    number: quantityOf(header.number),
    timestamp: quantityOf(header.timestamp),
    gasLimit: quantityOf(header.gasLimit),
    gasUsed: quantityOf(header.gasUsed),
    coinbase: hexOf(header.beneficiary),
    difficulty: quantityOf(header.difficulty),
    mixHash: hexOf(header.mixHash),
    nonce: quantityOf(header.nonce),
    extraData: hexOf(header.extraData),
    parentHash: hexOf(header.parentHash),
  };
  if (header.baseFee !== undefined) fields["baseFeePerGas"] = quantityOf(header.baseFee);
  if (header.excessBlobGas !== undefined) fields["excessBlobGas"] = quantityOf(header.excessBlobGas);
  if (header.blobGasUsed !== undefined) fields["blobGasUsed"] = quantityOf(header.blobGasUsed);
  return fields;
}

export function writeGenesis(path: string, genesis: Genesis): void {
  const file = openSync(path, "w");
  try {
    const head = JSON.stringify({ config: genesis.config, ...headerFields(genesis.header) });
    let text = `${head.slice(0, -1)},"alloc":{\n`;
    let first = true;
    for (const account of genesis.accounts) {
      text += `${first ? "" : ",\n"}"${hexOf(account.address)}":${JSON.stringify(accountFields(account))}`;
      first = false;
      if (text.length >= CHUNK_CHARS) {
        writeSync(file, text);
        text = "";
      }
    }
    writeSync(file, `${text}\n}}\n`);
  } finally {
    closeSync(file);
  }
}
