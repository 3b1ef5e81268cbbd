/**
 * Access sets of a message at a time, without objects: by profiles, and by simulation what they do not cover. All its
 * transactions are tried, what they lack is asked for in one request, and those that lacked something are tried again. A
 * run that lacks a value goes on with a guess to find out what else it will need; only a run on true values counts.
 */
import { type BlockContext, type PackedSimulation, PackedState, writeBigInt } from "@velarium/engine";
import { PackedOutcome } from "@velarium/evm-profile";
import { AccessKind, Domain, joinKinds, SLOT_KEY_BYTES, WORD_BYTES, writeFieldKey } from "@velarium/slots";
import { scanTransaction, TxError, TxScan } from "@velarium/tx-codec";
import type { AnalysisErrors, AnalysisStage } from "./analysis-errors.ts";
import type { BatchDraft } from "./batch-draft.ts";
import type { CommittedView } from "./committed-view.ts";
import type { AccessArena } from "./found-accesses.ts";
import type { PackedProfiles } from "./packed-profiles.ts";
import type { SlotSource } from "./slot-source.ts";
import { WantedSlots } from "./wanted-slots.ts";
import { WordCache } from "./word-cache.ts";

/** Words kept for a second, a few blocks. */
const CACHE_ROWS = 1 << 16;
const CACHE_AGE_MS = 1000;
/** Rounds of one message; what then still lacks something is left to others. */
const MAX_ROUNDS = 32;
/** Values that a run of the first round goes on without, on guesses; twice as many in each further one, up to the last. */
const FIRST_GUESSES = 32;
const MOST_GUESSES = 1024;
/** Places for guesses. */
const GUESSES = 1024;
const SENDER_FIELDS = [Domain.balance, Domain.nonce, Domain.code] as const;
/** A sender is taken to be rich enough for anything: executors, not the access set, depend on what it has. */
const RICH = 2n ** 254n;
const ZERO_WORD = new Uint8Array(WORD_BYTES);
const CODE_PREFIX_BYTES = 28;

/** What became of one run. */
const Run = { found: 0, lacking: 1, elsewhere: 2 } as const;

export interface PackedAnalysisParts {
  readonly profiles: PackedProfiles | undefined;
  readonly simulation: PackedSimulation;
  readonly source: SlotSource;
  /** Has, and fetches, code and the hashes of blocks. */
  readonly view: CommittedView;
  readonly now: () => number;
  readonly errors: AnalysisErrors;
  /** Told of every access set that profiles gave, and the gas of every simulation that counts. */
  readonly profiled: () => void;
  readonly simulated: (gas: number) => void;
  /** Whether the event loop should have a turn, and gives it one. */
  readonly isTurnOver: () => boolean;
  readonly yieldTurn: () => Promise<void>;
}

/** One message under work. */
interface Work {
  readonly draft: BatchDraft;
  readonly context: BlockContext;
  readonly arena: AccessArena;
  readonly wanted: WantedSlots;
  readonly codes: Uint8Array[];
  readonly hashes: Uint8Array[];
  /** Words read at this time or later serve, however old they are by then; ms. */
  readonly freshMs: number;
  /** Profiles could not be loaded: the rest is left to simulation. */
  lacksProfiles: boolean;
}

export class PackedAnalysis {
  private readonly parts: PackedAnalysisParts;
  private readonly cache = new WordCache(CACHE_ROWS);
  private readonly scan = new TxScan();
  private readonly senderKeys = new Uint8Array(3 * SLOT_KEY_BYTES);
  private readonly senderWords = new Uint8Array(3 * WORD_BYTES);
  private readonly guesses = new Uint8Array(GUESSES * WORD_BYTES);

  constructor(parts: PackedAnalysisParts) {
    this.parts = parts;
    writeBigInt(RICH, this.senderWords, 0);
  }

  /** Puts accesses by row into `arena`; a row that is missing there afterwards is not for this way. Rejects when the state does not answer. */
  async find(
    draft: BatchDraft,
    rows: readonly number[],
    context: BlockContext,
    arena: AccessArena,
  ): Promise<void> {
    const work: Work = {
      draft,
      context,
      arena,
      wanted: new WantedSlots(),
      codes: [],
      hashes: [],
      freshMs: this.parts.now() - CACHE_AGE_MS,
      lacksProfiles: false,
    };
    let open = rows;
    this.openProfiles(work);
    for (let round = 0; open.length > 0 && round < MAX_ROUNDS; round++) {
      const lacking: number[] = [];
      const mayGuess = Math.min(FIRST_GUESSES * 2 ** round, MOST_GUESSES);
      for (const row of open) {
        if (this.parts.isTurnOver()) {
          await this.parts.yieldTurn();
          // Another message may have had its turn meanwhile.
          this.openProfiles(work);
        }
        if (this.tryOnce(work, row, mayGuess) === Run.lacking) lacking.push(row);
      }
      if (lacking.length > 0) {
        await this.fetch(work);
        this.openProfiles(work);
      }
      open = lacking;
    }
  }

