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
  /** Of the service that could not start, when it has said by it whose fault that is. */
  readonly exitCode: number | undefined;

  constructor(code: ClusterError["code"], message: string, hint = "", exitCode?: number) {
    super(hint ? `${message} (${hint})` : message);
    this.name = "ClusterError";
    this.code = code;
    this.hint = hint;
    this.exitCode = exitCode;
  }
}
