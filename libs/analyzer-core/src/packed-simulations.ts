/**
 * Access sets by simulation, a message at a time: all its transactions run on the engine's way without objects, what
 * they lack is asked for in one request, and those that lacked something run again. A run that lacks a value goes on
 * with a guess to find out what else it will need; only a run on true values counts.
 */
import { type BlockContext, type PackedMiss, type PackedSimulation, writeBigInt } from "@velarium/engine";
import {
  AccessKind,
  Domain,
  joinKinds,
  keysEqual,
  SLOT_KEY_BYTES,
  WORD_BYTES,
  writeFieldKey,
} from "@velarium/slots";
import { scanTransaction, TxError, TxScan } from "@velarium/tx-codec";
import type { BatchDraft } from "./batch-draft.ts";
import type { CommittedView } from "./committed-view.ts";
import type { SlotSource } from "./slot-source.ts";
import { WordCache } from "./word-cache.ts";

/** Words kept for a second, a few blocks. */
const CACHE_ROWS = 1 << 16;
const CACHE_AGE_MS = 1000;
/** Rounds of one message; what then still lacks something is left to others. */
const MAX_ROUNDS = 32;
/** Values that a run of the first round goes on without, on guesses; twice as many in each further one, up to the last. */
const FIRST_GUESSES = 32;
const MOST_GUESSES = 1024;
const GUESSES = 1024;
/** Places for keys that others of the message may have asked for already. */
const SEEN = 4096;
const NO_BYTES = new Uint8Array(0);
const ZERO_WORD = new Uint8Array(WORD_BYTES);
const SENDER_FIELDS = [Domain.balance, Domain.nonce, Domain.code] as const;
/** A sender is taken to be rich enough for anything: executors, not the access set, depend on what it has. */
const RICH = 2n ** 254n;

export interface FoundAccesses {
  readonly count: number;
  readonly keys: Uint8Array;
  readonly kinds: Uint8Array;
}

/** A transaction whose accesses are sought: slots that it asked for so far, with their words. */
class Sought {
  readonly row: number;
  keys = new Uint8Array(4 * SLOT_KEY_BYTES);
  words = new Uint8Array(4 * WORD_BYTES);
  /** Slots whose words are here, and slots in all: the others are on their way. */
  known = 0;
  count = 0;
  /** Of its last run: the code, or the block hash, that it stopped for. */
  code: Uint8Array | undefined;
  hash: Uint8Array | undefined;
  found: FoundAccesses | undefined;

  constructor(row: number) {
    this.row = row;
  }

  ask(key: Uint8Array): void {
    if ((this.count + 1) * WORD_BYTES > this.words.length) {
      const keys = new Uint8Array(this.keys.length * 2);
      keys.set(this.keys);
      this.keys = keys;
      const words = new Uint8Array(this.words.length * 2);
      words.set(this.words);
      this.words = words;
    }
    this.keys.set(key, this.count++ * SLOT_KEY_BYTES);
  }
}

export interface PackedSimulationParts {
  readonly simulation: PackedSimulation;
  readonly source: SlotSource;
  /** Has, and fetches, code. */
  readonly view: CommittedView;
  readonly now: () => number;
  /** Told the gas of every simulation that counts. */
  readonly counted: (gas: number) => void;
  /** Gives the event loop a turn now and then. */
  readonly yieldTurn: () => Promise<void>;
}

export class PackedSimulations {
  private readonly parts: PackedSimulationParts;
  private readonly cache = new WordCache(CACHE_ROWS, CACHE_AGE_MS);
  private readonly scan = new TxScan();
  private readonly senderKeys = new Uint8Array(3 * SLOT_KEY_BYTES);
  private readonly senderWords = new Uint8Array(3 * WORD_BYTES);
  private readonly seen = new Int32Array(SEEN);
  private readonly guesses = new Uint8Array(GUESSES * WORD_BYTES);

  constructor(parts: PackedSimulationParts) {
    this.parts = parts;
    writeBigInt(RICH, this.senderWords, 0);
  }

