/** The contracts of this project as set-up has compiled them. */
import { readFileSync } from "node:fs";

export interface Contract {
  readonly name: string;
  /** As solc gives it; viem and ethers take it unchanged. */
  // biome-ignore lint/suspicious/noExplicitAny: the shape of an ABI is the business of whoever uses it
  readonly abi: any[];
  /** Creation code without constructor arguments. */
  readonly bytecode: Uint8Array;
  /** Code of a deployed instance. The contracts have no immutables, so this is what any instance has. */
  readonly runtime: Uint8Array;
  /** Selector by signature, for example `transfer(address,uint256)`. */
  readonly selectors: Readonly<Record<string, Uint8Array>>;
  /** Storage slot by variable; `offset` in bytes from the low end for packed ones. */
  readonly storage: Readonly<Record<string, { readonly slot: number; readonly offset: number }>>;
}

export class ContractsError extends Error {
  readonly code: "not-built" | "signature";
  constructor(code: ContractsError["code"], message: string) {
    super(message);
    this.name = "ContractsError";
    this.code = code;
  }
}

interface BuiltContract extends Omit<Contract, "name" | "bytecode" | "runtime" | "selectors"> {
  readonly bytecode: string;
  readonly runtime: string;
  readonly selectors: Record<string, string>;
}

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replace(/^0x/, ""), "hex"));

function load(): Record<string, Contract> {
  let text: string;
  try {
    text = readFileSync(new URL("../build/contracts.json", import.meta.url), "utf8");
  } catch {
    throw new ContractsError("not-built", "the contracts are not compiled; run: npm run setup");
  }
  const built = JSON.parse(text) as { contracts: Record<string, BuiltContract> };
  return Object.fromEntries(
    Object.entries(built.contracts).map(([name, c]) => [
      name,
      {
        name,
        abi: c.abi,
        bytecode: bytesOf(c.bytecode),
        runtime: bytesOf(c.runtime),
        selectors: Object.fromEntries(Object.entries(c.selectors).map(([s, hex]) => [s, bytesOf(hex)])),
        storage: c.storage,
      },
    ]),
  );
}

const contracts = load();

/** ERC-20 with a fixed supply, all of it with the deployer. Constructor: `(uint256 supply)`. */
export const token: Contract = contracts["Token"]!;
/** Constant-product market. Constructor: `(address token0, address token1)`. */
export const pair: Contract = contracts["Pair"]!;
