import { describe, expect, it } from "@jest/globals";
import { AccessKind } from "@velarium/slots";
import { Outcome, Reason, Shape } from "@velarium/wire";
import { type AnalyzedMessage, analyzedOf, ClusterModel } from "./cluster-model.ts";

describe("a returned transaction", () => {
  it("comes back with what it declared joined with what it accessed", () => {
    const model = new ClusterModel();
    const { framer } = model;
    framer.analyzed(analyzedOf(1, [{ sender: 1, nonce: 0, to: 2 }]) as unknown as AnalyzedMessage);
    model.step(0); // the nonce is read, the transaction framed at once
    const first = model.frames.at(-1)!;
    expect(first.shapes[0]).toBe(Shape.transfer);
    // It read one slot more, and the recipient's balance (declared D) as well.
    const other = analyzedOf(2, [{ sender: 7, nonce: 0, to: 2, storage: [[3, AccessKind.R]] }]);
    const learnedKeys = other.keys.slice(4 * 56, 6 * 56);
    framer.receipts({
      epoch: 0,
      block: first.block,
      seqs: Float64Array.of(first.firstSeq),
      outcomes: Uint8Array.of(Outcome.returned),
      reasons: Uint8Array.of(Reason.diverged),
      statuses: new Uint8Array(1),
      gasUsed: new Float64Array(1),
      blobGas: new Float64Array(1),
      logs: { ends: new Uint32Array(1), blob: new Uint8Array(0) },
      learnedEnds: Uint32Array.of(2),
      learnedHi: other.accessHi.slice(4, 6),
      learnedLo: other.accessLo.slice(4, 6),
      learnedKinds: Uint8Array.of(AccessKind.R, AccessKind.R),
      learnedKeys,
    });
    const second = model.frames.at(-1)!;
    expect(second).not.toBe(first);
    expect(second.attempts[0]).toBe(1);
    expect(second.shapes[0]).toBe(Shape.general);
    expect([...second.accessKinds]).toEqual([
      ...[AccessKind.W, AccessKind.W, AccessKind.R, AccessKind.R, AccessKind.W],
      AccessKind.R,
    ]);
    expect(second.keys.slice(4 * 56)).toEqual(learnedKeys);
    expect([second.accessHi[4], second.accessLo[5]]).toEqual([other.accessHi[4], other.accessLo[5]]);
  });
});
