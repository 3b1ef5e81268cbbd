/**
 * 0x0a, point evaluation (EIP-4844): that the polynomial under a commitment C is y at z, by the proof π. With
 * e(C − yG + zπ, −H) · e(π, τH) = 1 all products are in G1, and of the trusted setup only τH is needed.
 */
import { createHash } from "node:crypto";
import { toBytes, toInteger } from "./bytes.ts";
import { bls12381 } from "./libraries.ts";
import { powerModulo } from "./modexp.ts";
import { BLS_G1, BLS_G2 } from "./pairings.ts";

const INPUT = 192;
const VERSION_KZG = 1;
const MODULUS =
  0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaabn;
const ORDER = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;
const FIELD_ELEMENTS_PER_BLOB = 4096n;
const ROOT_EXPONENT = toBytes((MODULUS + 1n) / 4n, 48);
const WIDTH = 64;

const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const padCoordinates = (hex: string): Uint8Array =>
  fromHex((hex.match(/.{96}/g) ?? []).map((digits) => `${"0".repeat(32)}${digits}`).join(""));

/** Generator of G1, and −H of G2, as x and y (of the curve's specification). */
const G = padCoordinates(
  "17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb" +
    "08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1",
);
const NEGATIVE_H = padCoordinates(
  "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8" +
    "13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e" +
    "0d1b3cc2c7027888be51d9ef691d77bcb679afda66c73f17f9ee3837a55024f78c71363275a75d75d86bab79f74782aa" +
    "13fa4d4a0ad8b1ce186ed5061789213d993923066dddaf1040bc3ff59f825c78df74f2d75467e25e0f55f8a00fa030ed",
);
/** τH: `KZG_SETUP_G2[1]` of the ceremony (consensus specification of Deneb), uncompressed. */
const TAU_H = padCoordinates(
  "185cbfee53492714734429b7b38608e23926c911cceceac9a36851477ba4c60b087041de621000edc98edada20c1def2" +
    "15bfd7dd8cdeb128843bc287230af38926187075cbfbefa81009a2ce615ac53d2914e5870cb452d2afaaab24f3499f72" +
    "014353bdb96b626dd7d5ee8599d1fca2131569490e28de18e82451a496a9c9794ce26d105941f383ee689bfbbb832a99" +
    "1666c54b0a32529503432fcae0181b4bef79de09fc63671fda5ed1ba9bfa07899495346f3d7ac9cd23048ef30d0a154f",
);

const ANSWER = ((): Uint8Array => {
  const out = new Uint8Array(64);
  out.set(toBytes(FIELD_ELEMENTS_PER_BLOB, 32), 0);
  out.set(toBytes(ORDER, 32), 32);
  return out;
})();

/** A compressed G1 point (48 bytes) in the encoding of the precompiles; whether it is in the subgroup is seen later. */
function decompress(bytes: Uint8Array): Uint8Array | undefined {
  const flags = bytes[0]! >> 5;
  const x = toInteger(bytes) & ((1n << 381n) - 1n);
  if ((flags & 4) === 0) return undefined;
  const out = new Uint8Array(BLS_G1);
  if ((flags & 2) !== 0) return (flags & 1) === 0 && x === 0n ? out : undefined;
  if (x >= MODULUS) return undefined;
  const square = (x * x * x + 4n) % MODULUS;
  const root = powerModulo(square, ROOT_EXPONENT, MODULUS);
  if ((root * root) % MODULUS !== square) return undefined;
  const isLarger = root > (MODULUS - 1n) / 2n;
  const y = isLarger === ((flags & 1) !== 0) || root === 0n ? root : MODULUS - root;
  out.set(toBytes(x, WIDTH), 0);
  out.set(toBytes(y, WIDTH), WIDTH);
  return out;
}

/** Input `versioned hash 32 | z 32 | y 32 | commitment 48 | proof 48`; the answer is two constants. */
export function evaluatePoint(input: Uint8Array): Uint8Array | undefined {
  if (input.length !== INPUT) return undefined;
  const commitment = input.subarray(96, 144);
  const hash = createHash("sha256").update(commitment).digest();
  hash[0] = VERSION_KZG;
  for (let i = 0; i < 32; i++) if (hash[i] !== input[i]) return undefined;
  const z = toInteger(input.subarray(32, 64));
  const y = toInteger(input.subarray(64, 96));
  if (z >= ORDER || y >= ORDER) return undefined;
  const c = decompress(commitment);
  const proof = decompress(input.subarray(144, INPUT));
  if (c === undefined || proof === undefined) return undefined;

  const terms = new Uint8Array(3 * (BLS_G1 + 32));
  [c, G, proof].forEach((point, i) => {
    terms.set(point, i * (BLS_G1 + 32));
  });
  [1n, y === 0n ? 0n : ORDER - y, z].forEach((scalar, i) => {
    terms.set(toBytes(scalar, 32), i * (BLS_G1 + 32) + BLS_G1);
  });
  const curve = bls12381();
  const left = curve.multiplyG1(terms, 3);
  if (left === undefined) return undefined;
  const pairs = new Uint8Array(2 * (BLS_G1 + BLS_G2));
  pairs.set(left, 0);
  pairs.set(NEGATIVE_H, BLS_G1);
  pairs.set(proof, BLS_G1 + BLS_G2);
  pairs.set(TAU_H, 2 * BLS_G1 + BLS_G2);
  return curve.pairsToOne(pairs, 2) === true ? ANSWER.slice() : undefined;
}
