/**
 * Swaps of Uniswap V3 through its router, on the deployed code of the fixtures (`contracts/pevm`). That code holds the
 * addresses of its deployment as immutables; everything is therefore placed at those addresses where it can be, and the
 * rest is replaced in the code. Storage layouts are those of UniswapV3Pool.sol, UniswapV3Factory.sol and OpenZeppelin's
 * ERC20.sol.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { keccak256 } from "@velarium/hash-kernel";
import { bytesOf, fixtureFolder } from "./fixture-workloads.ts";
import {
  addressWord,
  CALL_GAS,
  mappingSlot,
  numberedAddress,
  randomSequence,
  type Workload,
  type WorkloadAccount,
  type WorkloadCall,
  wordOf,
} from "./workload.ts";

/** Immutables of the deployments that the fixtures were taken from. */
const DEPLOYED = {
  token0: "261d8c5e9742e6f7f1076fa1f560894524e19cad",
  token1: "ce3478a9e0167a6bc5716dc39dbbbfac38f27623",
  poolFactory: "cba6b9a951749b8735c603e7ffc5151849248772",
  pool: "d495d5e5cab2567777fff988c4fcd71328b17c9d",
  weth: "6509f2a854ba7441039fce3b959d5badd2ffcfcd",
  routerFactory: "d787a42ee3ac477c46dd6c912e7af795d44453d5",
  poolCodeHash: "636fcf59d7fdf3a03833dba1c6d936c9d7c6730057c8c4c8e5059feaeab60e04",
  router: "e7cfcccb38ce07ba9d8d13431afe8cf6172de031",
} as const;

const FEE = 3000;
const TICK_SPACING = 60;
const EDGE_TICK = 600_000;
const LIQUIDITY = 10n ** 23n;
const PLENTY = 10n ** 30n;
const ENDLESS = 2n ** 256n - 1n;
const NAMES = ["SingleSwap", "SwapRouter", "UniswapV3Pool", "ERC20Token", "WETH9"] as const;
/** SingleSwap.sol: sell an exact amount of one token, or buy an exact amount for at most so much. */
const SELECTORS = {
  sell0: [0xc9, 0x2b, 0x08, 0x91],
  sell1: [0x6b, 0x05, 0x52, 0x60],
  buy0: [0x8d, 0xc3, 0x3f, 0x82],
  buy1: [0xb2, 0xdb, 0x18, 0xa2],
} as const;

const asInt256 = (value: bigint): bigint => BigInt.asUintN(256, value);
const slot = (index: number): Uint8Array => wordOf(index);
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const offset = (key: Uint8Array, by: number): Uint8Array => wordOf(BigInt(`0x${hexOf(key)}`) + BigInt(by));

type Codes = Readonly<Record<(typeof NAMES)[number], string>>;

function readCodes(): Codes | undefined {
  const paths = NAMES.map((name) => [name, join(fixtureFolder(), "pevm", `${name}.hex`)] as const);
  if (!paths.every(([, path]) => existsSync(path))) return undefined;
  return Object.fromEntries(paths.map(([name, path]) => [name, readFileSync(path, "utf8").trim()])) as Codes;
}

/** CREATE2 address by which the router finds the pool (PoolAddress.sol). */
function poolAddress(factory: Uint8Array): Uint8Array {
  const key = keccak256(
    Buffer.concat([
      addressWord(bytesOf(DEPLOYED.token0)),
      addressWord(bytesOf(DEPLOYED.token1)),
      wordOf(FEE),
    ]),
  );
  const input = Buffer.concat([Uint8Array.of(0xff), factory, key, bytesOf(DEPLOYED.poolCodeHash)]);
  return keccak256(input).slice(12);
}

