/** Where profiles come from while they are applied. */
import type { SelectorProfile } from "../profile/format.ts";

export interface KnownProfile {
  readonly profile: SelectorProfile;
  /** Constants of this code in which codes of its template differ. */
  readonly immediates: readonly bigint[];
}

export interface ProfileSource {
  /** Profile of a function by selector, −1 or −2 (see run.ts) included; undefined when there is none yet. */
  profileOf(code: Uint8Array, selector: number): KnownProfile | undefined;
}
