/** Where profiles come from while they are applied. */
import type { SelectorProfile } from "../profile/format.ts";

export interface KnownProfile {
  readonly profile: SelectorProfile;
  /** Constants of this code in which codes of its template differ. */
  readonly immediates: readonly bigint[];
}

export interface ProfileSource {
  /** Profile of a function by selector, NO_CALLDATA included; undefined when there is none. @throws ProfileMiss */
  profileOf(code: Uint8Array, selector: number): KnownProfile | undefined;
  /** Waits for what was missing. */
  load(miss: ProfileMiss): Promise<void>;
}

/** A profile is not at hand: it is loaded, and the application starts over. */
export class ProfileMiss extends Error {
  readonly code: Uint8Array;
  readonly selector: number;
  constructor(code: Uint8Array, selector: number) {
    super("a profile is not at hand");
    this.name = "ProfileMiss";
    this.code = code;
    this.selector = selector;
  }
}
