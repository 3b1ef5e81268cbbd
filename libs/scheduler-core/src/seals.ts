/** Seals gathered while a frame is granted, per home shard. */
import { encode, F64Vector, U8Vector, U32Vector } from "@velarium/columns";
import { partitionOfId } from "@velarium/slots";
import { Seals } from "@velarium/wire";

class Batch {
  readonly hi = new U32Vector(64);
  readonly lo = new U32Vector(64);
  readonly modes = new U8Vector(64);
  readonly versions = new F64Vector(64);
  readonly genSeqs = new F64Vector(64);
  readonly genCounts = new U32Vector(64);
  readonly genLasts = new F64Vector(64);
}

export class SealBatches {
  sealed = 0;
  private readonly batches: Batch[];
  private readonly shardOfPartition: Uint8Array;

  constructor(shards: number, shardOfPartition: Uint8Array) {
    this.batches = Array.from({ length: shards }, () => new Batch());
    this.shardOfPartition = shardOfPartition;
  }

  add(hi: number, lo: number, mode: number, version: number, seq: number, count: number, last: number): void {
    const batch = this.batches[this.shardOfPartition[partitionOfId(hi)]!]!;
    batch.hi.push(hi);
    batch.lo.push(lo);
    batch.modes.push(mode);
    batch.versions.push(version);
    batch.genSeqs.push(seq);
    batch.genCounts.push(count);
    batch.genLasts.push(last);
    this.sealed++;
  }

  flush(epoch: number, send: (shard: number, bytes: Uint8Array) => void): void {
    for (let s = 0; s < this.batches.length; s++) {
      const batch = this.batches[s]!;
      if (batch.hi.length === 0) continue;
      const { hi, lo, modes, versions, genSeqs, genCounts, genLasts } = batch;
      send(
        s,
        encode(Seals, {
          epoch,
          hi: hi.view(),
          lo: lo.view(),
          modes: modes.view(),
          versions: versions.view(),
          genSeqs: genSeqs.view(),
          genCounts: genCounts.view(),
          genLasts: genLasts.view(),
        }),
      );
      for (const v of [hi, lo, modes, versions, genSeqs, genCounts, genLasts]) v.clear();
    }
  }
}
