// Gas that a transaction owes for what it consists of.
import { INPUT } from "./bounds";
import { flags, setFloorGas, setIntrinsicGas } from "./execution";
import { TXFLAG_CREATE, TX_ACCESS_ADDRESSES, TX_AUTHORIZATIONS, TX_DATA_BYTES } from "./layout";
import { dataAt, listAt } from "./packed-transaction";
import { homestead, initcodeWordGas, istanbul, prague, shanghai } from "./rules";

function countZeros(at: usize, size: usize): u64 {
  let zeros: u64 = 0;
  let i: usize = 0;
  for (; i + 16 <= size; i += 16)
    zeros += popcnt<u32>(v128.bitmask<i8>(v128.eq<i8>(v128.load(at + i), i8x16.splat(0))));
  for (; i < size; i++) zeros += u64(load<u8>(at + i) == 0);
  return zeros;
}

/** Gas charged before execution, and the least that is paid (EIP-7623). */
export function oweGas(): void {
  const size = <u64>load<u32>(INPUT, TX_DATA_BYTES);
  const zeros = countZeros(dataAt(), <usize>size);
  const others = size - zeros;
  let gas: u64 = 21000 + zeros * 4 + others * (istanbul ? 16 : 68);
  if (flags & TXFLAG_CREATE) {
    if (homestead) gas += 32000;
    if (shanghai) gas += ((size + 31) >> 5) * <u64>initcodeWordGas;
  }
  let at = listAt();
  for (let i = load<u32>(INPUT, TX_ACCESS_ADDRESSES); i > 0; i--) {
    const keys = load<u32>(at, 20);
    gas += 2400 + <u64>keys * 1900;
    at += 24 + (<usize>keys << 5);
  }
  gas += <u64>load<u32>(INPUT, TX_AUTHORIZATIONS) * 25000;
  setIntrinsicGas(<i64>gas);
  setFloorGas(prague ? <i64>(21000 + 10 * (zeros + 4 * others)) : 0);
}
