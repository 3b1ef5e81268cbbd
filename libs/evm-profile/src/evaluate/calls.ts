/** Calls, creations and self-destruction during an evaluation, with the accounts that each of them looks at. */
import type { BlockRules } from "@velarium/chain-rules";
import { type GasSchedule, type OpcodeTable, opcodeTable } from "@velarium/evm-opcodes";
import { precompilesOf } from "@velarium/precompiles";
import { ADDRESS_MASK, addressWord } from "./bytes.ts";
import type { CodePrograms } from "./code-programs.ts";
import { createdAddress } from "./created-address.ts";
import { type Boundary, type Frame, type FrameResult, type Outside, runFrame } from "./frame.ts";
import { accountGas, expand, pay, wordGas } from "./gas.ts";
import { EMPTY_BYTES, FrameMemory } from "./memory.ts";
import type { Surroundings } from "./surroundings.ts";
import { UnknownAccess } from "./unknown.ts";
import type { Account, World } from "./world.ts";

/** Calls nested in each other. Each takes a few frames of the JavaScript stack; real transactions stay below 40. */
const MAX_DEPTH = 128;
/** Initcode for which a graph is built during an evaluation: proxies and clones, not whole contracts. */
const MAX_INITCODE_BYTES = 4096;

const CODES = {
  call: 0xf1,
  callcode: 0xf2,
  delegatecall: 0xf4,
  staticcall: 0xfa,
  create: 0xf0,
  create2: 0xf5,
  extcodecopy: 0x3c,
  selfdestruct: 0xff,
} as const;

export interface CallMessage {
  /** Storage owner of the frame. */
  readonly account: Account;
  readonly codeAccount: Account;
  readonly caller: bigint;
  /** What CALLVALUE gives. */
  readonly value: bigint;
  /** Whether `value` moves from caller to account. */
  readonly transfers: boolean;
  readonly data: Uint8Array;
  readonly isStatic: boolean;
  readonly depth: number;
  readonly gas: number;
}

export class CallRunner implements Outside {
  readonly world: World;
  readonly surroundings: Surroundings;
  readonly assumesSuccess: boolean;
  steps: number;
  private readonly rules: BlockRules;
  private readonly prices: GasSchedule;
  private readonly opcodes: OpcodeTable;
  private readonly programs: CodePrograms;

  constructor(options: {
    readonly world: World;
    readonly surroundings: Surroundings;
    readonly rules: BlockRules;
    readonly programs: CodePrograms;
    readonly steps: number;
    readonly assumesSuccess: boolean;
  }) {
    this.world = options.world;
    this.surroundings = options.surroundings;
    this.rules = options.rules;
    this.prices = options.surroundings.prices;
    this.opcodes = opcodeTable(options.rules);
    this.programs = options.programs;
    this.steps = options.steps;
    this.assumesSuccess = options.assumesSuccess;
  }

  /** Runs what an address names; takes its writes back when it fails. Gas left is returned with it. */
  call(message: CallMessage): FrameResult & { readonly gas: number } {
    const { world } = this;
    const { account, codeAccount } = message;
    if (message.depth > MAX_DEPTH) throw new UnknownAccess("depth");
    const mark = world.mark();
    world.meet(account);
    const precompile = world.isPrecompile(codeAccount.address) ? Number(codeAccount.address) : -1;
    if (message.transfers && message.value > 0n) this.transfer(message.caller, account, message.value);
    world.bringAbout(account);
    if (precompile >= 0) {
      const result = precompilesOf(this.rules).run(precompile, message.data, message.gas);
      if (!result.ok) world.revert(mark);
      return { ok: result.ok, output: result.output, gas: message.gas - result.gas };
    }
    const code = this.runnableCode(codeAccount);
    if (code.length === 0) return { ok: true, output: EMPTY_BYTES, gas: message.gas };
    const frame = this.frameOf(message, code, this.programs.programOf(code));
    const result = runFrame(frame, this);
    if (!result.ok) world.revert(mark);
    return { ok: result.ok, output: result.output, gas: frame.gas };
  }

  private frameOf(message: CallMessage, code: Uint8Array, program: Frame["program"]): Frame {
    const { account, caller, value, data, isStatic, depth, gas } = message;
    const memory = new FrameMemory();
    return {
      program,
      code,
      account,
      caller,
      value,
      data,
      isStatic,
      depth,
      gas,
      memory,
      returned: EMPTY_BYTES,
    };
  }

  /** The code that runs at an account; EIP-7702 accounts run that of another. */
  private runnableCode(account: Account): Uint8Array {
    return this.world.codeOf(this.delegateOf(account) ?? account);
  }

