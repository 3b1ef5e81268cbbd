/** Traced frames that are dispatched and not complete, in order. */
import type { FrameWatch } from "./options.ts";

export class FrameWatches {
  private readonly watched: { readonly lastSeq: number; readonly watch: FrameWatch }[] = [];

  /** A frame has been dispatched through `lastSeq`. */
  add(lastSeq: number, watch: FrameWatch): void {
    watch.dispatched();
    this.watched.push({ lastSeq, watch });
  }

  /** Everything through a seq is complete. */
  completeThrough(seq: number): void {
    const { watched } = this;
    let done = 0;
    while (done < watched.length && watched[done]!.lastSeq <= seq) watched[done++]!.watch.completed();
    if (done > 0) watched.splice(0, done);
  }
}
