/** Calls, creations and self-destruction during an evaluation, with the accounts that each of them looks at. */
import { type BlockRules, isAtLeast } from "@velarium/chain-rules";
import { precompilesOf } from "@velarium/precompiles";
import { ADDRESS_MASK, addressWord } from "./bytes.ts";
import type { CodePrograms } from "./code-programs.ts";
import { createdAddress } from "./created-address.ts";
import { type Boundary, type Frame, type FrameResult, type Outside, runFrame } from "./frame.ts";
import { EMPTY_BYTES, FrameMemory } from "./memory.ts";
import type { Surroundings } from "./surroundings.ts";
import { UnknownAccess } from "./unknown.ts";
import type { Account, World } from "./world.ts";

/** Calls nested in each other. Each takes a few frames of the JavaScript stack; real transactions stay below 40. */
const MAX_DEPTH = 128;
/** Initcode for which a graph is built during an evaluation: proxies and clones, not whole contracts. */
const MAX_INITCODE_BYTES = 4096;
const STIPEND = 2300;
/** Price of a call where it does not depend on what it calls, and asks for no more than there is. */
const CALL_BEFORE_EIP150 = 40;
const HIGHEST_PRECOMPILE = 0x1ffn;

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
  /** EIP-150. */
  private readonly keepsOne64th: boolean;
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
    this.keepsOne64th = isAtLeast(options.rules.fork, "tangerineWhistle");
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
    const precompile = this.precompileAt(codeAccount.address);
    if (message.transfers && message.value > 0n) this.transfer(message.caller, account, message.value);
    world.bringAbout(account);
    if (precompile >= 0) {
      const result = precompilesOf(this.rules).run(precompile, message.data, Math.max(0, message.gas));
      if (!result.ok) world.revert(mark);
      return { ok: result.ok, output: result.output, gas: message.gas - result.gas };
    }
    const code = this.runnableCode(codeAccount);
    if (code.length === 0) return { ok: true, output: EMPTY_BYTES, gas: message.gas };
    const frame = this.frameOf(message, code, this.programs.programOf(code));
    const result = runFrame(frame, this);
    if (!result.ok) world.revert(mark);
    return { ok: result.ok, output: result.output, gas: Math.max(0, frame.gas) };
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
  runnableCode(account: Account): Uint8Array {
    const code = this.world.codeOf(account);
    if (!this.rules.eip7702 || code.length !== 23 || code[0] !== 0xef || code[1] !== 1 || code[2] !== 0)
      return code;
    return this.world.codeOf(this.world.account(addressWord(code, 3)));
  }

  private precompileAt(address: bigint): number {
    if (address > HIGHEST_PRECOMPILE) return -1;
    const id = Number(address);
    return precompilesOf(this.rules).has(id) ? id : -1;
  }

  private transfer(from: bigint, to: Account, value: bigint): void {
    const { world } = this;
    const sender = world.account(from);
    world.setBalance(sender, world.balanceOf(sender) - value);
    world.setBalance(to, world.balanceOf(to) + value);
  }

  boundary(frame: Frame, op: Boundary["op"], operands: readonly bigint[]): bigint {
    if (op === "extcodecopy") {
      const account = this.world.account(operands[0]! & ADDRESS_MASK);
      this.world.meet(account);
      frame.memory.copy(operands[1]!, this.world.codeOf(account), operands[2]!, operands[3]!);
      return 0n;
    }
    if (op === "create" || op === "create2") return this.create(frame, op, operands);
    return this.callFrom(frame, op, operands);
  }

  private callFrom(frame: Frame, op: Boundary["op"], operands: readonly bigint[]): bigint {
    const { world, rules } = this;
    const hasValue = op === "call" || op === "callcode";
    const target = world.account(operands[1]! & ADDRESS_MASK);
    const value = hasValue ? operands[2]! : 0n;
    const [inOffset, inSize, outOffset, outSize] = operands.slice(hasValue ? 3 : 2) as [
      bigint,
      bigint,
      bigint,
      bigint,
    ];
    if (op === "call" && value !== 0n && frame.isStatic) return this.failed(frame);
    const data = frame.memory.slice(inOffset, inSize);
    const out = frame.memory.place(outOffset, outSize);
    world.meet(target);
    if (op === "call" && value > 0n && rules.eip158) world.isEmpty(target);
    // The price of a delegation makes every call look at the code of its target.
    if (rules.eip7702) world.hasCode(target);
    const gas = this.gasFor(frame, operands[0]!, value > 0n);
    if (!this.keepsOne64th && frame.gas < 0) return 0n;
    frame.returned = EMPTY_BYTES;
    if (value > 0n && world.balanceOf(frame.account) < value) return 0n;
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
      gas: gas + (value > 0n ? STIPEND : 0),
    });
    frame.gas -= gas - result.gas;
    frame.returned = result.output;
    frame.memory.write(out.at, out.size, result.output);
    return result.ok ? 1n : 0n;
  }

  /** The frame itself fails at this instruction. */
  private failed(frame: Frame): bigint {
    frame.gas = -1;
    return 0n;
  }

  private gasFor(frame: Frame, wanted: bigint, withValue: boolean): number {
    frame.gas -= this.surroundings.pricesCold ? 2600 : this.keepsOne64th ? 700 : CALL_BEFORE_EIP150;
    if (withValue) frame.gas -= 9000;
    const left = Math.max(0, frame.gas);
    if (!this.keepsOne64th && wanted > BigInt(left)) this.failed(frame);
    const most = this.mostOf(left);
    return wanted < BigInt(Math.trunc(most)) ? Number(wanted) : most;
  }

  /** What of `left` a callee may get. */
  private mostOf(left: number): number {
    return this.keepsOne64th ? left - Math.floor(left / 64) : left;
  }

  private create(frame: Frame, op: "create" | "create2", operands: readonly bigint[]): bigint {
    const { world } = this;
    if (frame.isStatic) return this.failed(frame);
    const value = operands[0]!;
    const initcode = frame.memory.slice(operands[1]!, operands[2]!);
    frame.returned = EMPTY_BYTES;
    const creator = frame.account;
    if (value > 0n && world.balanceOf(creator) < value) return 0n;
    if (initcode.length > MAX_INITCODE_BYTES) throw new UnknownAccess("create");
    const nonce = world.nonceOf(creator);
    const salt = op === "create2" ? operands[3]! : undefined;
    world.setNonce(creator, nonce + 1n);
    const account = world.account(createdAddress(creator.bytes, nonce, salt, initcode));
    const mark = world.mark();
    world.meet(account);
    if (world.nonceOf(account) > 0n || world.hasCode(account)) return 0n;
    world.create(account);
    if (this.rules.eip158) world.setNonce(account, 1n);
    if (value > 0n) this.transfer(creator.address, account, value);
    const gas = Math.max(0, frame.gas - 32_000);
    const message: CallMessage = {
      account,
      codeAccount: account,
      caller: creator.address,
      value,
      transfers: false,
      data: EMPTY_BYTES,
      isStatic: false,
      depth: frame.depth + 1,
      gas: this.mostOf(gas),
    };
    if (message.depth > MAX_DEPTH) throw new UnknownAccess("depth");
    const inner = this.frameOf(message, initcode, this.programs.initcodeProgram(initcode));
    const result = runFrame(inner, this);
    frame.gas -= 32_000 + message.gas - Math.max(0, inner.gas) + 200 * result.output.length;
    if (!result.ok) {
      world.revert(mark);
      frame.returned = result.output;
      return 0n;
    }
    world.setCode(account, result.output);
    return account.address;
  }

  selfDestruct(frame: Frame, beneficiary: bigint): void {
    const { world, rules } = this;
    const balance = world.balanceOf(frame.account);
    const heir = world.account(beneficiary);
    world.meet(heir);
    // Whoever is named is touched, so whether it is empty is asked even where nothing is left to it.
    if (heir !== frame.account || (balance > 0n && rules.eip158)) world.isEmpty(heir);
    if (heir !== frame.account) world.setBalance(heir, world.balanceOf(heir) + balance);
    world.bringAbout(heir);
    if (heir !== frame.account || !rules.eip6780) world.setBalance(frame.account, 0n);
    if (!rules.eip6780 || frame.account.created) world.destroy(frame.account);
  }
}
