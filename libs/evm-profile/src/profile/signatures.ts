/** Names of functions that half of all calls go to, for people; analysis does not look at them. */
import { keccak256 } from "@velarium/hash-kernel";

const SIGNATURES = [
  "transfer(address,uint256)",
  "transferFrom(address,address,uint256)",
  "approve(address,uint256)",
  "allowance(address,address)",
  "balanceOf(address)",
  "totalSupply()",
  "name()",
  "symbol()",
  "decimals()",
  "owner()",
  "transferOwnership(address)",
  "renounceOwnership()",
  "mint(address,uint256)",
  "burn(uint256)",
  "deposit()",
  "withdraw(uint256)",
  "increaseAllowance(address,uint256)",
  "decreaseAllowance(address,uint256)",
  "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",
  "ownerOf(uint256)",
  "safeTransferFrom(address,address,uint256)",
  "setApprovalForAll(address,bool)",
  "getReserves()",
  "token0()",
  "token1()",
  "swap(uint256,uint256,address,bytes)",
  "swap(address,bool,int256,uint160,bytes)",
  "sync()",
  "skim(address)",
  "multicall(bytes[])",
  "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)",
  "swapExactETHForTokens(uint256,address[],address,uint256)",
  "swapExactTokensForETH(uint256,uint256,address[],address,uint256)",
  "swapExactIn(address,uint256,uint256,address)",
  "addLiquidity(uint256,uint256)",
  "removeLiquidity(uint256)",
  "quote(address,uint256)",
  "upgradeTo(address)",
  "implementation()",
  "initialize()",
] as const;

let names: Map<number, string> | undefined;

export const selectorOf = (signature: string): number => {
  const hash = keccak256(Buffer.from(signature, "utf8"));
  return ((hash[0]! << 24) | (hash[1]! << 16) | (hash[2]! << 8) | hash[3]!) >>> 0;
};

/** The signature with that selector, when it is a common one. */
export function signatureOf(selector: number): string | undefined {
  names ??= new Map(SIGNATURES.map((signature) => [selectorOf(signature), signature]));
  return names.get(selector);
}
