import { describe, expect, it } from "@jest/globals";
import { AccessKind, Domain, fieldKey } from "@velarium/slots";
import { Outcome, Reason, Shape } from "@velarium/wire";
import { type AnalyzedMessage, addressOf, analyzedOf, ClusterModel } from "./cluster-model.ts";

const key = (domain: Domain, who: number): Uint8Array => fieldKey(domain, addressOf(who));

describe("a returned transaction", () => {
  it.each([
    ["transfer", { sender: 1, nonce: 0, to: 2 }],
    ["call", { sender: 1, nonce: 0, to: 2, storage: [] }],
  ] as const)("comes back with what it declared joined with what it accessed: %s", (shape, tx) => {
    const model = new ClusterModel();
    const { framer } = model;
    framer.analyzed(analyzedOf(1, [tx]) as unknown as AnalyzedMessage);
    model.step(0); // the nonce is read, the transaction framed at once
    const first = model.frames.at(-1)!;
    expect(first.shapes[0]).toBe(Shape[shape]);
    // It read one slot more, and the recipient's balance (declared D) as well.
    const other = analyzedOf(2, [{ sender: 7, nonce: 0, to: 2, storage: [[3, AccessKind.R]] }]);
    const learnedKeys = other.keys.slice(56, 3 * 56);
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
    const { balance, nonce, code } = Domain;
    const declared = [key(balance, 1), key(nonce, 1), key(code, 1), key(code, 2)];
    expect(Buffer.from(second.keys)).toEqual(Buffer.concat([...declared, learnedKeys]));
    expect([second.accessHi[4], second.accessLo[5]]).toEqual([other.accessHi[4], other.accessLo[5]]);
  });
});
