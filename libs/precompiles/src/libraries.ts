/**
 * The curve libraries in use. mcl takes some 100 ms to load and initialise per curve, more than most processes ever
 * spend on curves, so it is loaded when a curve is first needed, in the background; JavaScript answers until then.
 * Both give the same results (differential tests), so no outcome depends on when the loading ends.
 */
import { BLS12_381_ENCODING, BN254_ENCODING, type PairingCurve } from "./curve.ts";
import { loadMcl, MclCurve, MclCurveId } from "./mcl.ts";
import { nobleBls12381, nobleBn254 } from "./noble-curve.ts";
import { createMclP256, type VerifyP256, verifyByNoble } from "./p256.ts";

/** A library that is replaced by a faster one once that has loaded. */
class Upgrading<T> {
  private current: T;
  private readonly load: () => Promise<T>;
  private loading: Promise<void> | undefined;

  constructor(slow: T, load: () => Promise<T>) {
    this.current = slow;
    this.load = load;
  }

  get(): T {
    void this.upgrade();
    return this.current;
  }

  /** Resolves when loading has ended; a failure leaves what is there. */
  upgrade(): Promise<void> {
    this.loading ??= this.load().then(
      (fast) => {
        this.current = fast;
      },
      () => {},
    );
    return this.loading;
  }
}

const bn254Library = new Upgrading<PairingCurve>(
  nobleBn254(),
  async () => new MclCurve(await loadMcl(MclCurveId.bn254), BN254_ENCODING),
);
const bls12381Library = new Upgrading<PairingCurve>(
  nobleBls12381(),
  async () => new MclCurve(await loadMcl(MclCurveId.bls12381), BLS12_381_ENCODING),
);
const p256Library = new Upgrading<VerifyP256>(verifyByNoble, async () =>
  createMclP256(await loadMcl(MclCurveId.p256)),
);

export const bn254 = (): PairingCurve => bn254Library.get();
export const bls12381 = (): PairingCurve => bls12381Library.get();
export const verifyP256: VerifyP256 = (input) => p256Library.get()(input);

/** Loads the fast libraries now; resolves when they serve. */
export async function loadFastCurves(): Promise<void> {
  await Promise.all([bn254Library.upgrade(), bls12381Library.upgrade(), p256Library.upgrade()]);
}