  /** The account whose code `account` runs instead of one of its own (EIP-7702). */
  delegateOf(account: Account): Account | undefined {
    if (!this.rules.eip7702 || !this.world.hasCode(account)) return undefined;
    const code = this.world.codeOf(account);
    if (code.length !== 23 || code[0] !== 0xef || code[1] !== 1 || code[2] !== 0) return undefined;
    return this.world.account(addressWord(code, 3));
  }

  private transfer(from: bigint, to: Account, value: bigint): void {
    const { world } = this;
    const sender = world.account(from);
    world.setBalance(sender, world.balanceOf(sender) - value);
    world.setBalance(to, world.balanceOf(to) + value);
  }

  boundary(frame: Frame, op: Boundary["op"], operands: readonly bigint[]): bigint {
    if (!pay(frame, this.opcodes.packed.staticGas[CODES[op]]!)) return 0n;
    if (op === "extcodecopy") return this.copyCode(frame, operands);
    if (op === "create" || op === "create2") return this.create(frame, op, operands);
    return this.callFrom(frame, op, operands);
  }

  /** Pays for naming `account`, which is warm from now on. */
  private payFor(frame: Frame, account: Account): boolean {
    return pay(frame, accountGas(this.prices, this.world.warm(account)));
  }

  private copyCode(frame: Frame, operands: readonly bigint[]): bigint {
    const { world, prices } = this;
    const [address, to, from, size] = operands as [bigint, bigint, bigint, bigint];
    const account = world.account(address & ADDRESS_MASK);
    if (!expand(frame, prices, to, size) || !pay(frame, wordGas(prices.copyWord, size))) return 0n;
    if (!this.payFor(frame, account)) return 0n;
    world.meet(account);
    frame.memory.copy(to, world.codeOf(account), from, size);
    return 0n;
  }

  private callFrom(frame: Frame, op: Boundary["op"], operands: readonly bigint[]): bigint {
    const { world, prices } = this;
    const hasValue = op === "call" || op === "callcode";
    const target = world.account(operands[1]! & ADDRESS_MASK);
    const value = hasValue ? operands[2]! : 0n;
    const [inOffset, inSize, outOffset, outSize] = operands.slice(hasValue ? 3 : 2) as [
      bigint,
      bigint,
      bigint,
      bigint,
    ];
    if (op === "call" && value !== 0n && frame.isStatic) return failed(frame);
    if (!expand(frame, prices, inOffset, inSize) || !expand(frame, prices, outOffset, outSize)) return 0n;
    if (!pay(frame, value > 0n ? prices.callValue : 0) || !this.payFor(frame, target)) return 0n;
    if (!this.payForTarget(frame, op, target, value)) return 0n;
    const gas = this.gasFor(frame, operands[0]!);
    if (!pay(frame, gas)) return 0n;
    const data = frame.memory.slice(inOffset, inSize);
    const out = frame.memory.place(outOffset, outSize);
    const given = gas + (value > 0n ? prices.callStipend : 0);
    frame.returned = EMPTY_BYTES;
    if (value > 0n && world.balanceOf(frame.account) < value) {
      frame.gas += given;
      return 0n;
    }
    const delegates = op === "delegatecall";
    const keepsOwner = delegates || op === "callcode";
    const result = this.call({
      account: keepsOwner ? frame.account : target,
      codeAccount: target,
      caller: delegates ? frame.caller : frame.account.address,
      value: delegates ? frame.value : value,
      transfers: op === "call",
      data,
      isStatic: frame.isStatic || op === "staticcall",
      depth: frame.depth + 1,
      gas: given,
    });
    frame.gas += result.gas;
    frame.returned = result.output;
    frame.memory.write(out.at, out.size, result.output);
    return result.ok ? 1n : 0n;
  }

  /** What a call pays for an account that comes about, and for the account that its target delegates to. */
  private payForTarget(frame: Frame, op: Boundary["op"], target: Account, value: bigint): boolean {
    const { world, prices, rules } = this;
    const exists = world.meet(target);
    if (op === "call") {
      const comesAbout = rules.eip158 ? value > 0n && world.isEmpty(target) : !exists;
      if (comesAbout && !pay(frame, prices.callNewAccount)) return false;
    }
    const delegate = this.delegateOf(target);
    return delegate === undefined || this.payFor(frame, delegate);
  }

