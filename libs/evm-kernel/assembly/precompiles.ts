// Precompiled contracts: identity here, the rest in the host.
import { RETURNS, RETURNS_END } from "./bounds";
import { setLimited, setReturnBytes } from "./execution";
import { keepReturn } from "./frames";

/**
 * Runs precompile `id` of the host on `size` bytes at `input`. Returns the gas used, with the output at `output`, its
 * size then told by `precompileOutput`; or -1 when it fails or costs more than `gas`; or -2 when the output is larger
 * than `room`.
 */
@external("host", "precompile")
declare function hostPrecompile(id: i32, input: usize, size: usize, gas: f64, output: usize, room: usize): f64;

let outputBytes: usize = 0;
/** Called by the host before `precompile` returns. */
export function precompileOutput(size: usize): void {
  outputBytes = size;
}

/** Gas left, output kept as return data; -1 on failure. */
export function runPrecompile(id: i32, input: usize, size: usize, gas: i64): i64 {
  if (id == 4) {
    gas -= 15 + 3 * <i64>((<u64>size + 31) >> 5);
    if (gas < 0) return -1;
    keepReturn(input, size);
    return gas;
  }
  outputBytes = 0;
  // Gas beyond 2^53 is as good as 2^53.
  const available = <f64>min<i64>(gas, 1 << 53);
  const used = hostPrecompile(id, input, size, available, RETURNS, RETURNS_END - RETURNS);
  if (used == -2) {
    setLimited(true);
    return -1;
  }
  if (used < 0) return -1;
  setReturnBytes(outputBytes);
  return gas - <i64>used;
}
