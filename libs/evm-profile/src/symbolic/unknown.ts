/** Where a path is no longer followed: what comes behind is unknown, for this reason. */
import type { ProfileUnknown } from "../profile/format.ts";

export class Unknown extends Error {
  readonly reason: ProfileUnknown;
  constructor(reason: ProfileUnknown) {
    super(reason);
    this.reason = reason;
  }
}
