import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Server } from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";

/** Folder that holds `velarium/v1/*.proto`. */
export const PROTO_ROOT = fileURLToPath(new URL("../../../proto", import.meta.url));

let loaded: PackageDefinition | undefined;

/** All definitions of the `velarium.v1` protos; empty when the protos are not deployed. */
export function loadProtos(): PackageDefinition {
  if (loaded) return loaded;
  const folder = join(PROTO_ROOT, "velarium", "v1");
  if (!existsSync(folder)) return (loaded = {});
  const files = readdirSync(folder)
    .filter((f) => f.endsWith(".proto"))
    .sort();
  loaded = loadSync(
    files.map((f) => join("velarium", "v1", f)),
    { includeDirs: [PROTO_ROOT], keepCase: true },
  );
  return loaded;
}

/** Lets tools such as grpcurl list and call those of `services` that a proto describes. */
export function addReflection(server: Server, services: readonly string[]): void {
  const protos = loadProtos();
  const described = services.filter((name) => name in protos);
  if (described.length > 0) new ReflectionService(protos, { services: described }).addToServer(server);
}