/** A pool at price 1 with one position from edge to edge. */
function poolStorage(): [Uint8Array, Uint8Array][] {
  const slot0 = (2n ** 96n) | (1n << 200n) | (1n << 216n) | (1n << 240n);
  const edge = (tick: number, net: bigint): [Uint8Array, Uint8Array][] => {
    const info = mappingSlot(wordOf(asInt256(BigInt(tick))), slot(5));
    const packed = LIQUIDITY | (BigInt.asUintN(128, net) << 128n);
    return [
      [info, wordOf(packed)],
      [offset(info, 3), wordOf(1n << 248n)],
    ];
  };
  const bit = (tick: number): [Uint8Array, Uint8Array] => {
    const compressed = tick / TICK_SPACING;
    const word = mappingSlot(wordOf(asInt256(BigInt(compressed >> 8))), slot(6));
    return [word, wordOf(1n << BigInt(compressed & 0xff))];
  };
  return [
    [slot(0), wordOf(slot0)],
    [slot(4), wordOf(LIQUIDITY)],
    // The first observation is initialised, at time 1.
    [slot(8), wordOf((1n << 248n) | 1n)],
    ...edge(-EDGE_TICK, LIQUIDITY),
    ...edge(EDGE_TICK, -LIQUIDITY),
    bit(-EDGE_TICK),
    bit(EDGE_TICK),
  ];
}

function tokenStorage(
  owners: readonly Uint8Array[],
  spender: Uint8Array,
  pool: Uint8Array,
): [Uint8Array, Uint8Array][] {
  const storage: [Uint8Array, Uint8Array][] = [[mappingSlot(addressWord(pool), slot(0)), wordOf(PLENTY)]];
  for (const owner of owners) {
    const key = addressWord(owner);
    storage.push([mappingSlot(key, slot(0)), wordOf(PLENTY)]);
    storage.push([mappingSlot(addressWord(spender), mappingSlot(key, slot(1))), wordOf(ENDLESS)]);
  }
  return storage;
}

function callData(index: number, random: (bound: number) => number): Uint8Array {
  const amount = wordOf(2_000_000 + random(1_000_000));
  const most = wordOf(10n ** 18n);
  switch (index % 4) {
    case 0:
      return Buffer.concat([Uint8Array.from(SELECTORS.sell0), amount]);
    case 1:
      return Buffer.concat([Uint8Array.from(SELECTORS.sell1), amount]);
    case 2:
      return Buffer.concat([Uint8Array.from(SELECTORS.buy0), amount, most]);
    default:
      return Buffer.concat([Uint8Array.from(SELECTORS.buy1), amount, most]);
  }
}

function accountsOf(codes: Codes, owners: readonly Uint8Array[], entry: Uint8Array): WorkloadAccount[] {
  const factory = bytesOf(DEPLOYED.routerFactory);
  const pool = poolAddress(factory);
  const poolCode = codes.UniswapV3Pool.replaceAll(DEPLOYED.poolFactory, hexOf(factory)).replaceAll(
    DEPLOYED.pool,
    hexOf(pool),
  );
  const account = (
    address: Uint8Array,
    code: string,
    storage: [Uint8Array, Uint8Array][],
  ): WorkloadAccount => ({ address, nonce: 1n, code: bytesOf(code), storage });
  const [token0, token1] = [bytesOf(DEPLOYED.token0), bytesOf(DEPLOYED.token1)];
  const feeAndToken1 = wordOf(BigInt(`0x${DEPLOYED.token1}`) | (BigInt(FEE) << 160n));
  return [
    account(bytesOf(DEPLOYED.weth), codes.WETH9, []),
    account(token0, codes.ERC20Token, tokenStorage(owners, entry, pool)),
    account(token1, codes.ERC20Token, tokenStorage(owners, entry, pool)),
    account(pool, poolCode, poolStorage()),
    account(bytesOf(DEPLOYED.router), codes.SwapRouter, [[slot(0), wordOf(ENDLESS)]]),
    account(entry, codes.SingleSwap, [
      [slot(0), addressWord(token0)],
      [slot(1), feeAndToken1],
    ]),
  ];
}

/** Undefined where the fixtures are not there. */
export function concentratedSwaps(users: number, calls = 8_000): Workload | undefined {
  const codes = readCodes();
  if (codes === undefined) return undefined;
  const owners = Array.from({ length: users }, (_, i) => numberedAddress(1, i));
  const entry = numberedAddress(2, 9);
  const random = randomSequence(17);
  const list: WorkloadCall[] = [];
  for (let i = 0; i < calls; i++) {
    const caller = owners[random(users)]!;
    list.push({ caller, to: entry, value: 0n, data: callData(i, random), gasLimit: CALL_GAS });
  }
  return {
    name: `Uniswap V3 swap, ${users.toLocaleString("en")} users`,
    targets: { compiled: 60 },
    accounts: accountsOf(codes, owners, entry),
    calls: list,
  };
}
