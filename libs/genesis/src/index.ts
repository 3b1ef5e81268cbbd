export * from "./account.ts";
export { GenesisError } from "./error.ts";
export * from "./genesis.ts";
export { openGenesis, parseGenesis, readGenesis, readGenesisHead } from "./read.ts";
export * from "./slots-of.ts";
export { SYSTEM_CONTRACTS } from "./system-contracts.ts";
export { writeGenesis } from "./write.ts";
