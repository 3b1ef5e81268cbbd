/** A small world: accounts, the project's contracts, and short programs that each do something an engine may get wrong. */
import { createBlockRules, type Fork } from "@velarium/chain-rules";
import { type BlockContext, bigIntToWord, codeHash, MemoryState } from "@velarium/engine";
import { blockHashKey, CodeFlag, Domain, encodeCodeWord, fieldKey, storageKey } from "@velarium/slots";
import { Workload } from "@velarium/workloads";

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
const address = (n: number): Uint8Array => {
  const out = new Uint8Array(20).fill(0x11);
  out[19] = n;
  return out;
};
const name = (a: Uint8Array): string => Buffer.from(a).toString("hex");

export const BENEFICIARY = address(0xbe);
export const SENDERS = [1, 2, 3, 4].map(address);
const PLAIN = address(0x20);
const EMPTY = address(0x21);
const STORED = address(0x22);
const push20 = (a: Uint8Array): string => `73${name(a)}`;
/** CALL-like: no data, no output, all gas. */
const call = (opcode: string, to: Uint8Array, value = "6000"): string =>
  opcode === "f1" || opcode === "f2"
    ? `6000600060006000${value}${push20(to)}5a${opcode}`
    : `6000600060006000${push20(to)}5a${opcode}`;

/** Programs by name; each gets its address by its place. */
const SOURCES: Readonly<Record<string, (at: (name: string) => Uint8Array) => string>> = {
  counter: () => "600054600101600055",
  reverts: () => "600160005560aa60005260206000fd",
  halts: () => "6001600055fe",
  outOfGas: () => "5b600056",
  logs: () => "60aa6000526001600260036004602060 00a4 6000 6000a0",
  clears: () => "600060005560016001556000600155",
  transient: () => "600160005d60005c60015500",
  environment: () =>
    "3060005533600155346002553a6003554160045542600555436006 55446007554560085546600955 48600a5547600b5532600c55",
  balances: () =>
    `${push20(PLAIN)}31600055${push20(EMPTY)}3b600155${push20(BENEFICIARY)}31600255${push20(EMPTY)}3f600355`,
  hashes: () => "60014303 40 600055 43 40 600155 6000 40 600255",
  sends: () => `${call("f1", PLAIN, "6001")}600055${call("f1", EMPTY, "6002")}600155`,
  sendsToBeneficiary: () => `${call("f1", BENEFICIARY, "6003")}600055`,
  touches: () => `${call("f1", EMPTY)}600055`,
  calls: (at) =>
    `${call("f1", at("counter"))}600155${call("f1", at("reverts"))}600255${call("f1", at("halts"))}600355`,
  delegates: (at) => `${call("f4", at("counter"))}600155${call("f4", at("reverts"))}600255`,
  callsCode: (at) => `${call("f2", at("counter"), "6001")}600155`,
  static: (at) => `${call("fa", at("counter"))}600155${call("fa", at("balances"))}600255`,
  recursive: (at) => `${call("f1", at("recursive"))}60005401600055`,
  creates: () => "6d600054600101600055600052 6001 60 00 53 600e 6012 6000 f0 600055",
  creates2: () => "6960016000f3600052 6005 600a 6016 6000 f5 60005560ff 6005 600a 6016 6001 f5 600155",
  destroys: () => `${push20(PLAIN)}ff`,
  destroysToSelf: () => "30ff",
  destroysThenReverts: (at) => `${call("f1", at("destroys"))}60005560006000fd`,
  callsDestroyer: (at) => `${call("f1", at("destroys"))}600055${call("f1", at("destroys"), "6001")}600155`,
  copies: (at) => `${push20(at("environment"))}803b80600060003c6000526020600020600055`,
  identity: () => "60ff600052602060206020600060006004 5af1 6020 51 600055",
  hashesBySha: () => "60ff600052602060206020600060006002 5af1 6020 51 600055",
  recovers: () => "602060006080600060006001 5af1 600051 600055",
  returnData: (at) => `${call("f1", at("reverts"))}503d600055602060006000 3e 60005160015560ff 60 ff 60 ff 3e`,
  memory: () => "60016207ffff52596000556207ffff51600155",
  arithmetic: () => "6000 19 80 81 02 6000 55 6003 19 6007 05 6001 55 6005 6000 06 600255 600a6002 0a 600355",
  delegatedTo: () => "600754600101600755",
};

export interface World {
  readonly state: MemoryState;
  /** Addresses that are worth calling. */
  readonly targets: readonly Uint8Array[];
  readonly names: readonly string[];
  readonly delegated: Uint8Array;
}

