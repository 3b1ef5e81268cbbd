export { Child, type ChildSpec, cpuMsOf } from "./child.ts";
export { Cluster, type ServiceUsage } from "./cluster.ts";
export { type DataDirectory, openDataDirectory } from "./data-directory.ts";
export { ClusterError } from "./error.ts";
export {
  type ClusterOptions,
  defaultClusterOptions,
  type ServiceKind,
  serviceKinds,
  type TransportMode,
} from "./options.ts";
export { freePort, isPortFree, requirePort } from "./ports.ts";
export { type RunFile, type RunningService, readRunFile } from "./run-file.ts";
export { findProgram } from "./servers.ts";
export { connectStreams, type StreamsAddress } from "./streams-of.ts";
