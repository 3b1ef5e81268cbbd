/** Inputs for every precompile: valid ones, and ways to spoil them. */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { bn254 } from "@noble/curves/bn254.js";
import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";

/** Numbers from a seed, so that a failure can be repeated. */
export class Random {
  private state: number;
  constructor(seed: number) {
    this.state = seed >>> 0 || 1;
  }
  next(): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return this.state >>> 0;
  }
  below(n: number): number {
    return this.next() % n;
  }
  bytes(size: number): Uint8Array {
    return Uint8Array.from({ length: size }, () => this.below(256));
  }
  scalar(order: bigint): bigint {
    return (BigInt(`0x${Buffer.from(this.bytes(40)).toString("hex")}`) % (order - 1n)) + 1n;
  }
}

export const word = (value: bigint, size = 32): Uint8Array =>
  Uint8Array.from(Buffer.from(value.toString(16).padStart(2 * size, "0"), "hex"));
export const join = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));

const BN_ORDER = bn254.fields.Fr.ORDER;
const BLS_ORDER = bls12_381.fields.Fr.ORDER;

export function bnG1(random: Random): Uint8Array {
  if (random.below(6) === 0) return new Uint8Array(64);
  const { x, y } = bn254.G1.Point.BASE.multiply(random.scalar(BN_ORDER)).toAffine();
  return join(word(x), word(y));
}
export function bnG2(random: Random): Uint8Array {
  if (random.below(6) === 0) return new Uint8Array(128);
  const { x, y } = bn254.G2.Point.BASE.multiply(random.scalar(BN_ORDER)).toAffine();
  return join(word(x.c1), word(x.c0), word(y.c1), word(y.c0));
}
export function blsG1(random: Random): Uint8Array {
  if (random.below(6) === 0) return new Uint8Array(128);
  const { x, y } = bls12_381.G1.Point.BASE.multiply(random.scalar(BLS_ORDER)).toAffine();
  return join(word(x, 64), word(y, 64));
}
export function blsG2(random: Random): Uint8Array {
  if (random.below(6) === 0) return new Uint8Array(256);
  const { x, y } = bls12_381.G2.Point.BASE.multiply(random.scalar(BLS_ORDER)).toAffine();
  return join(word(x.c0, 64), word(x.c1, 64), word(y.c0, 64), word(y.c1, 64));
}

/** A point of the curve that is (almost surely) outside the subgroup. */
export function blsG1Outside(random: Random): Uint8Array {
  const { Fp } = bls12_381.fields;
  for (let x = random.scalar(Fp.ORDER); ; x = (x + 1n) % Fp.ORDER) {
    const square = Fp.add(Fp.mul(Fp.sqr(x), x), 4n);
    try {
      return join(word(x, 64), word(Fp.sqrt(square), 64));
    } catch {
      // Not a square: the next x.
    }
  }
}

/** Two pairs whose pairings multiply to one: e(aG, bH) · e(−abG, H). */
export function bnPairsToOne(random: Random): Uint8Array {
  const [a, b] = [random.scalar(BN_ORDER), random.scalar(BN_ORDER)];
  const p = bn254.G1.Point.BASE.multiply(a).toAffine();
  const q = bn254.G2.Point.BASE.multiply(b).toAffine();
  const r = bn254.G1.Point.BASE.multiply((a * b) % BN_ORDER)
    .negate()
    .toAffine();
  const h = bn254.G2.Point.BASE.toAffine();
  const g2 = (t: typeof q) => join(word(t.x.c1), word(t.x.c0), word(t.y.c1), word(t.y.c0));
  return join(word(p.x), word(p.y), g2(q), word(r.x), word(r.y), g2(h));
}

const MODEXP_SIZES = [0, 1, 2, 3, 31, 32, 33, 64, 65, 200];
function modexpInput(random: Random): Uint8Array {
  const pick = () => MODEXP_SIZES[random.below(MODEXP_SIZES.length)]!;
  const [b, e, m] = [pick(), pick(), pick()];
  const exponent = random.bytes(e);
  if (random.below(3) === 0) exponent.fill(0, 0, Math.max(0, e - random.below(4)));
  const modulus = random.bytes(m);
  if (random.below(6) === 0) modulus.fill(0);
  const length = (size: number) => {
    const odd = random.below(40);
    return word(odd === 0 ? 2n ** 64n : odd === 1 ? 2n ** 255n : odd === 2 ? 1025n : BigInt(size));
  };
  return join(length(b), length(e), length(m), random.bytes(b), exponent, modulus);
}

