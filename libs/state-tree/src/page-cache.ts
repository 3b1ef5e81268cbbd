/**
 * Pages of the entry log in memory, up to a limit in bytes, replaced by CLOCK. Entries are 128-byte aligned in the
 * log, so none straddles a page. The head of the log enters the cache as it is written: what is hot was written
 * lately or is read from there. Page numbers map to frames by a flat array (4 bytes per 4 KiB of log).
 */
export const PAGE_BYTES = 4096;
const PAGE_WORDS_SHIFT = 10;
const PAGE_WORDS = 1 << PAGE_WORDS_SHIFT;
const SLAB_SHIFT = 8;
const SLAB_PAGES = 1 << SLAB_SHIFT;
/** Entries that are located at once. */
export const LOCATED = 64;

export class PageCache {
  private readonly limit: number;
  private readonly slabs: Uint32Array[] = [];
  private readonly pageOfFrame: Float64Array;
  private readonly used: Uint8Array;
  private frameOfPage = new Int32Array(1024).fill(-1);
  /** Of the entries located: frame, -1 without one, and first word in its page. */
  private readonly frames = new Int32Array(LOCATED);
  private readonly offsets = new Int32Array(LOCATED);
  /** Pages admitted, and how many when entries were located: a frame may be another page's since. */
  private admitted = 0;
  private located = 0;
  private framesUsed = 0;
  private hand = 0;
  hits = 0;
  misses = 0;
  /** Keeps the loads of `locate` from being left out. */
  touched = 0;
  /** Where the last lookup found its page: words of the slab and the page's first word. */
  words: Uint32Array = new Uint32Array(0);
  at = 0;

  constructor(bytes: number) {
    this.limit = Math.max(16, Math.floor(bytes / PAGE_BYTES));
    this.pageOfFrame = new Float64Array(this.limit).fill(-1);
    this.used = new Uint8Array(this.limit);
  }

  /** True, with `words` and `at` set, when the page is cached. */
  find(page: number): boolean {
    const frame = page < this.frameOfPage.length ? this.frameOfPage[page]! : -1;
    if (frame < 0) return false;
    this.used[frame] = 1;
    this.point(frame);
    return true;
  }

  /**
   * Notes for `copy` where the entries `from` to `to` at `positions` stand, up to LOCATED of them, and loads the word `word` of
   * each, so that it is in the processor's cache: first all frames, then all words, because only loads without branches
   * between them are waited for together. Positions below 0 or from `end` on are left out, as pages that are not cached.
   */
  locate(positions: Float64Array, from: number, to: number, end: number, word: number): void {
    const { frames, offsets, frameOfPage, slabs, used } = this;
    const pages = frameOfPage.length;
    for (let k = from; k < to; k++) {
      const position = positions[k]!;
      const page = position >= 0 && position < end ? Math.floor(position / PAGE_BYTES) : pages;
      frames[k - from] = page < pages ? frameOfPage[page]! : -1;
      // No remainder: that of a double is a call.
      offsets[k - from] = (position - page * PAGE_BYTES) >> 2;
    }
    let touched = 0;
    const count = to - from;
    for (let i = 0; i < count; i++) {
      const frame = frames[i]!;
      if (frame < 0) continue;
      used[frame] = 1;
      touched ^=
        slabs[frame >> SLAB_SHIFT]![((frame & (SLAB_PAGES - 1)) << PAGE_WORDS_SHIFT) + offsets[i]! + word]!;
    }
    this.touched = touched;
    this.located = this.admitted;
  }

  /** Copies `count` words from `word` on of the `i`-th entry located; false when it is not cached, or no more. */
  copy(i: number, word: number, count: number, out: Uint32Array, to: number): boolean {
    const frame = this.frames[i]!;
    if (frame < 0 || this.located !== this.admitted) return false;
    const slab = this.slabs[frame >> SLAB_SHIFT]!;
    const at = ((frame & (SLAB_PAGES - 1)) << PAGE_WORDS_SHIFT) + this.offsets[i]! + word;
    for (let j = 0; j < count; j++) out[to + j] = slab[at + j]!;
    this.hits++;
    return true;
  }

  /** Gives a frame to a page that is not cached; the caller fills it through `words` and `at`. */
  admit(page: number): void {
    this.admitted++;
    let frame = this.framesUsed;
    if (frame < this.limit) {
      this.framesUsed++;
      if (frame % SLAB_PAGES === 0)
        this.slabs.push(new Uint32Array(Math.min(SLAB_PAGES, this.limit - frame) * PAGE_WORDS));
    } else {
      while (this.used[this.hand] === 1) {
        this.used[this.hand] = 0;
        this.hand = this.hand + 1 === this.limit ? 0 : this.hand + 1;
      }
      frame = this.hand;
      this.hand = this.hand + 1 === this.limit ? 0 : this.hand + 1;
      const old = this.pageOfFrame[frame]!;
      if (old >= 0) this.frameOfPage[old] = -1;
    }
    if (page >= this.frameOfPage.length) {
      const larger = new Int32Array(Math.ceil((page + 1) * 1.25)).fill(-1);
      larger.set(this.frameOfPage);
      this.frameOfPage = larger;
    }
    this.frameOfPage[page] = frame;
    this.pageOfFrame[frame] = page;
    this.point(frame);
  }

  /** Copies bytes just appended to the log at `position` into their pages; a page whose beginning is unknown is left out. */
  fill(position: number, bytes: Uint8Array): void {
    // More than the cache holds would only push itself out.
    const skip = Math.max(0, bytes.length - this.limit * PAGE_BYTES);
    let at = skip - (skip % PAGE_BYTES);
    while (at < bytes.length) {
      const page = Math.floor((position + at) / PAGE_BYTES);
      const inPage = position + at - page * PAGE_BYTES;
      const length = Math.min(PAGE_BYTES - inPage, bytes.length - at);
      let cached = this.find(page);
      if (!cached && inPage === 0) {
        this.admit(page);
        cached = true;
      }
      if (cached) {
        const to = new Uint8Array(this.words.buffer, this.at * 4 + inPage, length);
        to.set(bytes.subarray(at, at + length));
      }
      at += length;
    }
  }

  /** Forgets every page at or after a position (the log was cut there). */
  forgetFrom(position: number): void {
    this.admitted++;
    for (let page = Math.floor(position / PAGE_BYTES); page < this.frameOfPage.length; page++) {
      const frame = this.frameOfPage[page]!;
      if (frame < 0) continue;
      this.frameOfPage[page] = -1;
      this.pageOfFrame[frame] = -1;
      this.used[frame] = 0;
    }
  }

  get bytes(): number {
    let bytes = this.frameOfPage.byteLength + this.pageOfFrame.byteLength + this.used.byteLength;
    for (const slab of this.slabs) bytes += slab.byteLength;
    return bytes;
  }

  private point(frame: number): void {
    this.words = this.slabs[(frame / SLAB_PAGES) | 0]!;
    this.at = (frame % SLAB_PAGES) * PAGE_WORDS;
  }
}
