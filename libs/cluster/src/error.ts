/** Why a cluster cannot start or go on, with what to do about it. */
export class ClusterError extends Error {
  readonly code:
    | "port-in-use"
    | "server-missing"
    | "server-unreachable"
    | "service-failed"
    | "service-exited"
    | "timeout"
    | "data-directory";
  readonly hint: string;

  constructor(code: ClusterError["code"], message: string, hint = "") {
    super(hint ? `${message} (${hint})` : message);
    this.name = "ClusterError";
    this.code = code;
    this.hint = hint;
  }
}
