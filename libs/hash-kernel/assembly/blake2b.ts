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

/** Message words in the order in which ten rounds take them: rows of 128 bytes. */
const SCHEDULE = memory.data(1280, 16);
const V = memory.data(128, 16);

/** Rounds per call of `mix`: a multiple of ten. An engine replaces a function by its optimised form only between calls. */
const ROUNDS_PER_CALL: u32 = 10_000;

/** Rounds on V, the first of the schedule first; the sixteen words stay in locals meanwhile. */
function mix(rounds: u32): void {
  let v0 = load<u64>(V);
  let v1 = load<u64>(V, 8);
  let v2 = load<u64>(V, 16);
  let v3 = load<u64>(V, 24);
  let v4 = load<u64>(V, 32);
  let v5 = load<u64>(V, 40);
  let v6 = load<u64>(V, 48);
  let v7 = load<u64>(V, 56);
  let v8 = load<u64>(V, 64);
  let v9 = load<u64>(V, 72);
  let v10 = load<u64>(V, 80);
  let v11 = load<u64>(V, 88);
  let v12 = load<u64>(V, 96);
  let v13 = load<u64>(V, 104);
  let v14 = load<u64>(V, 112);
  let v15 = load<u64>(V, 120);
  let m: usize = SCHEDULE;
  for (let r: u32 = 0; r < rounds; r++) {
    v0 += v4 + load<u64>(m);
    v12 = rotr<u64>(v12 ^ v0, 32);
    v8 += v12;
    v4 = rotr<u64>(v4 ^ v8, 24);
    v0 += v4 + load<u64>(m, 8);
    v12 = rotr<u64>(v12 ^ v0, 16);
    v8 += v12;
    v4 = rotr<u64>(v4 ^ v8, 63);
    v1 += v5 + load<u64>(m, 16);
    v13 = rotr<u64>(v13 ^ v1, 32);
    v9 += v13;
    v5 = rotr<u64>(v5 ^ v9, 24);
    v1 += v5 + load<u64>(m, 24);
    v13 = rotr<u64>(v13 ^ v1, 16);
    v9 += v13;
    v5 = rotr<u64>(v5 ^ v9, 63);
    v2 += v6 + load<u64>(m, 32);
    v14 = rotr<u64>(v14 ^ v2, 32);
    v10 += v14;
    v6 = rotr<u64>(v6 ^ v10, 24);
    v2 += v6 + load<u64>(m, 40);
    v14 = rotr<u64>(v14 ^ v2, 16);
    v10 += v14;
    v6 = rotr<u64>(v6 ^ v10, 63);
    v3 += v7 + load<u64>(m, 48);
    v15 = rotr<u64>(v15 ^ v3, 32);
    v11 += v15;
    v7 = rotr<u64>(v7 ^ v11, 24);
    v3 += v7 + load<u64>(m, 56);
    v15 = rotr<u64>(v15 ^ v3, 16);
    v11 += v15;
    v7 = rotr<u64>(v7 ^ v11, 63);
    v0 += v5 + load<u64>(m, 64);
    v15 = rotr<u64>(v15 ^ v0, 32);
    v10 += v15;
    v5 = rotr<u64>(v5 ^ v10, 24);
    v0 += v5 + load<u64>(m, 72);
    v15 = rotr<u64>(v15 ^ v0, 16);
    v10 += v15;
    v5 = rotr<u64>(v5 ^ v10, 63);
    v1 += v6 + load<u64>(m, 80);
    v12 = rotr<u64>(v12 ^ v1, 32);
    v11 += v12;
    v6 = rotr<u64>(v6 ^ v11, 24);
    v1 += v6 + load<u64>(m, 88);
    v12 = rotr<u64>(v12 ^ v1, 16);
    v11 += v12;
    v6 = rotr<u64>(v6 ^ v11, 63);
    v2 += v7 + load<u64>(m, 96);
    v13 = rotr<u64>(v13 ^ v2, 32);
    v8 += v13;
    v7 = rotr<u64>(v7 ^ v8, 24);
    v2 += v7 + load<u64>(m, 104);
    v13 = rotr<u64>(v13 ^ v2, 16);
    v8 += v13;
    v7 = rotr<u64>(v7 ^ v8, 63);
    v3 += v4 + load<u64>(m, 112);
    v14 = rotr<u64>(v14 ^ v3, 32);
    v9 += v14;
    v4 = rotr<u64>(v4 ^ v9, 24);
    v3 += v4 + load<u64>(m, 120);
    v14 = rotr<u64>(v14 ^ v3, 16);
    v9 += v14;
    v4 = rotr<u64>(v4 ^ v9, 63);
    m = m == SCHEDULE + 1152 ? SCHEDULE : m + 128;
  }
  store<u64>(V, v0);
  store<u64>(V, v1, 8);
  store<u64>(V, v2, 16);
  store<u64>(V, v3, 24);
  store<u64>(V, v4, 32);
  store<u64>(V, v5, 40);
  store<u64>(V, v6, 48);
  store<u64>(V, v7, 56);
  store<u64>(V, v8, 64);
  store<u64>(V, v9, 72);
  store<u64>(V, v10, 80);
  store<u64>(V, v11, 88);
  store<u64>(V, v12, 96);
  store<u64>(V, v13, 104);
  store<u64>(V, v14, 112);
  store<u64>(V, v15, 120);
}

/**
 * State h (64 bytes, little-endian words, updated in place), then message (128) and offset counter (16) behind it. A
 * call may pay for 2^32 rounds.
 */
export function blake2bCompress(rounds: u32, state: usize, isFinal: u32): void {
  const message = state + 64;
  const counter = message + 128;
  for (let i: usize = 0; i < 160; i++)
    store<u64>(SCHEDULE + (i << 3), load<u64>(message + <usize>load<u8>(SIGMA + i)));
  for (let i: usize = 0; i < 64; i += 8) {
    store<u64>(V + i, load<u64>(state + i));
    store<u64>(V + i, load<u64>(IV + i), 64);
  }
  store<u64>(V, load<u64>(V, 96) ^ load<u64>(counter), 96);
  store<u64>(V, load<u64>(V, 104) ^ load<u64>(counter, 8), 104);
  if (isFinal) store<u64>(V, ~load<u64>(V, 112), 112);
  for (let left = rounds; left > 0; ) {
    const now = min<u32>(left, ROUNDS_PER_CALL);
    mix(now);
    left -= now;
  }
  for (let i: usize = 0; i < 64; i += 8)
    store<u64>(state + i, load<u64>(state + i) ^ load<u64>(V + i) ^ load<u64>(V + i, 64));
}
