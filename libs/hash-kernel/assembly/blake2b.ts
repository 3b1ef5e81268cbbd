// The compression function of BLAKE2b (RFC 7693, section 3.2) with any number of rounds (EIP-152).

const IV = memory.data<u64>([
  0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
  0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
]);

// Message word of each half step, times 8: ten rounds of sixteen, then they repeat.
const SIGMA = memory.data<u8>([
  0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120,
  112, 80, 32, 64, 72, 120, 104, 48, 8, 96, 0, 16, 88, 56, 40, 24,
  88, 64, 96, 0, 40, 16, 120, 104, 80, 112, 24, 48, 56, 8, 72, 32,
  56, 72, 24, 8, 104, 96, 88, 112, 16, 48, 40, 80, 32, 0, 120, 64,
  72, 0, 40, 56, 16, 32, 80, 120, 112, 8, 88, 96, 48, 64, 24, 104,
  16, 96, 48, 80, 0, 88, 64, 24, 32, 104, 56, 40, 120, 112, 8, 72,
  96, 40, 8, 120, 112, 104, 32, 80, 0, 56, 48, 24, 72, 16, 64, 88,
  104, 88, 56, 112, 96, 8, 24, 72, 40, 0, 120, 32, 64, 48, 16, 80,
  48, 120, 112, 72, 88, 24, 0, 64, 96, 16, 104, 56, 8, 32, 80, 40,
  80, 16, 64, 32, 56, 48, 8, 40, 120, 88, 72, 112, 24, 96, 104, 0,
]);

const V = memory.data(128, 16);

// @ts-ignore: decorator
@inline
function mix(a: usize, b: usize, c: usize, d: usize, x: u64, y: u64): void {
  let va = load<u64>(V + a) + load<u64>(V + b) + x;
  let vd = rotr<u64>(load<u64>(V + d) ^ va, 32);
  let vc = load<u64>(V + c) + vd;
  let vb = rotr<u64>(load<u64>(V + b) ^ vc, 24);
  va = va + vb + y;
  vd = rotr<u64>(vd ^ va, 16);
  vc = vc + vd;
  vb = rotr<u64>(vb ^ vc, 63);
  store<u64>(V + a, va);
  store<u64>(V + b, vb);
  store<u64>(V + c, vc);
  store<u64>(V + d, vd);
}

// @ts-ignore: decorator
@inline
function word(message: usize, sigma: usize, i: usize): u64 {
  return load<u64>(message + <usize>load<u8>(sigma + i));
}

/** State h (64 bytes, little-endian words, updated in place), then message (128) and offset counter (16) behind it. */
export function blake2bCompress(rounds: u32, state: usize, isFinal: u32): void {
  const message = state + 64;
  const counter = message + 128;
  for (let i: usize = 0; i < 64; i += 8) {
    store<u64>(V + i, load<u64>(state + i));
    store<u64>(V + i, load<u64>(IV + i), 64);
  }
  store<u64>(V, load<u64>(V, 96) ^ load<u64>(counter), 96);
  store<u64>(V, load<u64>(V, 104) ^ load<u64>(counter, 8), 104);
  if (isFinal) store<u64>(V, ~load<u64>(V, 112), 112);
  let sigma: usize = SIGMA;
  for (let r: u32 = 0; r < rounds; r++) {
    mix(0, 32, 64, 96, word(message, sigma, 0), word(message, sigma, 1));
    mix(8, 40, 72, 104, word(message, sigma, 2), word(message, sigma, 3));
    mix(16, 48, 80, 112, word(message, sigma, 4), word(message, sigma, 5));
    mix(24, 56, 88, 120, word(message, sigma, 6), word(message, sigma, 7));
    mix(0, 40, 80, 120, word(message, sigma, 8), word(message, sigma, 9));
    mix(8, 48, 88, 96, word(message, sigma, 10), word(message, sigma, 11));
    mix(16, 56, 64, 104, word(message, sigma, 12), word(message, sigma, 13));
    mix(24, 32, 72, 112, word(message, sigma, 14), word(message, sigma, 15));
    sigma += 16;
    if (sigma == SIGMA + 160) sigma = SIGMA;
  }
  for (let i: usize = 0; i < 64; i += 8)
    store<u64>(state + i, load<u64>(state + i) ^ load<u64>(V + i) ^ load<u64>(V + i, 64));
}
