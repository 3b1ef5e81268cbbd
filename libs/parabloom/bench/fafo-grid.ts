/**
 * FAFO's grid (arXiv 2507.10757): skew (number of hot addresses) × contention (probability that an end of a transfer
 * is one of them). For each cell the transaction-level parallelism, transactions per ejected frame, of the published
 * and the recommended geometry and of the exact oracle, in the same run on the same transactions.
 */
import { pathToFileURL } from "node:url";
import { AccessKind } from "@velarium/slots";
import {
  ExactPacker,
  type FramePacker,
  type Geometry,
  ParaBloom,
  PUBLISHED_GEOMETRY,
  RECOMMENDED_GEOMETRY,
} from "../src/index.ts";

export interface FafoGridOptions {
  readonly transactions: number;
  readonly accounts: number;
  readonly hot: readonly number[];
  readonly contention: readonly number[];
  /** Heats receivers as well as senders. */
  readonly bothEnds: boolean;
  readonly seed: number;
  readonly published: Geometry;
  readonly recommended: Geometry;
}

export const FAFO_GRID: FafoGridOptions = {
  transactions: 400_000,
  accounts: 1_000_000,
  hot: [10, 100, 1000, 10_000],
  contention: [0, 0.2, 0.4, 0.62, 0.8, 1],
  bothEnds: false,
  seed: 1,
  published: PUBLISHED_GEOMETRY,
  recommended: RECOMMENDED_GEOMETRY,
};

export interface FafoCell {
  readonly hot: number;
  readonly contention: number;
  readonly bothEnds: boolean;
  /** Transactions per ejected frame. */
  readonly publishedTlp: number;
  readonly recommendedTlp: number;
  readonly exactTlp: number;
  /** recommendedTlp / exactTlp. */
  readonly ofExact: number;
  /** Packing speed of the two filter geometries, millions of transactions per second on this core. */
  readonly publishedMtps: number;
  readonly recommendedMtps: number;
}

export interface PackResult {
  readonly tlp: number;
  readonly frames: number;
  readonly mtps: number;
}

/** Two slots per transaction, sender and receiver balance of a token: both written. */
export interface TransferColumns {
  readonly count: number;
  readonly hi: Uint32Array;
  readonly lo: Uint32Array;
  readonly kinds: Uint8Array;
}

/** SplitMix32-style finalizer: a bijection of 32-bit words. */
function mix(x: number): number {
  let z = x | 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

export function transferColumns(
  o: Pick<FafoGridOptions, "transactions" | "accounts" | "bothEnds" | "seed">,
  hot: number,
  contention: number,
): TransferColumns {
  const hi = new Uint32Array(o.transactions * 2);
  const lo = new Uint32Array(o.transactions * 2);
  const kinds = new Uint8Array(o.transactions * 2).fill(AccessKind.W);
  let state = mix(o.seed);
  const uniform = (): number => mix((state = (state + 0x9e3779b9) | 0)) / 0x1_0000_0000;
  const cold = Math.max(1, o.accounts - hot);
  const pick = (heated: boolean): number =>
    heated && uniform() < contention ? Math.floor(uniform() * hot) : hot + Math.floor(uniform() * cold);
  for (let t = 0; t < o.transactions; t++) {
    const sender = pick(true);
    let receiver = pick(o.bothEnds);
    if (receiver === sender) receiver = hot + ((sender + 1) % cold);
    lo[t * 2] = mix(sender);
    hi[t * 2] = mix(sender ^ 0x5bd1e995);
    lo[t * 2 + 1] = mix(receiver);
    hi[t * 2 + 1] = mix(receiver ^ 0x5bd1e995);
  }
  return { count: o.transactions, hi, lo, kinds };
}

/** Packs everything, ejecting the largest frame whenever nothing fits; frames still open at the end do not count. */
export function pack(packer: FramePacker, txs: TransferColumns): PackResult {
  const started = process.hrtime.bigint();
  let ejected = 0;
  let frames = 0;
  for (let t = 0; t < txs.count; t++) {
    while (packer.tryPlace(txs.hi, txs.lo, txs.kinds, t * 2, t * 2 + 2) < 0) {
      ejected += packer.eject(packer.largest());
      frames++;
    }
  }
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  // Too little contention to eject anything: the open frames are all there is to go by.
  const open = Math.max(
    1,
    Array.from({ length: packer.geometry.frames }, (_, f) => packer.sizeOf(f)).filter((n) => n > 0).length,
  );
  return { tlp: frames > 0 ? ejected / frames : txs.count / open, frames, mtps: txs.count / seconds / 1e6 };
}

/** Runs the grid and returns one row per cell, contention within hot. */
export function fafoGrid(options: Partial<FafoGridOptions> = {}): FafoCell[] {
  const o = { ...FAFO_GRID, ...options };
  const cells: FafoCell[] = [];
  for (const hot of o.hot) {
    for (const contention of o.contention) {
      const txs = transferColumns(o, hot, contention);
      const published = pack(new ParaBloom(o.published), txs);
      const recommended = pack(new ParaBloom(o.recommended), txs);
      const exact = pack(new ExactPacker(o.recommended), txs);
      cells.push({
        hot,
        contention,
        bothEnds: o.bothEnds,
        publishedTlp: published.tlp,
        recommendedTlp: recommended.tlp,
        exactTlp: exact.tlp,
        ofExact: recommended.tlp / exact.tlp,
        publishedMtps: published.mtps,
        recommendedMtps: recommended.mtps,
      });
    }
  }
  return cells;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const bothEnds of [false, true]) {
    console.log(bothEnds ? "both ends hot" : "senders hot");
    console.table(
      fafoGrid({ bothEnds }).map((c) => ({
        hot: c.hot,
        contention: c.contention,
        published: Math.round(c.publishedTlp),
        recommended: Math.round(c.recommendedTlp),
        exact: Math.round(c.exactTlp),
        "% of exact": Math.round(c.ofExact * 100),
        "published M/s": Number(c.publishedMtps.toFixed(1)),
        "recommended M/s": Number(c.recommendedMtps.toFixed(1)),
      })),
    );
  }
}