  /** Accesses by row; a row that is missing in the answer is not for this way. Rejects when the state does not answer. */
  async find(
    draft: BatchDraft,
    rows: readonly number[],
    context: BlockContext,
  ): Promise<Map<number, FoundAccesses>> {
    const answer = new Map<number, FoundAccesses>();
    let open = rows.map((row) => new Sought(row));
    for (let round = 0; open.length > 0 && round < MAX_ROUNDS; round++) {
      const lacking: Sought[] = [];
      const mayGuess = Math.min(FIRST_GUESSES * 2 ** round, MOST_GUESSES);
      for (const sought of open) {
        await this.parts.yieldTurn();
        if (!this.simulate(draft, sought, context, mayGuess)) continue;
        if (sought.found === undefined) lacking.push(sought);
        else answer.set(sought.row, sought.found);
      }
      await this.fetch(lacking);
      open = lacking;
    }
    return answer;
  }

  /** Runs once. False: not for this way. `found` is set when nothing was missing. */
  private simulate(draft: BatchDraft, sought: Sought, context: BlockContext, mayGuess: number): boolean {
    const { simulation } = this.parts;
    const { ends, blob } = draft.raw;
    const { row } = sought;
    const start = row === 0 ? 0 : ends[row - 1]!;
    try {
      scanTransaction(blob, start, ends[row]! - start, this.scan);
    } catch (error) {
      if (error instanceof TxError) return false;
      throw error;
    }
    simulation.open(context);
    if (!simulation.begin(blob, this.scan, draft.senders, row * 20)) return false;
    this.preloadSender(draft.senders, row * 20);
    if (sought.known > 0) simulation.preload(sought.known, sought.keys, sought.words);
    let guesses = 0;
    for (;;) {
      const state = simulation.run();
      if (state === undefined) return guesses > 0;
      if (state === "done") break;
      if (this.answer(state)) continue;
      if (state.kind === "code") sought.code = state.bytes;
      else if (state.bytes[0] === Domain.blockHash) sought.hash = state.bytes;
      else sought.ask(state.bytes);
      const isSlot = sought.code === undefined && sought.hash === undefined;
      if (!isSlot || ++guesses > mayGuess) return true;
      simulation.supply(state, this.guessFor(state.bytes));
    }
    if (guesses === 0) {
      // What fails now may succeed behind a transaction that is under way: whoever knows both ways is to be asked.
      if (simulation.status === 0) return false;
      this.parts.counted(simulation.gasUsed);
      const { toOffset, valueSize } = this.scan;
      const pays = valueSize > 0 && isAt(blob, toOffset, context.beneficiary, 0);
      sought.found = this.take(draft.senders, row * 20, context.beneficiary, pays);
    }
    return true;
  }

  private preloadSender(senders: Uint8Array, at: number): void {
    const { senderKeys, senderWords, scan } = this;
    for (let i = 0; i < 3; i++) writeFieldKey(senderKeys, i * SLOT_KEY_BYTES, SENDER_FIELDS[i]!, senders, at);
    for (let i = 0, rest = scan.nonce; i < 7; i++, rest = Math.floor(rest / 256))
      senderWords[2 * WORD_BYTES - 1 - i] = rest & 0xff;
    this.parts.simulation.preload(3, senderKeys, senderWords);
  }

  /** Answers from what is at hand. */
  private answer(miss: PackedMiss): boolean {
    const { simulation, view, now } = this.parts;
    if (miss.kind === "code") {
      const code = view.codeByPrefix(miss.bytes);
      if (code === undefined) return false;
      simulation.supply(miss, code);
      return true;
    }
    // Hashes of blocks are no state: the view knows where they are kept.
    if (miss.bytes[0] === Domain.blockHash) {
      const word = view.read(miss.bytes);
      if (word === undefined) return false;
      simulation.supply(miss, word);
      return true;
    }
    const at = this.cache.find(miss.bytes, 0, now());
    if (at < 0) return false;
    simulation.supply(miss, this.cache.values.subarray(at, at + WORD_BYTES));
    return true;
  }

  /** For storage the word last fetched of the same account: as likely as any to lead the run where the true one will. */
  private guessFor(key: Uint8Array): Uint8Array {
    if (key[0] !== Domain.storage) return ZERO_WORD;
    const at = this.guessAt(key, 0);
    return this.guesses.subarray(at, at + WORD_BYTES);
  }
  private guessAt(key: Uint8Array, at: number): number {
    const place = key[at]! ^ (key[at + 20]! | (key[at + 19]! << 8));
    return (place % GUESSES) * WORD_BYTES;
  }

