/** Re-executes an exported chain one block after another with `@ethereumjs/vm` and compares everything. */
import { createHash } from "node:crypto";
import type { Common } from "@ethereumjs/common";
import { Address } from "@ethereumjs/util";
import { createVM, type RunTxResult, runTx, type VM } from "@ethereumjs/vm";
import {
  BlockAssembler,
  BlockExportReader,
  type BlockHeader,
  type BlockRecord,
  decodeHeader,
  headerHash,
} from "@velarium/blocks";
import {
  type BlockRules,
  type ChainRules,
  createCommon,
  createEthereumRules,
  isAtLeast,
  SYSTEM_ADDRESS,
  SYSTEM_CALL_GAS,
  type SystemCall,
} from "@velarium/chain-rules";
import { type BytesColumn, BytesVector, bytesAt, fixedAt } from "@velarium/columns";
import { encodeLogs, fastCrypto } from "@velarium/engine";
import { genesisHash, genesisSlots, parseGenesis } from "@velarium/genesis";
import { keccak256, orderedTrieRoot } from "@velarium/hash-kernel";
import { StateStore } from "@velarium/state-tree";
import { decodeTransaction, placeholderSenderOffset, recoverSender } from "@velarium/tx-codec";
import { FlatState, type ReadObserver } from "./flat-state.ts";
import { hexOf, MismatchList, type VerifyProgress, type VerifyReport } from "./report.ts";
import { createTransactionCommon, createVmTransaction } from "./vm-transaction.ts";

export interface VerifyOptions {
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
  /** Mismatches listed; all are counted. Default 100. */
  readonly maxMismatches?: number | undefined;
  /** Partitions of the state tree; default 64. */
  readonly partitions?: number | undefined;
  /** Take the recorded sender of verified records even where there is a signature to check. Default false. */
  readonly trustVerifiedSenders?: boolean | undefined;
  /** Told of every account and storage slot that the reference reads, for whoever asks what a partial genesis lacks. */
  readonly onRead?: ReadObserver | undefined;
}

/** Transactions of one block as the VM ran them. */
interface BlockRun {
  readonly statuses: Uint8Array;
  readonly gasUsed: Float64Array;
  readonly logs: BytesVector;
  recordedSenders: number;
}

/** The reference machine of one fork, and the parameters of its transactions. */
interface Machine {
  readonly vm: VM;
  readonly common: Common;
  readonly txCommon: Common;
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
const NO_LOGS_BYTES = 1;

class Verifier {
  readonly mismatches: MismatchList;
  readonly state: FlatState;
  readonly store: StateStore;
  private readonly rules: ChainRules;
  private readonly options: VerifyOptions;
  private readonly assembler = new BlockAssembler();
  private readonly machines = new Map<BlockRules, Machine>();
  private readonly hashes = new Map<number, Uint8Array>();
  private parent: BlockHeader | undefined;
  private grandparent: BlockHeader | undefined;
  transactions = 0;
  gasUsed = 0;
  recordedSenders = 0;
  rejected = 0;

  constructor(genesisFile: unknown, options: VerifyOptions) {
    const genesis = parseGenesis(genesisFile);
    this.options = options;
    this.rules = createEthereumRules(genesis.config);
    this.mismatches = new MismatchList(options.maxMismatches ?? 100);
    this.state = new FlatState(genesis);
    this.state.onRead = options.onRead;
    this.store = StateStore.open({
      dir: null,
      chain: { chainId: genesis.config.chainId, genesisHash: hexOf(genesisHash(genesis)) },
      ...(options.partitions === undefined ? {} : { partitions: options.partitions }),
    });
    for (const { count, keys, words } of genesisSlots(genesis))
      this.store.addGenesis(keys.slice(), words.slice(), count);
    this.store.commitGenesis({ height: genesis.header.number, sync: false });
  }

