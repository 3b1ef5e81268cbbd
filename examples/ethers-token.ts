/**
 * Deploys an ERC-20, transfers and reads it, with ethers.
 *
 *   velarium up --dev                       (in another terminal; prints the URL and keys)
 *   node examples/ethers-token.ts http://127.0.0.1:8545 0xKEY
 */
import { token } from "@velarium/contracts";
import { Contract, ContractFactory, hexlify, JsonRpcProvider, NonceManager, Wallet } from "ethers";

export interface TokenRun {
  readonly token: string;
  readonly supply: bigint;
  readonly recipientBalance: bigint;
  readonly senderBalance: bigint;
  readonly transferBlock: number;
  readonly gasUsed: bigint;
}

const SUPPLY = 1_000_000n;
const AMOUNT = 1_234n;
const RECIPIENT = "0x00000000000000000000000000000000DeCaFbad".toLowerCase();

export async function runToken(rpcUrl: string, privateKey: string): Promise<TokenRun> {
  const provider = new JsonRpcProvider(rpcUrl, undefined, { pollingInterval: 200, staticNetwork: true });
  try {
    const wallet = new Wallet(privateKey, provider);
    const signer = new NonceManager(wallet);
    const deployed = await new ContractFactory(token.abi, hexlify(token.bytecode), signer).deploy(SUPPLY);
    await deployed.waitForDeployment();
    const address = await deployed.getAddress();
    const contract = new Contract(address, token.abi, signer);

    const sent = await contract.getFunction("transfer").send(RECIPIENT, AMOUNT);
    const receipt = await sent.wait();
    if (receipt?.status !== 1) throw new Error(`the transfer ${sent.hash} was reverted`);
    const events = await contract.queryFilter("Transfer", receipt.blockNumber, receipt.blockNumber);
    if (events.length === 0) throw new Error(`the transfer ${sent.hash} logged no Transfer event`);

    return {
      token: address,
      supply: (await contract.getFunction("totalSupply")()) as bigint,
      recipientBalance: (await contract.getFunction("balanceOf")(RECIPIENT)) as bigint,
      senderBalance: (await contract.getFunction("balanceOf")(wallet.address)) as bigint,
      transferBlock: receipt.blockNumber,
      gasUsed: receipt.gasUsed,
    };
  } finally {
    provider.destroy();
  }
}

if (process.argv[1] === import.meta.filename) {
  const [rpcUrl = "http://127.0.0.1:8545", key] = process.argv.slice(2);
  if (!key) {
    console.error(
      "usage: node examples/ethers-token.ts RPC_URL PRIVATE_KEY   (velarium up --dev prints both)",
    );
    process.exit(2);
  }
  console.log(await runToken(rpcUrl, key));
}