  /** Asks profiles, then the engine, as far as what is at hand and guesses take them. */
  private tryOnce(work: Work, row: number, mayGuess: number): number {
    const { raw } = work.draft;
    const { ends, blob } = raw;
    const start = row === 0 ? 0 : ends[row - 1]!;
    try {
      scanTransaction(blob, start, ends[row]! - start, this.scan);
    } catch (error) {
      if (error instanceof TxError) return Run.elsewhere;
      throw error;
    }
    const run = this.guarded("packed-profile", () => this.profile(work, row, blob));
    if (run !== Run.elsewhere) return run;
    return this.guarded("packed-simulation", () => this.simulate(work, row, blob, mayGuess));
  }

  /** What fails here is not for this way: no error of one transaction may reach the others of its message. */
  private guarded(stage: AnalysisStage, run: () => number): number {
    try {
      return run();
    } catch (error) {
      this.parts.errors.note(stage, error);
      return Run.elsewhere;
    }
  }

  private openProfiles(work: Work): void {
    this.parts.profiles?.open(work.context, {
      load: (keys, at, out, to) => {
        const found = this.cache.find(keys, at, work.freshMs);
        if (found < 0) {
          work.wanted.add(keys, at);
          // For storage the word last fetched of the same account: as likely as any to lead where the true one will.
          const guess = keys[at] === Domain.storage ? guessAt(keys, at) : -1;
          for (let i = 0; i < WORD_BYTES; i++) out[to + i] = guess < 0 ? 0 : this.guesses[guess + i]!;
        } else copyWord(this.cache.values, found, out, to);
        return found >= 0;
      },
      code: (bytes, at) => this.codeAt(work, bytes, at),
    });
  }

  private profile(work: Work, row: number, raw: Uint8Array): number {
    const { profiles, profiled } = this.parts;
    if (profiles === undefined || work.lacksProfiles) return Run.elsewhere;
    const outcome = profiles.run(raw, this.scan, work.draft.senders, row * 20);
    if (outcome === PackedOutcome.elsewhere) return Run.elsewhere;
    if (outcome === PackedOutcome.lacking) return Run.lacking;
    const { arena } = work;
    arena.begin(profiles.most);
    profiles.emit(arena);
    arena.finish(row);
    profiled();
    return Run.found;
  }

  private simulate(work: Work, row: number, blob: Uint8Array, mayGuess: number): number {
    const { simulation } = this.parts;
    const { senders } = work.draft;
    simulation.open(work.context);
    if (!simulation.begin(blob, this.scan, senders, row * 20)) return Run.elsewhere;
    this.preloadSender(senders, row * 20);
    let guesses = 0;
    for (;;) {
      const state = simulation.run();
      if (state === PackedState.refused) return guesses > 0 ? Run.lacking : Run.elsewhere;
      if (state === PackedState.done) break;
      if (state === PackedState.code ? this.supplyCode(work) : this.supplySlot(work)) continue;
      const isGuessable =
        state === PackedState.slot && simulation.bytes[simulation.missAt] !== Domain.blockHash;
      if (!isGuessable || ++guesses > mayGuess) return Run.lacking;
      this.supplyGuess();
    }
    if (guesses > 0) return Run.lacking;
    // What fails now may succeed behind a transaction that is under way: whoever knows both ways is to be asked.
    if (simulation.status === 0) return Run.elsewhere;
    this.take(work, row, blob);
    this.parts.simulated(simulation.gasUsed);
    return Run.found;
  }

  private preloadSender(senders: Uint8Array, at: number): void {
    const { senderKeys, senderWords, scan } = this;
    for (let i = 0; i < 3; i++) writeFieldKey(senderKeys, i * SLOT_KEY_BYTES, SENDER_FIELDS[i]!, senders, at);
    for (let i = 0, rest = scan.nonce; i < 7; i++, rest = Math.floor(rest / 256))
      senderWords[2 * WORD_BYTES - 1 - i] = rest & 0xff;
    this.parts.simulation.preload(3, senderKeys, senderWords);
  }

  /** Supplies the code that is missing, or notes that it is wanted (false). */
  private supplyCode(work: Work): boolean {
    const { simulation } = this.parts;
    const code = this.codeAt(work, simulation.bytes, simulation.missAt);
    if (code !== undefined) simulation.supplyCode(code);
    return code !== undefined;
  }

  /** The code by the hash prefix at `at`, or undefined and a note that it is wanted. */
  private codeAt(work: Work, bytes: Uint8Array, at: number): Uint8Array | undefined {
    const prefix = bytes.slice(at, at + CODE_PREFIX_BYTES);
    const code = this.parts.view.codeByPrefix(prefix);
    if (code === undefined) work.codes.push(prefix);
    return code;
  }

