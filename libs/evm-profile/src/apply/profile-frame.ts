/** One call of a profiled function: its inputs, what its steps have found, and the values worked out so far. */
import { keccak256Into } from "@velarium/hash-kernel";
import { loadWord, storeWord } from "../evaluate/bytes.ts";
import type { Surroundings } from "../evaluate/surroundings.ts";
import { UnknownAccess } from "../evaluate/unknown.ts";
import type { EnvironmentName, ExpressionId, Part, SelectorProfile, StepId } from "../profile/format.ts";
import { cut, PURE } from "../symbolic/expressions.ts";
import { type Evaluator, type LazyBytes, NO_BYTES } from "./lazy-bytes.ts";
import type { Thunk, TouchedAccount } from "./touched.ts";

/** What a call came back with. */
export interface CallOutcome {
  readonly success: boolean;
  readonly data: LazyBytes;
}

/** Bytes hashed at once. */
const MAX_PREIMAGE = 4096;
const hash = new Uint8Array(32);

export class ProfileFrame implements Evaluator {
  readonly profile: SelectorProfile;
  readonly account: TouchedAccount;
  readonly caller: bigint;
  readonly value_: Thunk;
  readonly data: LazyBytes;
  readonly code: Uint8Array;
  readonly immediates: readonly bigint[];
  readonly surroundings: Surroundings;
  readonly parent: ProfileFrame | undefined;
  readonly depth: number;
  /** Values by expression; undefined: not asked for yet. */
  values: (bigint | undefined)[] = [];
  /** By step: what a read, a look at an account or a call has found. */
  found: (Thunk | undefined)[] = [];
  calls: (CallOutcome | undefined)[] = [];

  constructor(options: {
    readonly profile: SelectorProfile;
    readonly account: TouchedAccount;
    readonly caller: bigint;
    readonly value: Thunk;
    readonly data: LazyBytes;
    readonly code: Uint8Array;
    readonly immediates: readonly bigint[];
    readonly surroundings: Surroundings;
    readonly parent: ProfileFrame | undefined;
  }) {
    this.profile = options.profile;
    this.account = options.account;
    this.caller = options.caller;
    this.value_ = options.value;
    this.data = options.data;
    this.code = options.code;
    this.immediates = options.immediates;
    this.surroundings = options.surroundings;
    this.parent = options.parent;
    this.depth = options.parent === undefined ? 0 : options.parent.depth + 1;
  }

  value(id: ExpressionId): bigint {
    const known = this.values[id];
    if (known !== undefined) return known;
    const value = this.compute(id);
    this.values[id] = value;
    return value;
  }

  private compute(id: ExpressionId): bigint {
    const expression = this.profile.expressions[id]!;
    switch (expression.op) {
      case "constant":
        return expression.value;
      case "immediate":
        return this.immediates[expression.index] ?? 0n;
      case "calldata":
        return this.data.word(expression.offset);
      case "calldataat": {
        const offset = this.value(expression.args[0]);
        return offset >= BigInt(this.data.size) ? 0n : this.data.word(Number(offset));
      }
      case "environment":
        return this.environment(expression.name);
      case "found":
        return this.thunkOf(expression.step).value();
      case "success":
        return this.outcomeOf(expression.step).success ? 1n : 0n;
      case "returned":
        return this.outcomeOf(expression.step).data.word(expression.offset);
      case "returnsize":
        return BigInt(this.outcomeOf(expression.step).data.size);
      case "opaque":
        throw new UnknownAccess("opaque");
      case "bytes":
        return this.joined(expression.parts);
      case "keccak":
        return this.keccak(expression.parts);
      default: {
        const { args } = expression;
        const a = this.value(args[0]!);
        const b = args.length > 1 ? this.value(args[1]!) : 0n;
        return PURE[expression.op](a, b, args.length > 2 ? this.value(args[2]!) : 0n);
      }
    }
  }

  private thunkOf(step: StepId): Thunk {
    const thunk = this.found[step];
    if (thunk === undefined) throw new UnknownAccess("opaque");
    return thunk;
  }

  outcomeOf(step: StepId): CallOutcome {
    const outcome = this.calls[step];
    if (outcome === undefined) throw new UnknownAccess("opaque");
    return outcome;
  }

  private joined(parts: readonly Part[]): bigint {
    let word = 0n;
    for (const { value, from, size } of parts)
      word = (word << BigInt(size * 8)) | cut(this.value(value), from, size);
    return word;
  }

  private keccak(parts: readonly Part[]): bigint {
    let size = 0;
    // Values first: each may need a hash of its own.
    for (const part of parts) {
      this.value(part.value);
      size += part.size;
    }
    if (size > MAX_PREIMAGE) throw new UnknownAccess("memory");
    const preimage = preimages[size >>> 5] ?? new Uint8Array(MAX_PREIMAGE + 32);
    let at = 0;
    for (const { value, from, size: count } of parts) {
      if (count === 32) storeWord(preimage, at, this.values[value]!);
      else {
        storeWord(word, 0, this.values[value]!);
        for (let i = 0; i < count; i++) preimage[at + i] = word[from + i]!;
      }
      at += count;
    }
    keccak256Into(preimage, 0, size, hash, 0);
    return loadWord(hash, 0);
  }

  private environment(name: EnvironmentName): bigint {
    const { surroundings } = this;
    switch (name) {
      case "address":
        return this.account.address;
      case "caller":
        return this.caller;
      case "callvalue":
        return this.value_.value();
      case "calldatasize":
        return BigInt(this.data.size);
      case "codesize":
        return BigInt(this.code.length);
      case "origin":
        return surroundings.origin;
      case "gasprice":
        return surroundings.gasPrice;
      case "coinbase":
        return surroundings.coinbase;
      case "timestamp":
        return surroundings.timestamp;
      case "number":
        return surroundings.number;
      case "prevrandao":
        return surroundings.prevRandao;
      case "gaslimit":
        return surroundings.gasLimit;
      case "chainid":
        return surroundings.chainId;
      case "basefee":
        return surroundings.baseFee;
      case "blobbasefee":
        return surroundings.blobBaseFee;
    }
  }
}

const word = new Uint8Array(32);
/** For preimages of one to four words: mappings, nested or not. */
const preimages: (Uint8Array | undefined)[] = [
  new Uint8Array(64),
  new Uint8Array(96),
  new Uint8Array(128),
  new Uint8Array(160),
];

export const NOTHING_RETURNED: CallOutcome = { success: true, data: NO_BYTES };
