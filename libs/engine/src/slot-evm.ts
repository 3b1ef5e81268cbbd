/** The reference interpreter, adapted so that it touches only the slots that the transaction needs. */
import { EVM, type EVMOpts, type Message, NobleBN254 } from "@ethereumjs/evm";
import { type Account, Address, bytesToUnprefixedHex } from "@ethereumjs/util";
import { type BlockRules, createCommon } from "@velarium/chain-rules";
import { Domain } from "@velarium/slots";
import { LazyAccount } from "./account-record.ts";
import { fastCrypto } from "./crypto.ts";
import { JournaledSlots } from "./journaled-slots.ts";

const CALL = 0xf1;
const CALLCODE = 0xf2;
const STATICCALL = 0xfa;
const CREATE = 0xf0;
const CREATE2 = 0xf5;

type RunState = {
  readonly env: { readonly contract: Account };
  readonly stack: { peek(n: number): bigint[] };
};
type Handler = (state: RunState, ...rest: unknown[]) => unknown;

/**
 * The interpreter compares the caller's balance with the value of every call and creation, zero too. The comparison is
 * made before its handler first waits, so for zero the balance is hushed while the handler starts.
 */
function withoutNeedlessBalanceRead(handler: Handler, valueAt: number): Handler {
  return (state, ...rest) => {
    const contract = state.env.contract;
    const value = valueAt < 0 ? 0n : state.stack.peek(valueAt + 1)[valueAt];
    if (value !== 0n || !(contract instanceof LazyAccount)) return handler(state, ...rest);
    contract.quiet = true;
    try {
      return handler(state, ...rest);
    } finally {
      contract.quiet = false;
    }
  };
}

/** Parts of the interpreter's journal that it declares private. */
interface OpenJournal {
  touchAddress(address: Address): void;
  readonly touched: ReadonlySet<string>;
}

export class SlotEvm extends EVM {
  readonly slots: JournaledSlots;
  private readonly rules: BlockRules;

  constructor(rules: BlockRules) {
    const slots = new JournaledSlots();
    const common = createCommon(rules, fastCrypto);
    const blockchain = {
      getBlock: async (number: number) => {
        const hash = await slots.blockHash(number);
        return { hash: () => hash };
      },
      putBlock: async () => {},
      shallowCopy: () => blockchain,
    };
    const options = { common, stateManager: slots, blockchain, bn254: new NobleBN254() };
    super(options as unknown as EVMOpts);
    this.slots = slots;
    this.rules = rules;
    for (const [opcode, valueAt] of [
      [CALL, 2],
      [CALLCODE, 2],
      [STATICCALL, -1],
      [CREATE, 0],
      [CREATE2, 0],
    ] as const) {
      const entry = this._opcodeMap[opcode] as unknown as { opHandler: Handler } | undefined;
      if (entry?.opHandler !== undefined)
        entry.opHandler = withoutNeedlessBalanceRead(entry.opHandler, valueAt);
    }
  }

  /** Marks an account as touched (EIP-158) without looking at it. */
  touch(address: Address): void {
    (this.journal as unknown as OpenJournal).touchAddress(address);
  }

  /** Touched accounts, as unprefixed hexadecimal. */
  get touched(): ReadonlySet<string> {
    return (this.journal as unknown as OpenJournal).touched;
  }

  isPrecompile(address: Uint8Array): boolean {
    return this.precompiles.has(bytesToUnprefixedHex(address));
  }

  protected override async _reduceSenderBalance(account: Account, message: Message): Promise<void> {
    if (message.value === 0n) return this.touch(message.caller);
    await this.slots.prefetch(this.slots.recordOf(message.caller.bytes), Domain.balance);
    return super._reduceSenderBalance(account, message);
  }

  protected override async _addToBalance(
    account: Account,
    message: Message & { to: Address },
  ): Promise<void> {
    if (message.value === 0n) return this.journal.putAccount(message.to, account);
    const record = this.slots.recordOf(message.to.bytes);
    if (message.depth === 0 && this.rules.eip158 && !record.created && !this.isPrecompile(message.to.bytes)) {
      await this.slots.prefetch(record, Domain.code);
      // An account without code cannot look at what it receives: the credit commutes.
      if (this.slots.codeOf(record).isEmpty) {
        this.touch(message.to);
        return this.slots.addDelta(record, message.value);
      }
    }
    await this.slots.prefetch(record, Domain.balance);
    return super._addToBalance(account, message);
  }
}

export const addressOf = (bytes: Uint8Array): Address => new Address(bytes);
