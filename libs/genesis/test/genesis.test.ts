import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import { createEthereumRules } from "@velarium/chain-rules";
import { CodeFlag, Domain, fieldKey, hasCode, SLOT_KEY_BYTES, storageKey, WORD_BYTES } from "@velarium/slots";
import {
  createDevGenesis,
  type Genesis,
  type GenesisAccount,
  GenesisError,
  genesisCodes,
  genesisHash,
  genesisSlots,
  openGenesis,
  parseGenesis,
  readGenesis,
  readGenesisHead,
  writeGenesis,
} from "../src/index.ts";

const folder = mkdtempSync(join(tmpdir(), "genesis-"));
afterAll(() => rmSync(folder, { recursive: true }));

const address = (n: number): Uint8Array => new Uint8Array(20).fill(n);
const word = (n: number): Uint8Array => {
  const out = new Uint8Array(32);
  out[31] = n;
  return out;
};
const accounts: GenesisAccount[] = [
  { address: address(1), balance: 10n ** 21n, nonce: 0n, storage: [] },
  {
    address: address(2),
    balance: 0n,
    nonce: 1n,
    code: Uint8Array.of(0x60, 0, 0x54),
    storage: [[word(7), word(9)]],
  },
  { address: address(3), balance: 5n, nonce: 300n, code: Uint8Array.of(0x60, 0, 0x54), storage: [] },
];

function slotsOf(genesis: Genesis, batch?: number): Map<string, Uint8Array> {
  const out = new Map<string, Uint8Array>();
  for (const { count, keys, words } of genesisSlots(genesis, batch))
    for (let i = 0; i < count; i++)
      out.set(
        Buffer.from(keys.subarray(i * SLOT_KEY_BYTES, (i + 1) * SLOT_KEY_BYTES)).toString("hex"),
        words.slice(i * WORD_BYTES, (i + 1) * WORD_BYTES),
      );
  return out;
}
const name = (key: Uint8Array): string => Buffer.from(key).toString("hex");

