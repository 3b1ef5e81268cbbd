/** The generator: batches of transactions with their senders and hashes, in the columns of the ingest message. */
import type { BytesColumn } from "@velarium/columns";
import { encodeCall, pair, token } from "@velarium/contracts";
import { keccak256, keccakBatch } from "@velarium/hash-kernel";
import { curve, placeholderSignature } from "@velarium/tx-codec";
import { ADDRESS_BYTES, contractAddressOf, deriveAddresses, privateKeyOf } from "./accounts.ts";
import { makeGenesis, type WorkloadGenesis } from "./genesis.ts";
import { type WorkloadOptions, workloadOptions } from "./options.ts";
import { Random } from "./random.ts";
import { headerRlp, integerRlp, makeTemplates, nonceWidth, putNonce, type Template } from "./template.ts";

/** Intrinsic gas of a plain transfer. */
export const NATIVE_GAS = 21_000;
/**
 * Blocks close by summed gas limits, so limits are tight. A token transfer that writes a new storage word takes 51,298
 * (Cancun; calldata without zero bytes in the address adds a few dozen).
 */
export const ERC20_GAS = 55_000;
/** A swap takes up to 69,188: every word it writes is there before. */
export const SWAP_GAS = 80_000;

export interface WorkloadBatch {
  readonly count: number;
  readonly raw: BytesColumn;
  /** 20 bytes each. */
  readonly senders: Uint8Array;
  /** 32 bytes each: keccak256 of the raw transaction. */
  readonly hashes: Uint8Array;
  /** 1 for records with placeholder signatures, whose sender and hash are to be taken as given. */
  readonly verified: Uint8Array;
}

/** One entry per transaction. Senders and receivers are accounts by number. */
interface Draws {
  readonly kinds: Uint8Array;
  readonly senders: Uint32Array;
  readonly receivers: Uint32Array;
  readonly amounts: Uint32Array;
  readonly nonces: Uint32Array;
}

/** What one call to a market or token looks like, before patching. */
const NATIVE = 0;
const ERC20 = 1;
const SWAP = 2;
/** Offsets in calldata: selector 4, then words. */
const TRANSFER_TO = 4 + 12;
const TRANSFER_AMOUNT = 4 + 32 + 28;
const SWAP_TOKEN_IN = 4 + 12;
const SWAP_AMOUNT = 4 + 32 + 28;
const SWAP_TO = 4 + 96 + 12;
/** Amounts are 2^24 to 2^32 - 1, so that they always take four bytes. */
const SMALLEST_AMOUNT = 0x100_0000;
const NO_ADDRESS = new Uint8Array(ADDRESS_BYTES);
/** Type byte, list header, signature: 1 + 3 + up to 6 + 33 + 33. */
const ENVELOPE_BYTES = 80;

const thresholdOf = (probability: number): number => Math.round(probability * 0x1_0000_0000);

export class Workload {
  readonly options: WorkloadOptions;
  /** 20 bytes per account; hot ones first. */
  readonly addresses: Uint8Array;
  /** Next nonce by account. */
  readonly nonces: Uint32Array;
  private readonly random: Random;
  private readonly hotThreshold: number;
  private readonly templates: readonly Template[][];
  private readonly contracts: readonly {
    readonly pair: Uint8Array;
    readonly tokens: readonly [Uint8Array, Uint8Array];
  }[];
  private readonly legacyV: readonly [number[], number[]];
  private readonly legacySuffix: number[];
  private readonly largestBytes: number;
  /** Keeps loads that only warm the cache from being optimised away. */
  warm = 0;

  constructor(given: Partial<WorkloadOptions> = {}, progress?: (done: number, total: number) => void) {
    const o = workloadOptions(given);
    this.options = o;
    this.addresses = deriveAddresses(o.seed, o.accounts, o.signed, o.cacheFolder, progress);
    this.nonces = new Uint32Array(o.accounts);
    this.random = new Random(o.seed);
    this.hotThreshold = thresholdOf(o.contention);
    this.contracts = Array.from({ length: o.pairs }, (_, i) => ({
      pair: contractAddressOf(o.seed, 3 * i),
      tokens: [contractAddressOf(o.seed, 3 * i + 1), contractAddressOf(o.seed, 3 * i + 2)] as const,
    }));
    const fields = (gasLimit: number, data: Uint8Array, hasValue: boolean) =>
      makeTemplates({ ...o, gasLimit, data, hasValue });
    this.templates = [
      fields(NATIVE_GAS, new Uint8Array(0), true),
      fields(ERC20_GAS, encodeCall(token, "transfer(address,uint256)", [NO_ADDRESS, 0]), false),
      fields(
        SWAP_GAS,
        encodeCall(pair, "swapExactIn(address,uint256,uint256,address)", [NO_ADDRESS, 0, 0, NO_ADDRESS]),
        false,
      ),
    ];
    this.largestBytes = Math.max(...this.templates.flat().map((t) => t.body.length)) + ENVELOPE_BYTES;
    this.legacyV = [integerRlp(o.chainId * 2 + 35), integerRlp(o.chainId * 2 + 36)];
    this.legacySuffix = [...integerRlp(o.chainId), 0x80, 0x80];
  }

