/** 0x06-0x08 (EIP-196, EIP-197, prices of EIP-1108) and 0x0b-0x11 (EIP-2537) on whichever curve library serves. */
import { ONE_WORD, padded, ZERO_WORD } from "./bytes.ts";
import { bls12381, bn254 } from "./libraries.ts";

const BN254_PAIR = 192;
export const BLS_G1 = 128;
export const BLS_G2 = 256;
const SCALAR = 32;
const BLS_PAIR = BLS_G1 + BLS_G2;

const truth = (value: boolean | undefined): Uint8Array | undefined =>
  value === undefined ? undefined : value ? ONE_WORD.slice() : ZERO_WORD.slice();

export const bn254Add = (input: Uint8Array): Uint8Array | undefined => bn254().addG1(padded(input, 0, 128));

export const bn254Multiply = (input: Uint8Array): Uint8Array | undefined =>
  bn254().multiplyG1(padded(input, 0, 96), 1);

/** No pairs at all multiply to one. */
export function bn254Pairing(input: Uint8Array): Uint8Array | undefined {
  if (input.length % BN254_PAIR !== 0) return undefined;
  return truth(bn254().pairsToOne(input, input.length / BN254_PAIR));
}

export const bn254PairingGas =
  (base: number, pair: number) =>
  (input: Uint8Array): number =>
    base + pair * Math.floor(input.length / BN254_PAIR);

const ofLength =
  (bytes: number, compute: (input: Uint8Array) => Uint8Array | undefined) =>
  (input: Uint8Array): Uint8Array | undefined =>
    input.length === bytes ? compute(input) : undefined;

export const blsAddG1 = ofLength(2 * BLS_G1, (input) => bls12381().addG1(input));
export const blsAddG2 = ofLength(2 * BLS_G2, (input) => bls12381().addG2(input));
export const blsMapToG1 = ofLength(64, (input) => bls12381().mapToG1(input));
export const blsMapToG2 = ofLength(128, (input) => bls12381().mapToG2(input));

const ofPairs =
  (bytes: number, compute: (input: Uint8Array, pairs: number) => Uint8Array | undefined) =>
  (input: Uint8Array): Uint8Array | undefined =>
    input.length === 0 || input.length % bytes !== 0 ? undefined : compute(input, input.length / bytes);

export const blsMultiplyG1 = ofPairs(BLS_G1 + SCALAR, (input, pairs) => bls12381().multiplyG1(input, pairs));
export const blsMultiplyG2 = ofPairs(BLS_G2 + SCALAR, (input, pairs) => bls12381().multiplyG2(input, pairs));
export const blsPairing = ofPairs(BLS_PAIR, (input, pairs) => truth(bls12381().pairsToOne(input, pairs)));

export const blsPairingGas = (input: Uint8Array): number =>
  37_700 + 32_600 * Math.floor(input.length / BLS_PAIR);

/** Discounts of EIP-2537 per number of points, in thousandths; the last one holds beyond the table. */
const G1_DISCOUNTS = [
  1000, 949, 848, 797, 764, 750, 738, 728, 719, 712, 705, 698, 692, 687, 682, 677, 673, 669, 665, 661, 658,
  654, 651, 648, 645, 642, 640, 637, 635, 632, 630, 627, 625, 623, 621, 619, 617, 615, 613, 611, 609, 608,
  606, 604, 603, 601, 599, 598, 596, 595, 593, 592, 591, 589, 588, 586, 585, 584, 582, 581, 580, 579, 577,
  576, 575, 574, 573, 572, 570, 569, 568, 567, 566, 565, 564, 563, 562, 561, 560, 559, 558, 557, 556, 555,
  554, 553, 552, 551, 550, 549, 548, 547, 547, 546, 545, 544, 543, 542, 541, 540, 540, 539, 538, 537, 536,
  536, 535, 534, 533, 532, 532, 531, 530, 529, 528, 528, 527, 526, 525, 525, 524, 523, 522, 522, 521, 520,
  520, 519,
];
const G2_DISCOUNTS = [
  1000, 1000, 923, 884, 855, 832, 812, 796, 782, 770, 759, 749, 740, 732, 724, 717, 711, 704, 699, 693, 688,
  683, 679, 674, 670, 666, 663, 659, 655, 652, 649, 646, 643, 640, 637, 634, 632, 629, 627, 624, 622, 620,
  618, 615, 613, 611, 609, 607, 606, 604, 602, 600, 598, 597, 595, 593, 592, 590, 589, 587, 586, 584, 583,
  582, 580, 579, 578, 576, 575, 574, 573, 571, 570, 569, 568, 567, 566, 565, 563, 562, 561, 560, 559, 558,
  557, 556, 555, 554, 553, 552, 552, 551, 550, 549, 548, 547, 546, 545, 545, 544, 543, 542, 541, 541, 540,
  539, 538, 537, 537, 536, 535, 535, 534, 533, 532, 532, 531, 530, 530, 529, 528, 528, 527, 526, 526, 525,
  524, 524,
];

const sumGas = (pairBytes: number, each: number, discounts: readonly number[]) => (input: Uint8Array) => {
  const pairs = Math.floor(input.length / pairBytes);
  if (pairs === 0) return 0;
  const discount = discounts[Math.min(pairs, discounts.length) - 1]!;
  return Math.floor((pairs * each * discount) / 1000);
};

export const blsMultiplyG1Gas = sumGas(BLS_G1 + SCALAR, 12_000, G1_DISCOUNTS);
export const blsMultiplyG2Gas = sumGas(BLS_G2 + SCALAR, 22_500, G2_DISCOUNTS);