  /** Asks for all that is lacking: each slot once, all slots in one request. */
  private async fetch(lacking: readonly Sought[]): Promise<void> {
    const { source, view, now } = this.parts;
    const others: Promise<unknown>[] = [];
    let most = 0;
    for (const sought of lacking) {
      most += sought.count - sought.known;
      if (sought.code !== undefined) others.push(view.fetchCode(sought.code));
      if (sought.hash !== undefined) others.push(view.fetch(sought.hash));
      sought.code = sought.hash = undefined;
    }
    const keys = new Uint8Array(most * SLOT_KEY_BYTES);
    const places = new Int32Array(most);
    const count = this.gather(lacking, keys, places);
    const words = count === 0 ? NO_BYTES : await source.read(keys, count, -1);
    await Promise.all(others);
    const nowMs = now();
    for (let i = 0; i < count; i++) this.cache.put(keys, i * SLOT_KEY_BYTES, words, i * WORD_BYTES, nowMs);
    let slot = 0;
    for (const sought of lacking)
      for (; sought.known < sought.count; sought.known++) {
        const from = places[slot++]! * WORD_BYTES;
        const word = words.subarray(from, from + WORD_BYTES);
        sought.words.set(word, sought.known * WORD_BYTES);
        const key = sought.known * SLOT_KEY_BYTES;
        if (sought.keys[key] === Domain.storage) this.guesses.set(word, this.guessAt(sought.keys, key));
      }
  }

  /** Writes the keys asked for to `keys`, and of each slot where its key stands to `places`; returns how many keys. */
  private gather(lacking: readonly Sought[], keys: Uint8Array, places: Int32Array): number {
    this.seen.fill(-1);
    let count = 0;
    let slot = 0;
    for (const { keys: own, known, count: end } of lacking)
      for (let i = known; i < end; i++) {
        const from = i * SLOT_KEY_BYTES;
        // The last bytes of a key are those of a hash, or of a small number; of a field they are zero.
        const place = (own[from + 55]! | (own[from + 54]! << 8)) ^ (own[from + 20]! << 4) ^ (own[from]! << 2);
        const before = this.seen[place % SEEN]!;
        if (before >= 0 && keysEqual(keys, before * SLOT_KEY_BYTES, own, from)) {
          places[slot++] = before;
          continue;
        }
        keys.set(own.subarray(from, from + SLOT_KEY_BYTES), count * SLOT_KEY_BYTES);
        this.seen[place % SEEN] = places[slot++] = count++;
      }
    return count;
  }

  /** The accesses of the run that is done, the sender's fields first. */
  private take(
    senders: Uint8Array,
    senderAt: number,
    beneficiary: Uint8Array,
    paysBeneficiary: boolean,
  ): FoundAccesses {
    const { simulation } = this.parts;
    const { senderKeys } = this;
    const { bytes, count, keysAt, kindsAt } = simulation;
    const keys = new Uint8Array((count + 3) * SLOT_KEY_BYTES);
    const kinds = new Uint8Array(count + 3);
    keys.set(senderKeys, 0);
    kinds[0] = kinds[1] = AccessKind.W;
    kinds[2] = AccessKind.R;
    let found = 3;
    for (let i = 0, at = keysAt; i < count; i++, at += SLOT_KEY_BYTES) {
      let kind = bytes[kindsAt + i] as AccessKind;
      const domain = bytes[at]!;
      if (domain === Domain.blockHash) kind = AccessKind.H;
      else if (domain <= Domain.code) {
        if (domain === Domain.balance && isAt(bytes, at + 1, beneficiary, 0)) {
          // The fee is everyone's and is not listed; whoever looks at that balance adds the fee to it himself.
          if (kind === AccessKind.D && !paysBeneficiary) continue;
          if (kind === AccessKind.R) kind = AccessKind.W;
        }
        if (isAt(bytes, at + 1, senders, senderAt) && keysEqual(keys, domain * SLOT_KEY_BYTES, bytes, at)) {
          kinds[domain] = joinKinds(kinds[domain] as AccessKind, kind);
          continue;
        }
      }
      keys.set(bytes.subarray(at, at + SLOT_KEY_BYTES), found * SLOT_KEY_BYTES);
      kinds[found++] = kind;
    }
    return {
      count: found,
      keys: keys.subarray(0, found * SLOT_KEY_BYTES),
      kinds: kinds.subarray(0, found),
    };
  }
}

function isAt(a: Uint8Array, i: number, b: Uint8Array, j: number): boolean {
  for (let k = 0; k < 20; k++) if (a[i + k] !== b[j + k]) return false;
  return true;
}