  /** The state in which every transaction of this workload is valid. Deterministic; large for many accounts. */
  genesis(): WorkloadGenesis {
    return makeGenesis(this.options, this.addresses, this.contracts);
  }

  address(account: number): Uint8Array {
    return this.addresses.subarray(account * ADDRESS_BYTES, (account + 1) * ADDRESS_BYTES);
  }

  private pick(isHeated: boolean): number {
    const { accounts, hot } = this.options;
    if (isHeated && hot > 0 && this.random.chance(this.hotThreshold)) return this.random.below(hot);
    const cold = accounts - hot;
    return cold > 0 ? hot + this.random.below(cold) : this.random.below(accounts);
  }

  private pickKind(): number {
    const { kind, nativePercent, erc20Percent } = this.options;
    if (kind !== "mixed") return kind === "native" ? NATIVE : kind === "erc20" ? ERC20 : SWAP;
    const percent = this.random.below(100);
    return percent < nativePercent ? NATIVE : percent < nativePercent + erc20Percent ? ERC20 : SWAP;
  }

  /** The next `count` transactions. Each account's nonces are consecutive from 0 over all batches. */
  nextBatch(count: number): WorkloadBatch {
    const { options } = this;
    const draws = this.draw(count);
    const senders = this.senderAddresses(draws.senders);
    const blob = new Uint8Array(count * this.largestBytes);
    const ends = new Uint32Array(count);
    let at = 0;
    for (let i = 0; i < count; i++) {
      const kind = draws.kinds[i]!;
      const sender = draws.senders[i]!;
      const nonce = draws.nonces[i]!;
      const width = nonceWidth(nonce);
      const template = this.templates[kind]![width - 1]!;
      // The body goes where it belongs when the signature is a placeholder; a signed one is moved by a byte or two.
      const start = at;
      const size = template.body.length + (options.signed ? 0 : this.placeholderBytes());
      at = putEnvelope(blob, at, options.type, size);
      const body = at;
      const from = template.body;
      for (let j = 0; j < from.length; j++) blob[at + j] = from[j]!;
      at += from.length;
      putNonce(blob, body + template.nonceAt, nonce, width);
      this.patch(blob, body, template, kind, sender, draws.receivers[i]!, draws.amounts[i]!);
      at = options.signed
        ? this.sign(blob, start, body, at, sender)
        : this.putPlaceholder(blob, at, senders, i * ADDRESS_BYTES);
      ends[i] = at;
    }
    const raw = { ends, blob: blob.subarray(0, at) };
    return {
      count,
      raw,
      senders,
      hashes: keccakBatch(raw),
      verified: new Uint8Array(count).fill(options.signed ? 0 : 1),
    };
  }

