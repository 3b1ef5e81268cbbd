import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { BytesVector } from "@velarium/columns";
import { encodeTransaction, placeholderSignature, recoverSenders, signTransaction } from "@velarium/tx-codec";
import { RecoveryPool } from "../src/recovery-pool.ts";

const key = (n: number): Uint8Array => new Uint8Array(32).fill(1 + (n % 200));
const fields = (n: number) => ({
  type: 2,
  chainId: 7,
  nonce: n,
  gasLimit: 21_000,
  maxFeePerGas: 9,
  maxPriorityFeePerGas: 1,
  to: new Uint8Array(20).fill(n % 251),
  value: n,
});

/** Signed transactions with refused ones (no RLP, unrecoverable) and verified ones in between. */
function column(count: number) {
  const raw = new BytesVector();
  const verified = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    if (i % 7 === 3) raw.push(Uint8Array.of(0xc0 + (i % 5)));
    else if (i % 11 === 5) {
      raw.push(encodeTransaction(fields(i), placeholderSignature(new Uint8Array(20).fill(i % 250))));
      verified[i] = i % 2;
    } else raw.push(signTransaction(fields(i), key(i)));
  }
  return { raw: raw.view(), verified };
}

describe("recovery on threads", () => {
  let pool: RecoveryPool;
  beforeAll(() => {
    pool = new RecoveryPool(2);
  });
  afterAll(() => pool.stop());

  it("gives what one thread gives, for every length and for messages side by side", async () => {
    const columns = [0, 1, 63, 64, 65, 300].map(column);
    const given = await Promise.all(columns.map(({ raw, verified }) => pool.recover(raw, verified)));
    columns.forEach(({ raw, verified }, i) => {
      expect(given[i]).toEqual(recoverSenders(raw, { skip: verified }));
    });
    expect(pool.runningThreads).toBe(2);
    expect(pool.rows).toBe(493);
  });

  it("leaves only rows marked 1 out", async () => {
    const raw = new BytesVector();
    for (let i = 0; i < 3; i++) raw.push(signTransaction(fields(i), key(i)));
    const { statuses, senders } = await pool.recover(raw.view(), Uint8Array.of(0, 1, 2));
    expect([...statuses]).toEqual([0, 0, 0]);
    const isZero = (row: number): boolean => senders.subarray(row * 20, row * 20 + 20).every((b) => b === 0);
    expect([0, 1, 2].map(isZero)).toEqual([false, true, false]);
  });

  it("fails what is under way when it stops, and whatever comes later", async () => {
    const stopped = new RecoveryPool(1);
    const { raw, verified } = column(200);
    const running = stopped.recover(raw, verified);
    const failed = expect(running).rejects.toThrow(/recovery thread/);
    await stopped.stop();
    await failed;
    await expect(Promise.resolve(stopped.recover(raw, verified))).rejects.toThrow(/stopped/);
  });
});