  private async machineOf(rules: BlockRules): Promise<Machine> {
    let machine = this.machines.get(rules);
    if (machine === undefined) {
      const common = createCommon(rules, fastCrypto);
      const blockchain = {
        getBlock: async (number: number) => ({ hash: () => this.hashes.get(number) ?? new Uint8Array(32) }),
        putBlock: async () => {},
        shallowCopy: () => blockchain,
      };
      const vm = await createVM({ common, stateManager: this.state, blockchain } as never);
      machine = { vm, common, txCommon: createTransactionCommon(rules) };
      this.machines.set(rules, machine);
    }
    return machine;
  }

  private compare(
    block: number,
    what: string,
    expected: unknown,
    actual: unknown,
    transaction?: number,
  ): void {
    if (expected === actual) return;
    this.mismatches.add({ block, transaction, what, expected: String(expected), actual: String(actual) });
  }

  private compareBytes(
    block: number,
    what: string,
    expected: Uint8Array,
    actual: Uint8Array,
    transaction?: number,
  ): void {
    if (sameBytes(expected, actual)) return;
    this.mismatches.add({
      block,
      transaction,
      what,
      expected: hexOf(expected).slice(0, 200),
      actual: hexOf(actual).slice(0, 200),
    });
  }

  async verifyBlock(record: BlockRecord): Promise<void> {
    const header = decodeHeader(record.header);
    const { number } = header;
    const rules = this.rules.rulesAt(number, header.timestamp);
    this.checkHeader(record, header, rules);
    const { vm, common, txCommon } = await this.machineOf(rules);
    const block = this.blockFor(header, rules, common);
    await this.runSystemCalls(vm, block, this.rules.systemCallsAtOpen(rules, header));
    const run = await this.runTransactions(vm, txCommon, block, record, header);
    const requests = await this.runSystemCalls(vm, block, this.rules.systemCallsAtClose(rules));
    if (rules.header.requestsHash)
      this.compareBytes(
        number,
        "requestsHash",
        header.requestsHash ?? new Uint8Array(0),
        requestsHash(requests),
      );
    this.checkRoots(record, header, run, rules);
    const changes = this.state.endBlock(rules.eip158);
    this.store.commit({ height: number, ...changes, sync: false });
    this.compareBytes(number, "stateRoot", header.stateRoot, this.store.stateRoot());

    this.transactions += run.statuses.length;
    this.gasUsed += header.gasUsed;
    this.recordedSenders += run.recordedSenders;
    this.rejected += record.rejectedArrivals.length;
    this.hashes.set(number, headerHash(record.header));
    this.hashes.delete(number - 257);
    this.grandparent = this.parent;
    this.parent = header;
  }

  /** Facts that follow from the headers before. The first exported block has nothing to be compared with. */
  private checkHeader(record: BlockRecord, header: BlockHeader, rules: BlockRules): void {
    const { number } = header;
    this.compare(number, "number", record.number, number);
    this.compare(number, "sealed", 1, record.sealed);
    this.compare(number, "header has a base fee", rules.header.baseFee, header.baseFeePerGas !== undefined);
    const { parent } = this;
    if (parent === undefined) {
      // The genesis block is not exported; its hash is what its child says.
      this.hashes.set(number - 1, header.parentHash);
      return;
    }
    this.compare(number, "number after its parent", parent.number + 1, number);
    this.compareBytes(
      number,
      "parentHash",
      this.hashes.get(parent.number) ?? new Uint8Array(0),
      header.parentHash,
    );
    if (header.timestamp < parent.timestamp)
      this.compare(number, "timestamp after its parent", `≥ ${parent.timestamp}`, header.timestamp);
    const facts = (each: BlockHeader) => ({
      number: each.number,
      time: each.timestamp,
      baseFee: each.baseFeePerGas ?? 0n,
      gasUsed: each.gasUsed,
      gasLimit: each.gasLimit,
      excessBlobGas: BigInt(each.excessBlobGas ?? 0),
      blobGasUsed: BigInt(each.blobGasUsed ?? 0),
    });
    const older = this.grandparent === undefined ? undefined : facts(this.grandparent);
    this.compare(
      number,
      "baseFeePerGas",
      this.rules.nextBaseFee(facts(parent), rules, older),
      header.baseFeePerGas,
    );
    const excess = this.rules.nextExcessBlobGas(facts(parent), rules);
    if (excess !== undefined)
      this.compare(number, "excessBlobGas", excess, BigInt(header.excessBlobGas ?? -1));
  }

