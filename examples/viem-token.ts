/**
 * Deploys an ERC-20, transfers and reads it, with viem.
 *
 *   velarium up --dev                       (in another terminal; prints the URL and keys)
 *   node examples/viem-token.ts http://127.0.0.1:8545 0xKEY
 */
import { token } from "@velarium/contracts";
import { createPublicClient, createWalletClient, defineChain, http, parseEventLogs, toHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";

export interface TokenRun {
  readonly token: `0x${string}`;
  readonly supply: bigint;
  readonly recipientBalance: bigint;
  readonly senderBalance: bigint;
  readonly transferBlock: bigint;
  readonly gasUsed: bigint;
}

const SUPPLY = 1_000_000n;
const AMOUNT = 1_234n;
const RECIPIENT = "0x00000000000000000000000000000000decafbad";

export async function runToken(rpcUrl: string, privateKey: `0x${string}`): Promise<TokenRun> {
  const transport = http(rpcUrl, { retryCount: 0 });
  const id = await createPublicClient({ transport }).getChainId();
  const chain = defineChain({
    id,
    name: "velarium",
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
  });
  const account = privateKeyToAccount(privateKey);
  const reader = createPublicClient({ chain, transport, pollingInterval: 200 });
  const wallet = createWalletClient({ account, chain, transport });

  const deployment = await wallet.deployContract({
    abi: token.abi,
    bytecode: toHex(token.bytecode),
    args: [SUPPLY],
  });
  const { contractAddress } = await reader.waitForTransactionReceipt({ hash: deployment });
  if (!contractAddress) throw new Error(`${deployment} created no contract`);
  const contract = { address: contractAddress, abi: token.abi } as const;

  const hash = await wallet.writeContract({
    ...contract,
    functionName: "transfer",
    args: [RECIPIENT, AMOUNT],
  });
  const receipt = await reader.waitForTransactionReceipt({ hash });
  if (receipt.status !== "success") throw new Error(`the transfer ${hash} was reverted`);
  const [transfer] = parseEventLogs({ abi: token.abi, eventName: "Transfer", logs: receipt.logs });
  if (!transfer) throw new Error(`the transfer ${hash} logged no Transfer event`);

  const balanceOf = async (owner: string): Promise<bigint> =>
    (await reader.readContract({ ...contract, functionName: "balanceOf", args: [owner] })) as bigint;
  return {
    token: contractAddress,
    supply: (await reader.readContract({ ...contract, functionName: "totalSupply" })) as bigint,
    recipientBalance: await balanceOf(RECIPIENT),
    senderBalance: await balanceOf(account.address),
    transferBlock: receipt.blockNumber,
    gasUsed: receipt.gasUsed,
  };
}

if (process.argv[1] === import.meta.filename) {
  const [rpcUrl = "http://127.0.0.1:8545", key] = process.argv.slice(2);
  if (!key) {
    console.error("usage: node examples/viem-token.ts RPC_URL PRIVATE_KEY   (velarium up --dev prints both)");
    process.exit(2);
  }
  console.log(await runToken(rpcUrl, key as `0x${string}`));
}