function put(state: MemoryState, where: Uint8Array, code: Uint8Array, flags = 0, incarnation = 0): void {
  state.addCode(code);
  const hashPrefix = codeHash(code).subarray(0, 28);
  state.set(fieldKey(Domain.code, where), encodeCodeWord({ flags, incarnation, hashPrefix }));
  state.set(fieldKey(Domain.nonce, where), bigIntToWord(1n));
}

export function createWorld(): World {
  const state = new MemoryState();
  const names = Object.keys(SOURCES);
  const at = (which: string): Uint8Array => address(0x40 + names.indexOf(which));
  names.forEach((which, i) => {
    const where = address(0x40 + i);
    put(state, where, hex(SOURCES[which]!(at)), 0, i % 3 === 0 ? 2 : 0);
    state.set(fieldKey(Domain.balance, where), bigIntToWord(BigInt(i % 4) * 5n));
    state.set(storageKey(where, bigIntToWord(0n), i % 3 === 0 ? 2 : 0), bigIntToWord(BigInt(i % 2)));
    state.set(storageKey(where, bigIntToWord(1n), i % 3 === 0 ? 2 : 0), bigIntToWord(7n));
  });
  for (const sender of SENDERS) state.set(fieldKey(Domain.balance, sender), bigIntToWord(10n ** 24n));
  state.set(fieldKey(Domain.balance, PLAIN), bigIntToWord(3n));
  const flags = CodeFlag.storage;
  state.set(
    fieldKey(Domain.code, STORED),
    encodeCodeWord({ flags, incarnation: 0, hashPrefix: new Uint8Array(28) }),
  );
  const delegated = SENDERS[3]!;
  put(state, delegated, hex(`ef0100${name(at("delegatedTo"))}`));
  for (let n = 0; n < 300; n++) state.set(blockHashKey(n), codeHash(Uint8Array.of(n & 255, n >> 8)));
  const targets = [...names.map((_, i) => address(0x40 + i)), PLAIN, EMPTY, STORED, BENEFICIARY, delegated];
  for (const id of [1, 2, 4, 5, 9])
    targets.push(Uint8Array.from({ length: 20 }, (_, i) => (i === 19 ? id : 0)));
  return { state, targets, names, delegated };
}

/** Initcodes: of one contract, of nothing, of code that is refused, and one that reverts. */
export const INITCODES = [
  "600a600c600039600a6000f3600054600101600055",
  "",
  "60ef60005360016000f3",
  "60006000fd",
  "6001600055600160015560006000f3",
  "61600160006000396160016000f3",
].map(hex);

/** Token transfers and swaps of a workload, over its own genesis. */
export function workloadTransactions(
  kind: "erc20" | "swap",
  count: number,
): { state: MemoryState; transactions: { raw: Uint8Array; sender: Uint8Array }[] } {
  const workload = new Workload({ kind, accounts: 12, hot: 0, pairs: 2, signed: false, chainId: 1 });
  const genesis = workload.genesis();
  const state = new MemoryState();
  for (let i = 0; i < genesis.addresses.length / 20; i++)
    state.set(
      fieldKey(Domain.balance, genesis.addresses.subarray(i * 20, i * 20 + 20)),
      bigIntToWord(genesis.balance),
    );
  for (const contract of genesis.contracts) {
    put(state, contract.address, contract.code);
    for (let i = 0; i < contract.storageKeys.length / 32; i++)
      state.set(
        storageKey(contract.address, contract.storageKeys.subarray(i * 32, i * 32 + 32)),
        contract.storageValues.slice(i * 32, i * 32 + 32),
      );
  }
  const batch = workload.nextBatch(count);
  let start = 0;
  const transactions = Array.from({ length: count }, (_, i) => {
    const raw = batch.raw.blob.slice(start, batch.raw.ends[i]!);
    start = batch.raw.ends[i]!;
    return { raw, sender: batch.senders.slice(i * 20, i * 20 + 20) };
  });
  return { state, transactions };
}

/** A block of a fork. */
export const contextOf = (fork: Fork): BlockContext => {
  const rules = createBlockRules(fork, 1);
  return {
    rules,
    number: 280,
    timestamp: 1_700_000_000,
    beneficiary: BENEFICIARY,
    gasLimit: 30_000_000,
    baseFee: rules.eip1559 ? 7n : 0n,
    prevRandao: new Uint8Array(32).fill(rules.header.prevRandao ? 9 : 0),
    difficulty: rules.header.prevRandao ? 0n : 131_072n,
    blobBaseFee: rules.blobs === undefined ? 0n : 1n,
  };
};