  /** What a callee gets of what is left, when its caller wants it to have `wanted`. */
  private gasFor(frame: Frame, wanted: bigint): number {
    const most = this.mostOf(frame.gas);
    if (!this.prices.keepsOne64th) return Number(wanted);
    return wanted < BigInt(most) ? Number(wanted) : most;
  }

  private mostOf(left: number): number {
    return this.prices.keepsOne64th ? left - Math.floor(left / 64) : left;
  }

  private create(frame: Frame, op: "create" | "create2", operands: readonly bigint[]): bigint {
    const { world, prices, rules } = this;
    if (frame.isStatic) return failed(frame);
    const [value, offset, size] = operands as [bigint, bigint, bigint];
    const wordPrice = prices.initcodeWord + (op === "create2" ? prices.keccakWord : 0);
    if (size > BigInt(rules.limits.initcodeBytes ?? Number.MAX_SAFE_INTEGER)) return failed(frame);
    if (!expand(frame, prices, offset, size) || !pay(frame, wordGas(wordPrice, size))) return 0n;
    const initcode = frame.memory.slice(offset, size);
    frame.returned = EMPTY_BYTES;
    const creator = frame.account;
    if (value > 0n && world.balanceOf(creator) < value) return 0n;
    if (initcode.length > MAX_INITCODE_BYTES) throw new UnknownAccess("create");
    const nonce = world.nonceOf(creator);
    const salt = op === "create2" ? operands[3]! : undefined;
    world.setNonce(creator, nonce + 1n);
    const account = world.account(createdAddress(creator.bytes, nonce, salt, initcode));
    world.warm(account);
    const mark = world.mark();
    world.meet(account);
    const gas = this.mostOf(frame.gas);
    frame.gas -= gas;
    if (world.nonceOf(account) > 0n || world.hasCode(account)) return 0n;
    world.create(account);
    if (rules.eip158) world.setNonce(account, 1n);
    if (value > 0n) this.transfer(creator.address, account, value);
    const message: CallMessage = {
      account,
      codeAccount: account,
      caller: creator.address,
      value,
      transfers: false,
      data: EMPTY_BYTES,
      isStatic: false,
      depth: frame.depth + 1,
      gas,
    };
    if (message.depth > MAX_DEPTH) throw new UnknownAccess("depth");
    const inner = this.frameOf(message, initcode, this.programs.initcodeProgram(initcode));
    const result = runFrame(inner, this);
    const deployed = result.ok && this.deploy(inner, account, result.output);
    frame.gas += inner.gas;
    if (deployed) return account.address;
    world.revert(mark);
    if (!result.ok) frame.returned = result.output;
    return 0n;
  }

  /** Pays for the code that initcode has returned, and keeps it; false when the creation fails for it. */
  private deploy(inner: Frame, account: Account, code: Uint8Array): boolean {
    const { rules, prices, world } = this;
    const isForbidden = rules.eip1559 && code[0] === 0xef;
    const isTooLong = code.length > (rules.limits.codeBytes ?? Number.MAX_SAFE_INTEGER);
    const price = prices.codeDepositByte * code.length;
    // In Frontier what cannot be paid for is left out, and the creation succeeds.
    if (price > inner.gas && !rules.homestead) return true;
    if (isForbidden || isTooLong || price > inner.gas) {
      inner.gas = 0;
      return false;
    }
    inner.gas -= price;
    world.setCode(account, code);
    return true;
  }

  selfDestruct(frame: Frame, beneficiary: bigint): boolean {
    const { world, rules, prices } = this;
    const heir = world.account(beneficiary);
    const cold = world.warm(heir) ? 0 : prices.coldAccount;
    if (!pay(frame, this.opcodes.packed.staticGas[CODES.selfdestruct]! + cold)) return false;
    const balance = world.balanceOf(frame.account);
    const exists = world.meet(heir);
    // Whoever is named is touched, so whether it is empty is asked even where nothing is left to it.
    const asks = heir !== frame.account || (balance > 0n && rules.eip158);
    const isEmpty = asks && world.isEmpty(heir);
    const comesAbout = rules.eip158 ? balance > 0n && isEmpty : !exists;
    if (comesAbout && !pay(frame, prices.selfdestructNewAccount)) return false;
    if (heir !== frame.account) world.setBalance(heir, world.balanceOf(heir) + balance);
    world.bringAbout(heir);
    if (heir !== frame.account || !rules.eip6780) world.setBalance(frame.account, 0n);
    if (!rules.eip6780 || frame.account.created) world.destroy(frame.account);
    return true;
  }
}

/** The frame itself fails at this instruction. */
function failed(frame: Frame): bigint {
  frame.gas = -1;
  return 0n;
}
