import { describe, expect, it } from "@jest/globals";
import { CodeFilter, codeKeyHash, Domain, fieldKey, wordsOf } from "@velarium/slots";
import { UnwrittenCodes } from "../src/unwritten-codes.ts";

const key = (n: number, domain: Domain = Domain.code): Uint32Array =>
  wordsOf(fieldKey(domain, new Uint8Array(20).fill(n)));
const none = new Uint32Array(0);

/** A whole filter that holds `codes`. */
function whole(epoch: number, throughSeq: number, codes: readonly number[]) {
  const filter = new CodeFilter();
  for (const n of codes) filter.add(key(n), 0);
  return { epoch, sinceSeq: -1, throughSeq, ...filter.content() };
}
const addition = (epoch: number, sinceSeq: number, throughSeq: number, codes: readonly number[]) => ({
  epoch,
  sinceSeq,
  throughSeq,
  words: none,
  added: Uint32Array.from(codes, (n) => codeKeyHash(key(n), 0)),
});

describe("code slots that were never written", () => {
  it("are zero up to the seq the shard has told, in its epoch, on its shard", () => {
    const codes = new UnwrittenCodes();
    expect(codes.isZero(0, 3, 0, key(1), 0)).toBe(false);
    codes.take(0, whole(3, 100, [9]));
    expect(codes.isZero(0, 3, 100, key(1), 0)).toBe(true);
    expect(codes.isZero(0, 3, 101, key(1), 0)).toBe(false);
    expect(codes.isZero(0, 4, 100, key(1), 0)).toBe(false);
    expect(codes.isZero(1, 3, 100, key(1), 0)).toBe(false);
    expect(codes.isZero(0, 3, 100, key(9), 0)).toBe(false);
    expect(codes.isZero(0, 3, 100, key(1, Domain.balance), 0)).toBe(false);
  });

  it("follow block by block; what does not join on changes nothing", () => {
    const codes = new UnwrittenCodes();
    codes.take(0, whole(3, 100, []));
    codes.take(0, addition(3, 100, 200, [5]));
    expect([codes.isZero(0, 3, 200, key(5), 0), codes.isZero(0, 3, 200, key(6), 0)]).toEqual([false, true]);
    // One was lost in between, and one comes twice.
    codes.take(0, addition(3, 250, 300, []));
    codes.take(0, addition(3, 100, 200, [5]));
    expect([codes.isZero(0, 3, 201, key(6), 0), codes.isZero(0, 3, 200, key(6), 0)]).toEqual([false, true]);
    codes.take(0, addition(2, 200, 300, []));
    expect(codes.isZero(0, 3, 201, key(6), 0)).toBe(false);
  });

  it("begin anew with a greater epoch, and are not taken back by an older one", () => {
    const codes = new UnwrittenCodes();
    codes.take(0, whole(3, 100, [5]));
    codes.take(0, whole(4, 60, []));
    codes.take(0, whole(3, 500, []));
    expect([codes.isZero(0, 4, 60, key(5), 0), codes.isZero(0, 4, 61, key(5), 0)]).toEqual([true, false]);
    expect(codes.isZero(0, 3, 60, key(5), 0)).toBe(false);
  });
});