  private blockFor(header: BlockHeader, rules: BlockRules, common: Common) {
    const blobPrice = this.rules.blobBaseFee(BigInt(header.excessBlobGas ?? 0), rules);
    return {
      common,
      header: {
        number: BigInt(header.number),
        coinbase: new Address(header.beneficiary),
        timestamp: BigInt(header.timestamp),
        difficulty: header.difficulty,
        prevRandao: header.mixHash,
        gasLimit: BigInt(header.gasLimit),
        gasUsed: 0n,
        baseFeePerGas: header.baseFeePerGas,
        getBlobGasPrice: () => blobPrice,
      },
    };
  }

  private async runSystemCalls(
    vm: VM,
    block: ReturnType<Verifier["blockFor"]>,
    calls: readonly SystemCall[],
  ) {
    const requests: Uint8Array[] = [];
    for (const { address, data, requestType } of calls) {
      const to = new Address(address);
      if ((await this.state.getCode(to)).length === 0) continue;
      const { execResult } = await vm.evm.runCall({
        block: block as never,
        caller: new Address(SYSTEM_ADDRESS),
        to,
        data,
        gasLimit: BigInt(SYSTEM_CALL_GAS),
        skipNonceIncrement: true,
      } as never);
      await vm.evm.journal.cleanup();
      this.state.endTransaction();
      if (requestType !== undefined && execResult.returnValue.length > 0)
        requests.push(Uint8Array.of(requestType, ...execResult.returnValue));
    }
    return requests;
  }

  private async runTransactions(
    vm: VM,
    txCommon: Common,
    block: ReturnType<Verifier["blockFor"]>,
    record: BlockRecord,
    header: BlockHeader,
  ): Promise<BlockRun> {
    const count = record.raw.ends.length;
    const run: BlockRun = {
      statuses: new Uint8Array(count),
      gasUsed: new Float64Array(count),
      logs: new BytesVector(),
      recordedSenders: 0,
    };
    let cumulative = 0;
    for (let i = 0; i < count; i++) {
      const raw = bytesAt(record.raw, i);
      const sender = fixedAt(record.senders, 20, i).slice();
      this.compareBytes(header.number, "hash", keccak256(raw), fixedAt(record.hashes, 32, i), i);
      let result: RunTxResult | undefined;
      try {
        const decoded = decodeTransaction(raw);
        if (placeholderSenderOffset(raw, decoded.scan) >= 0) run.recordedSenders++;
        else if (this.options.trustVerifiedSenders !== true || record.verified[i] !== 1)
          this.compareBytes(header.number, "sender", recoverSender(decoded), sender, i);
        this.checkGasLeft(header, decoded.gasLimit, cumulative, i);
        const tx = createVmTransaction(decoded, sender, txCommon);
        result = await runTx(vm, {
          tx,
          block,
          skipHardForkValidation: true,
          blockGasUsed: BigInt(cumulative),
        } as never);
      } catch (error) {
        this.compare(
          header.number,
          "included",
          "a valid transaction",
          `refused: ${(error as Error).message}`,
          i,
        );
      }
      this.state.endTransaction();
      this.take(run, record, header.number, i, result);
      cumulative += run.gasUsed[i]!;
    }
    this.compare(header.number, "gasUsed", header.gasUsed, cumulative);
    return run;
  }

  private checkGasLeft(header: BlockHeader, gasLimit: number, cumulative: number, i: number): void {
    if (cumulative + gasLimit > header.gasLimit)
      this.compare(
        header.number,
        "gas limit within what the block has left",
        header.gasLimit - cumulative,
        gasLimit,
        i,
      );
  }