  /** Supplies the slot that is missing, or notes that it is wanted (false). */
  private supplySlot(work: Work): boolean {
    const { simulation, view } = this.parts;
    const { bytes, missAt } = simulation;
    if (bytes[missAt] === Domain.blockHash) {
      // Hashes of blocks are no state: the view knows where they are kept.
      const key = bytes.slice(missAt, missAt + SLOT_KEY_BYTES);
      const word = view.read(key);
      if (word === undefined) work.hashes.push(key);
      else simulation.supplySlot(word, 0);
      return word !== undefined;
    }
    const at = this.cache.find(bytes, missAt, work.freshMs);
    if (at < 0) work.wanted.add(bytes, missAt);
    else simulation.supplySlot(this.cache.values, at);
    return at >= 0;
  }

  /** For storage the word last fetched of the same account: as likely as any to lead the run where the true one will. */
  private supplyGuess(): void {
    const { simulation } = this.parts;
    const { bytes, missAt } = simulation;
    if (bytes[missAt] === Domain.storage) simulation.supplySlot(this.guesses, guessAt(bytes, missAt));
    else simulation.supplySlot(ZERO_WORD, 0);
  }

  /** Asks for all that is wanted, all slots in one request. */
  private async fetch(work: Work): Promise<void> {
    const { wanted, codes, hashes } = work;
    const { source, view, now } = this.parts;
    const { count } = wanted;
    const keys = wanted.keys.slice(0, count * SLOT_KEY_BYTES);
    wanted.clear();
    const [words] = await Promise.all([
      count === 0 ? ZERO_WORD : source.read(keys, count, -1),
      this.loadProfiles(work),
      ...codes.splice(0).map((prefix) => view.fetchCode(prefix)),
      ...hashes.splice(0).map((key) => view.fetch(key)),
    ]);
    const nowMs = now();
    for (let i = 0, key = 0, word = 0; i < count; i++, key += SLOT_KEY_BYTES, word += WORD_BYTES) {
      this.cache.put(keys, key, words, word, nowMs);
      if (keys[key] !== Domain.storage) continue;
      const to = guessAt(keys, key);
      for (let b = 0; b < WORD_BYTES; b++) this.guesses[to + b] = words[word + b]!;
    }
  }

  private async loadProfiles(work: Work): Promise<void> {
    try {
      await this.parts.profiles?.load();
    } catch (error) {
      this.parts.errors.note("profile-loading", error);
      work.lacksProfiles = true;
    }
  }

  /** The accesses of the run that is done, the sender's fields first. */
  private take({ arena, context, draft }: Work, row: number, raw: Uint8Array): void {
    const { simulation } = this.parts;
    const { senderKeys, scan } = this;
    const { senders } = draft;
    const { beneficiary } = context;
    const { bytes, count, keysAt, kindsAt } = simulation;
    const paysBeneficiary = scan.valueSize > 0 && sameAddress(raw, scan.toOffset, beneficiary, 0);
    arena.begin(count + 3);
    for (let i = 0; i < 3; i++)
      arena.add(senderKeys, i * SLOT_KEY_BYTES, i < 2 ? AccessKind.W : AccessKind.R);
    for (let i = 0, at = keysAt; i < count; i++, at += SLOT_KEY_BYTES) {
      let kind = bytes[kindsAt + i] as AccessKind;
      const domain = bytes[at]!;
      if (domain === Domain.blockHash) kind = AccessKind.H;
      else if (domain <= Domain.code) {
        if (domain === Domain.balance && sameAddress(bytes, at + 1, beneficiary, 0)) {
          // The fee is everyone's and is not listed; whoever looks at that balance adds the fee to it himself.
          if (kind === AccessKind.D && !paysBeneficiary) continue;
          if (kind === AccessKind.R) kind = AccessKind.W;
        }
        if (sameAddress(bytes, at + 1, senders, row * 20)) {
          arena.setKind(domain, joinKinds(arena.kindOf(domain), kind));
          continue;
        }
      }
      arena.add(bytes, at, kind);
    }
    arena.finish(row);
  }
}

function copyWord(from: Uint8Array, at: number, out: Uint8Array, to: number): void {
  for (let i = 0; i < WORD_BYTES; i++) out[to + i] = from[at + i]!;
}

/** Place of an account's guess, by the last bytes of its address. */
function guessAt(keys: Uint8Array, at: number): number {
  return ((keys[at + 20]! | (keys[at + 19]! << 8)) % GUESSES) * WORD_BYTES;
}

function sameAddress(a: Uint8Array, i: number, b: Uint8Array, j: number): boolean {
  for (let k = 0; k < 20; k++) if (a[i + k] !== b[j + k]) return false;
  return true;
}