function ecrecoverInput(random: Random): Uint8Array {
  const key = word(random.scalar(secp256k1.Point.Fn.ORDER));
  const hash = random.bytes(32);
  const signature = secp256k1.sign(hash, key, { prehash: false, format: "recovered" });
  const v = new Uint8Array(32);
  v[31] = 27 + (random.below(8) === 0 ? random.below(4) : signature[0]!);
  return join(hash, v, signature.subarray(1));
}

function p256Input(random: Random): Uint8Array {
  const key = word(random.scalar(p256.Point.Fn.ORDER));
  const hash = random.bytes(32);
  const signature = p256.sign(hash, key, { prehash: false, lowS: false });
  return join(hash, signature, p256.getPublicKey(key, false).subarray(1));
}

const FR = BLS_ORDER;
/** A commitment to the constant polynomial c: its value is c everywhere, its proof is infinity. */
function pointEvaluationInput(
  random: Random,
  versionedHash: (commitment: Uint8Array) => Uint8Array,
): Uint8Array {
  const c = random.scalar(FR);
  const commitment = bls12_381.G1.Point.BASE.multiply(c).toBytes(true);
  const infinity = new Uint8Array(48);
  infinity[0] = 0xc0;
  const y = random.below(4) === 0 ? c ^ 1n : c;
  return join(versionedHash(commitment), word(random.scalar(FR)), word(y), commitment, infinity);
}

function pairs(random: Random, most: number, pair: () => Uint8Array): Uint8Array {
  const count = random.below(most + 1);
  return join(...Array.from({ length: count }, pair));
}

/** A valid, or almost valid, input of precompile `id`. */
export function inputFor(
  id: number,
  random: Random,
  versionedHash: (commitment: Uint8Array) => Uint8Array,
): Uint8Array {
  switch (id) {
    case 0x01:
      return ecrecoverInput(random);
    case 0x05:
      return modexpInput(random);
    case 0x06:
      return join(bnG1(random), bnG1(random));
    case 0x07:
      return join(bnG1(random), random.bytes(32));
    case 0x08:
      return random.below(2) === 0
        ? bnPairsToOne(random)
        : pairs(random, 2, () => join(bnG1(random), bnG2(random)));
    case 0x09: {
      const input = random.bytes(213);
      input.fill(0, 0, 3);
      input[212] = random.below(12) === 0 ? 2 : random.below(2);
      return input;
    }
    case 0x0a:
      return pointEvaluationInput(random, versionedHash);
    case 0x0b:
      return join(blsG1(random), random.below(3) === 0 ? blsG1Outside(random) : blsG1(random));
    case 0x0c:
      return pairs(random, 3, () =>
        join(random.below(8) === 0 ? blsG1Outside(random) : blsG1(random), random.bytes(32)),
      );
    case 0x0d:
      return join(blsG2(random), blsG2(random));
    case 0x0e:
      return pairs(random, 2, () => join(blsG2(random), random.bytes(32)));
    case 0x0f:
      return pairs(random, 2, () => join(blsG1(random), blsG2(random)));
    case 0x10:
      return word(random.scalar(bls12_381.fields.Fp.ORDER), 64);
    case 0x11:
      return join(
        word(random.scalar(bls12_381.fields.Fp.ORDER), 64),
        word(random.scalar(bls12_381.fields.Fp.ORDER), 64),
      );
    case 0x100:
      return p256Input(random);
    default:
      return random.bytes(random.below(200));
  }
}

/** Spoils an input: cut, extended, a bit flipped, or a stretch of ones. */
export function spoiled(input: Uint8Array, random: Random): Uint8Array {
  switch (random.below(4)) {
    case 0:
      return input.slice(0, random.below(input.length + 1));
    case 1:
      return join(input, random.bytes(1 + random.below(64)));
    case 2: {
      const out = input.slice();
      if (out.length > 0) out[random.below(out.length)]! ^= 1 << random.below(8);
      return out;
    }
    default: {
      const out = input.slice();
      const from = random.below(Math.max(1, out.length));
      return out.fill(0xff, from, from + 32);
    }
  }
}
