/** Loops of arithmetic, written here in bytes: what compilation does where no state is touched. */
import { CALL_GAS, numberedAddress, type Workload, wordOf } from "./workload.ts";

const TURNS = 20_000;
const CALLER = numberedAddress(1, 0);

/**
 * A function of one number: `start` puts the initial values on the stack above the count n, `turn` is run n times on
 * them, and what is on top at the end is returned.
 */
function loopCode(start: readonly number[], turn: readonly number[], values: number): Uint8Array {
  const head = [0x5f, 0x35, ...start];
  const loopAt = head.length;
  const dupCount = 0x80 + values;
  const swapCount = 0x90 + values - 1;
  // n = n - 1, at the bottom: bring it up, count, put it back.
  const count = [swapCount, 0x60, 1, 0x90, 0x03, swapCount];
  const bodyBytes = 1 + 2 + 3 + 1 + turn.length + count.length + 3 + 1;
  const end = loopAt + bodyBytes;
  const body = [
    0x5b,
    dupCount,
    0x15,
    0x61,
    end >> 8,
    end & 0xff,
    0x57,
    ...turn,
    ...count,
    0x61,
    loopAt >> 8,
    loopAt & 0xff,
    0x56,
  ];
  return Uint8Array.from([...head, ...body, 0x5b, 0x5f, 0x52, 0x60, 32, 0x5f, 0xf3]);
}

/** Two values a, b become b, a + b. */
const FIBONACCI = loopCode([0x5f, 0x60, 1], [0x80, 0x91, 0x01], 2);

const ODD = [...wordOf(0x9e3779b97f4a7c15f39cc0605cedc8341082276bf3a27251f86c6a11d0c18e95n)];
/** One value x becomes y ^ (y >> 29) with y = x · an odd constant. */
const MULTIPLY = loopCode([0x60, 1], [0x7f, ...ODD, 0x02, 0x80, 0x60, 29, 0x1c, 0x18], 1);

function loop(name: string, code: Uint8Array, index: number): Workload {
  const to = numberedAddress(3, index);
  return {
    name,
    targets: { compiled: 200, overInterpreter: 4 },
    accounts: [{ address: to, nonce: 1n, code }],
    calls: [{ caller: CALLER, to, value: 0n, data: wordOf(TURNS), gasLimit: CALL_GAS }],
    turnsPerCall: TURNS,
  };
}

export const fibonacciLoop = (): Workload => loop("fib loop", FIBONACCI, 0);
export const multiplyLoop = (): Workload => loop("multiply and xorshift loop", MULTIPLY, 1);
