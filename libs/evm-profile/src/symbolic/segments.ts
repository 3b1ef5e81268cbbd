/** Segments without duplicates: paths that come to the same share their end. */
import type { Segment, SegmentId, Step } from "../profile/format.ts";

export class SegmentTable {
  readonly all: Segment[] = [];
  private readonly ids = new Map<string, SegmentId>();

  intern(segment: Segment): SegmentId {
    const name = JSON.stringify(segment);
    const known = this.ids.get(name);
    if (known !== undefined) return known;
    this.all.push(segment);
    this.ids.set(name, this.all.length - 1);
    return this.all.length - 1;
  }

  /** Nothing is touched before it fails. */
  onlyFails(id: SegmentId): boolean {
    const { steps, end } = this.all[id]!;
    return end.kind === "revert" && steps.every(({ kind }) => kind === "guard");
  }

  /** `steps` before what segment `id` does. */
  prepend(steps: readonly Step[], id: SegmentId): SegmentId {
    if (steps.length === 0) return id;
    const { steps: after, end } = this.all[id]!;
    return this.intern({ steps: [...steps, ...after], end });
  }
}