describe("genesis", () => {
  it("becomes slots, without zero words", () => {
    const genesis = createDevGenesis({ accounts });
    const slots = slotsOf(genesis, 2);
    expect(slots).toEqual(slotsOf(genesis));
    expect(slots.get(name(fieldKey(Domain.balance, address(3))))).toEqual(word(5));
    expect(slots.has(name(fieldKey(Domain.nonce, address(1))))).toBe(false);
    expect(slots.get(name(storageKey(address(2), word(7))))).toEqual(word(9));
    const code = slots.get(name(fieldKey(Domain.code, address(2))))!;
    expect(hasCode(code)).toBe(true);
    expect(code[0]).toBe(CodeFlag.storage);
    // Two accounts share a code; four system contracts have their own.
    expect([...genesisCodes(genesis)].length).toBe(5);
  });

  it("survives being written and read, and the hash binds every part", () => {
    const genesis = createDevGenesis({ accounts });
    const path = join(folder, "genesis.json");
    writeGenesis(path, genesis);
    const read = readGenesis(path);
    expect(genesisHash(read)).toEqual(genesisHash(genesis));
    expect(slotsOf(read)).toEqual(slotsOf(genesis));
    const others = [
      createDevGenesis({ accounts, chainId: 5 }),
      createDevGenesis({ accounts, gasLimit: 7 }),
      createDevGenesis({ accounts: accounts.slice(1) }),
      createDevGenesis({ accounts: [{ ...accounts[0]!, balance: 1n }, ...accounts.slice(1)] }),
    ];
    const hashes = new Set(
      [genesis, ...others].map((each) => Buffer.from(genesisHash(each)).toString("hex")),
    );
    expect(hashes.size).toBe(5);
    expect(genesisHash(createDevGenesis({ accounts: accounts.toReversed() }))).toEqual(genesisHash(genesis));
  });

  it("defaults to Osaka from the first block", () => {
    const { config, header } = createDevGenesis();
    expect(createEthereumRules(config).rulesAt(0, 0).fork).toBe("osaka");
    expect(header.baseFee).toBe(1_000_000_000n);
    expect(header.excessBlobGas).toBe(0n);
  });

  it("keeps empty accounts only where they exist", () => {
    const file = (eip158: number) => ({
      config: { chainId: 1, homesteadBlock: 0, eip150Block: 0, eip158Block: eip158 },
      gasLimit: "0x1000",
      alloc: { [name(address(9))]: { balance: "0" } },
    });
    expect(slotsOf(parseGenesis(file(0))).size).toBe(0);
    expect(slotsOf(parseGenesis(file(1))).get(name(fieldKey(Domain.code, address(9))))![0]).toBe(
      CodeFlag.exists,
    );
  });

  it("refuses what it cannot read, saying what and where", () => {
    const failure = (run: () => unknown): GenesisError => {
      try {
        run();
      } catch (error) {
        if (error instanceof GenesisError) return error;
        throw error;
      }
      throw new Error("nothing was refused");
    };
    expect(failure(() => readGenesis(join(folder, "absent.json"))).code).toBe("unreadable");
    const broken = join(folder, "broken.json");
    writeFileSync(broken, '{"config": ');
    expect(failure(() => readGenesis(broken)).code).toBe("unreadable");
    const base = { config: { chainId: 1 }, gasLimit: "0x1000", alloc: {} };
    const field = (file: unknown) => failure(() => parseGenesis(file)).field;
    expect(field({ ...base, config: undefined })).toBe("config");
    expect(field({ ...base, config: { chainId: "x" } })).toBe("config.chainId");
    expect(field({ ...base, config: { chainId: 1, cancunTime: 5, pragueTime: 4 } })).toBe(
      "config.pragueTime",
    );
    expect(field({ ...base, gasLimit: undefined })).toBe("gasLimit");
    expect(field({ ...base, alloc: { "0x12": {} } })).toBe("alloc.0x12");
    const who = name(address(1));
    expect(field({ ...base, alloc: { [who]: { balance: "-1" } } })).toBe(`alloc.${who}.balance`);
    expect(field({ ...base, alloc: { [who]: { storage: { "0x1": "0xzz" } } } })).toBe(
      `alloc.${who}.storage.0x1`,
    );
    expect(field({ ...base, alloc: { [who]: {}, [`0x${who}`]: {} } })).toBe("alloc");
  });

  it("reads accounts piece by piece from a file of any form, as when parsed whole", () => {
    const path = join(folder, "pieces.json");
    const many: GenesisAccount[] = Array.from({ length: 3000 }, (_, n) => {
      const key = new Uint8Array(20).fill(0x40);
      new DataView(key.buffer).setUint32(16, n);
      return { address: key, balance: BigInt(n) * 10n ** 18n, nonce: BigInt(n % 3), storage: [] };
    });
    const genesis = createDevGenesis({ accounts: [...accounts, ...many] });
    writeGenesis(path, genesis);
    const text = readFileSync(path, "utf8");
    const file = JSON.parse(text);
    const { alloc, ...rest } = file;
    const forms = [
      text,
      JSON.stringify(file, null, 2),
      JSON.stringify({ alloc, ...rest }),
      // Strings and nested objects that look like what is sought.
      JSON.stringify({ note: '"alloc":{"}\\"', inner: { alloc: { a: [{}] } }, ...file }),
      text.replace('"alloc"', '"\\u0061lloc"'),
    ];
    for (const form of forms) {
      writeFileSync(path, form);
      const opened = openGenesis(path);
      expect(genesisHash(opened)).toEqual(genesisHash(genesis));
      expect(slotsOf(opened).size).toBe(slotsOf(genesis).size);
      expect(readGenesisHead(path)).toEqual({ config: opened.config, header: opened.header });
    }
    const refusal = (form: string): string => {
      writeFileSync(path, form);
      try {
        readGenesis(path);
      } catch (error) {
        return (error as GenesisError).code;
      }
      return "none";
    };
    const twice = `"${name(many[0]!.address).toUpperCase()}":{},`;
    expect(refusal(text.replace('"alloc":{', `"alloc":{${twice}`))).toBe("invalid");
    expect(refusal(text.replace(/\}\s*\}\s*$/, ",}}"))).toBe("unreadable");
    expect(refusal(text.replace(/\}\s*\}\s*$/, ""))).toBe("unreadable");
    expect(refusal(text.replace('"balance":"0x0"', '"balance":0x0'))).toBe("unreadable");
  });
});
