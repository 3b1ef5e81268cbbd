/** Memory of a frame whose values are expressions: pieces at constant offsets, in order, without overlap. */
import type { Bytes, ExpressionId, Part, StepId } from "../profile/format.ts";
import type { Expressions } from "./expressions.ts";

interface Piece extends Part {
  readonly at: number;
}

/** All of calldata or return data, copied whole: how proxies pass things on. */
interface Blob {
  readonly at: number;
  readonly source: { readonly kind: "calldata" } | { readonly kind: "returned"; readonly step: StepId };
}

/** Bytes beyond which an offset is no offset that compilers make. */
const MAX_OFFSET = 1 << 20;

export class SymbolicMemory {
  private pieces: Piece[] = [];
  private blob: Blob | undefined;

  clone(): SymbolicMemory {
    const copy = new SymbolicMemory();
    copy.pieces = this.pieces.slice();
    copy.blob = this.blob;
    return copy;
  }

  /** False when the offset is not one that can be followed. */
  static isOffset(value: bigint | undefined): value is bigint {
    return value !== undefined && value < MAX_OFFSET;
  }

  /** Writes `size` bytes of `value` from its byte `from`. */
  store(at: number, value: ExpressionId, from = 0, size = 32): void {
    if (size === 0) return;
    const end = at + size;
    const pieces: Piece[] = [];
    let placed = false;
    const place = (): void => {
      if (!placed) pieces.push({ at, value, from, size });
      placed = true;
    };
    for (const piece of this.pieces) {
      const pieceEnd = piece.at + piece.size;
      if (pieceEnd <= at) pieces.push(piece);
      else if (piece.at >= end) {
        place();
        pieces.push(piece);
      } else {
        if (piece.at < at) pieces.push({ ...piece, size: at - piece.at });
        place();
        if (pieceEnd > end)
          pieces.push({
            at: end,
            value: piece.value,
            from: piece.from + (end - piece.at),
            size: pieceEnd - end,
          });
      }
    }
    place();
    this.pieces = pieces;
    // A store into what was copied whole hides where it ends.
    if (this.blob !== undefined && end > this.blob.at) this.blob = undefined;
  }

  /** Everything from `at` on is what `source` holds, however long. */
  storeWhole(at: number, source: Blob["source"]): void {
    this.pieces = this.pieces.filter((piece) => piece.at + piece.size <= at);
    this.blob = { at, source };
  }

  /** The parts of `size` bytes from `at`, zeros where nothing was written; undefined inside something copied whole. */
  parts(at: number, size: number, expressions: Expressions): Part[] | undefined {
    const end = at + size;
    if (this.blob !== undefined && end > this.blob.at) return undefined;
    const parts: Part[] = [];
    let next = at;
    const zeros = (until: number): void => {
      for (; next < until; next += 32) {
        const count = Math.min(32, until - next);
        parts.push({ value: expressions.constant(0n), from: 0, size: count });
        if (count < 32) {
          next = until;
          break;
        }
      }
    };
    for (const piece of this.pieces) {
      if (piece.at + piece.size <= at) continue;
      if (piece.at >= end) break;
      if (piece.at > next) zeros(piece.at);
      const skipped = next - piece.at;
      const count = Math.min(piece.size - skipped, end - next);
      parts.push({ value: piece.value, from: piece.from + skipped, size: count });
      next += count;
    }
    if (next < end) zeros(end);
    return parts;
  }

  load(at: number, expressions: Expressions): ExpressionId | undefined {
    const parts = this.parts(at, 32, expressions);
    return parts === undefined ? undefined : expressions.joined(parts);
  }

  /** Bytes from a constant offset whose size is that of what was copied there whole. */
  whole(at: number): Bytes | undefined {
    return this.blob?.at === at ? this.blob.source : undefined;
  }
}
