// Hash of record keys: pair-multiply-shift over 32-bit halves with secret 64-bit coefficients (Dietzfelbinger 1996;
// Thorup, "High speed hashing for integers and strings"): its upper 32 bits are universal, so nobody who does not
// know the secret can pick keys that collide.

let k0: u64 = 1;
let k1: u64 = 1;
let k2: u64 = 1;
let k3: u64 = 1;
let k4: u64 = 1;
let k5: u64 = 1;
let k6: u64 = 1;
let k7: u64 = 1;
let k8: u64 = 1;
let k9: u64 = 1;

/** Takes 80 secret bytes. */
export function setSecret(at: usize): void {
  k0 = load<u64>(at);
  k1 = load<u64>(at, 8);
  k2 = load<u64>(at, 16);
  k3 = load<u64>(at, 24);
  k4 = load<u64>(at, 32);
  k5 = load<u64>(at, 40);
  k6 = load<u64>(at, 48);
  k7 = load<u64>(at, 56);
  k8 = load<u64>(at, 64);
  k9 = load<u64>(at, 72);
}

const M: u64 = 0xffffffff;

@inline
export function hashAddress(low: u64, mid: u64, high: u64): u32 {
  return <u32>(
    ((k0 + (low & M)) * (k1 + (low >> 32)) + (k2 + (mid & M)) * (k3 + (mid >> 32)) + (k4 + high) * k5) >> 32
  );
}

/** Four limbs and one more number of 64 bits. */
@inline
export function hashKey(a: u64, b: u64, c: u64, d: u64, e: u64): u32 {
  return <u32>(
    ((k0 + (a & M)) * (k1 + (a >> 32)) +
      (k2 + (b & M)) * (k3 + (b >> 32)) +
      (k4 + (c & M)) * (k5 + (c >> 32)) +
      (k6 + (d & M)) * (k7 + (d >> 32)) +
      (k8 + (e & M)) * (k9 + (e >> 32))) >>
    32
  );
}