  private take(
    run: BlockRun,
    record: BlockRecord,
    number: number,
    i: number,
    result: RunTxResult | undefined,
  ): void {
    if (result === undefined) {
      run.logs.push(new Uint8Array(0));
      return;
    }
    run.statuses[i] = result.execResult.exceptionError === undefined ? 1 : 0;
    run.gasUsed[i] = Number(result.totalGasSpent);
    const logs = result.execResult.logs ?? [];
    const encoded = encodeLogs(logs.map(([address, topics, data]) => ({ address, topics, data })));
    run.logs.push(encoded, 0, logs.length === 0 ? 0 : encoded.length);
    this.compare(number, "status", record.statuses[i], run.statuses[i], i);
    this.compare(number, "gasUsed", record.gasUsed[i], run.gasUsed[i], i);
    const recorded = bytesAt(record.logs, i);
    const none = logs.length === 0 && recorded.length <= NO_LOGS_BYTES;
    if (!none) this.compareBytes(number, "logs", recorded, encoded, i);
  }

  private checkRoots(record: BlockRecord, header: BlockHeader, run: BlockRun, rules: BlockRules): void {
    const { number } = header;
    this.compareBytes(number, "transactionsRoot", header.transactionsRoot, orderedTrieRoot(record.raw));
    const logs: BytesColumn = run.logs.view();
    const { receipts, logsBloom } = this.assembler.encodeReceipts(record.raw, {
      statuses: run.statuses,
      gasUsed: run.gasUsed,
      logs,
    });
    this.compareBytes(number, "logsBloom", header.logsBloom, logsBloom);
    // Before Byzantium receipts hold state roots between transactions, which a block-wise tree does not have.
    if (isAtLeast(rules.fork, "byzantium"))
      this.compareBytes(number, "receiptsRoot", header.receiptsRoot, orderedTrieRoot(receipts));
    const included = new Set<string>();
    const arrivals = new Set<number>(record.arrivals);
    for (let i = 0; i < run.statuses.length; i++)
      included.add(Buffer.from(fixedAt(record.hashes, 32, i)).toString("latin1"));
    this.compare(number, "every transaction once", run.statuses.length, included.size);
    // By arrival: the same bytes sent twice are included once and rejected once, maybe in one block.
    for (let i = 0; i < record.rejectedArrivals.length; i++) {
      if (arrivals.has(record.rejectedArrivals[i]!))
        this.compare(
          number,
          "rejected transactions are not included",
          "absent",
          hexOf(fixedAt(record.rejectedHashes, 32, i)),
        );
    }
  }
}

/** EIP-7685. */
function requestsHash(requests: readonly Uint8Array[]): Uint8Array {
  const all = createHash("sha256");
  for (const request of requests) all.update(createHash("sha256").update(request).digest());
  return new Uint8Array(all.digest());
}

/**
 * Verifies the export in `directory` from its genesis to its last block. Throws BlockError or GenesisError when it
 * cannot be read; whatever is read and wrong is a mismatch of the report.
 */
export async function verifyExport(directory: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  const started = performance.now();
  const reader = new BlockExportReader(directory);
  const verifier = new Verifier(reader.genesis, options);
  const first = verifier.store.height + 1;
  const numbers = reader.numbers().filter((number) => number >= first);
  if (numbers.length > 0 && numbers[0] !== first)
    verifier.mismatches.add({
      block: numbers[0]!,
      what: "first block",
      expected: String(first),
      actual: String(numbers[0]),
    });
  else
    for (const [i, number] of numbers.entries()) {
      if (number !== first + i) {
        verifier.mismatches.add({
          block: number,
          what: "next block",
          expected: String(first + i),
          actual: String(number),
        });
        break;
      }
      await verifier.verifyBlock(reader.read(number));
      options.onProgress?.({
        block: number,
        blocksDone: i + 1,
        blocksTotal: numbers.length,
        transactionsDone: verifier.transactions,
      });
    }
  const { mismatches } = verifier;
  return {
    ok: mismatches.count === 0,
    blocks: numbers.length,
    firstBlock: numbers[0],
    lastBlock: numbers.at(-1),
    transactions: verifier.transactions,
    recordedSenders: verifier.recordedSenders,
    gasUsed: verifier.gasUsed,
    rejected: verifier.rejected,
    stateRoot: hexOf(verifier.store.stateRoot()),
    seconds: (performance.now() - started) / 1000,
    mismatchCount: mismatches.count,
    mismatches: mismatches.listed,
  };
}