  /** What is random in the next `count` transactions, and their nonces. */
  private draw(count: number): Draws {
    const { random, nonces, options, addresses } = this;
    const kinds = new Uint8Array(count);
    const senders = new Uint32Array(count);
    const receivers = new Uint32Array(count);
    const amounts = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      kinds[i] = this.pickKind();
      const sender = this.pick(true);
      const receiver = this.pick(options.bothEnds);
      senders[i] = sender;
      receivers[i] = receiver === sender ? (sender + 1) % options.accounts : receiver;
      amounts[i] = SMALLEST_AMOUNT + random.below(0xff00_0000);
    }
    // Accounts are anywhere in memory: loads with nothing between them overlap, and what follows finds the lines.
    let warm = 0;
    for (let i = 0; i < count; i++)
      warm ^=
        nonces[senders[i]!]! ^
        addresses[senders[i]! * ADDRESS_BYTES]! ^
        addresses[receivers[i]! * ADDRESS_BYTES]!;
    this.warm = warm;
    const own = new Uint32Array(count);
    for (let i = 0; i < count; i++) own[i] = nonces[senders[i]!]!++;
    return { kinds, senders, receivers, amounts, nonces: own };
  }

  private senderAddresses(senders: Uint32Array): Uint8Array {
    const out = new Uint8Array(senders.length * ADDRESS_BYTES);
    for (let i = 0; i < senders.length; i++)
      putAddress(out, i * ADDRESS_BYTES, this.addresses, senders[i]! * ADDRESS_BYTES);
    return out;
  }

  private patch(
    out: Uint8Array,
    body: number,
    t: Template,
    kind: number,
    sender: number,
    receiver: number,
    amount: number,
  ): void {
    const { addresses } = this;
    const to = body + t.toAt;
    if (kind === NATIVE) {
      putAddress(out, to, addresses, receiver * ADDRESS_BYTES);
      putU32(out, body + t.valueAt, amount);
      return;
    }
    const market = this.contracts[sender % this.contracts.length]!;
    const data = body + t.dataAt;
    if (kind === ERC20) {
      putAddress(out, to, market.tokens[0], 0);
      putAddress(out, data + TRANSFER_TO, addresses, receiver * ADDRESS_BYTES);
      putU32(out, data + TRANSFER_AMOUNT, amount);
      return;
    }
    putAddress(out, to, market.pair, 0);
    // The lowest bit of the amount decides the direction: as good as a draw of its own.
    putAddress(out, data + SWAP_TOKEN_IN, market.tokens[(amount & 1) as 0 | 1], 0);
    putU32(out, data + SWAP_AMOUNT, amount);
    putAddress(out, data + SWAP_TO, addresses, sender * ADDRESS_BYTES);
  }

  /** Encoded bytes of v or y parity, r (33) and s (1). */
  private placeholderBytes(): number {
    return (this.options.type === 2 ? 1 : this.legacyV[0].length) + 33 + 1;
  }

  private putPlaceholder(out: Uint8Array, to: number, senders: Uint8Array, sender: number): number {
    let at = to;
    if (this.options.type === 2) out[at++] = 0x80;
    else for (const byte of this.legacyV[0]) out[at++] = byte;
    out[at++] = 0xa0;
    for (let j = 0; j < 12; j++) out[at++] = PLACEHOLDER_MARK[j]!;
    putAddress(out, at, senders, sender);
    at += ADDRESS_BYTES;
    out[at++] = 1;
    return at;
  }

  /** Signs the body at `body` to `end`, and lays out the signed transaction from `start`; returns its end. */
  private sign(out: Uint8Array, start: number, body: number, end: number, sender: number): number {
    const { type, seed } = this.options;
    let unsignedEnd = end;
    if (type === 0) for (const byte of this.legacySuffix) out[unsignedEnd++] = byte;
    const content = out.slice(body, unsignedEnd);
    const scratch = new Uint8Array(content.length + 4);
    const at = putEnvelope(scratch, 0, type, content.length);
    scratch.set(content, at);
    const hash = keccak256(scratch.subarray(0, at + content.length));
    const { signature, yParity } = curve.sign(hash, privateKeyOf(seed, sender));
    const v = type === 2 ? [yParity === 0 ? 0x80 : 1] : this.legacyV[yParity as 0 | 1];
    const tail = [...v, ...wordRlp(signature, 0), ...wordRlp(signature, 32)];
    const size = end - body;
    let to = putEnvelope(out, start, type, size + tail.length);
    out.set(content.subarray(0, size), to);
    to += size;
    out.set(tail, to);
    return to + tail.length;
  }

  /** All batches of a run in advance, for when signing must not compete with what is measured. */
  pregenerate(
    total: number,
    batchSize: number,
    progress: (done: number, total: number) => void = () => {},
  ): WorkloadBatch[] {
    const batches: WorkloadBatch[] = [];
    for (let done = 0; done < total; ) {
      const count = Math.min(batchSize, total - done);
      batches.push(this.nextBatch(count));
      progress((done += count), total);
    }
    return batches;
  }
}

const PLACEHOLDER_MARK = (placeholderSignature(NO_ADDRESS).r as Uint8Array).slice(0, 12);

function putEnvelope(out: Uint8Array, to: number, type: 0 | 2, size: number): number {
  let at = to;
  if (type === 2) out[at++] = 2;
  if (size < 56) out[at++] = 0xc0 + size;
  else if (size < 256) {
    out[at++] = 0xf8;
    out[at++] = size;
  } else for (const byte of headerRlp(0xc0, size)) out[at++] = byte;
  return at;
}

function putAddress(out: Uint8Array, to: number, from: Uint8Array, at: number): void {
  for (let j = 0; j < ADDRESS_BYTES; j++) out[to + j] = from[at + j]!;
}

function putU32(out: Uint8Array, to: number, value: number): void {
  out[to] = value >>> 24;
  out[to + 1] = (value >>> 16) & 0xff;
  out[to + 2] = (value >>> 8) & 0xff;
  out[to + 3] = value & 0xff;
}

/** RLP of a 32-byte word as an integer: leading zeros dropped. */
function wordRlp(bytes: Uint8Array, from: number): number[] {
  let first = from;
  while (first < from + 32 && bytes[first] === 0) first++;
  const rest = [...bytes.subarray(first, from + 32)];
  return rest.length === 1 && rest[0]! < 0x80 ? rest : [0x80 + rest.length, ...rest];
}
