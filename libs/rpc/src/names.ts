/** Package of all protos under `proto/`. */
export const PROTO_PACKAGE = "velarium.v1";

/** `Framer` → `velarium.v1.Framer`; names that have a package already stay as they are. */
export function fullServiceName(service: string): string {
  return service.includes(".") ? service : `${PROTO_PACKAGE}.${service}`;
}

/** The HTTP/2 path of a method. */
export function methodPath(service: string, method: string): string {
  return `/${fullServiceName(service)}/${method}`;
}
