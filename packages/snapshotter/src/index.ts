export {
  type FetchConfig,
  type LogLevel,
  type NodeConfig,
  nodeConfigSchema,
  parseNodeConfig,
  type StoreBudget,
  type TrustPolicyName,
} from "./config/node-config.js";
export { parseBytes, parseDurationMs, parseShare } from "./config/quantity.js";
export {
  apiVersion,
  type ContainerRequest,
  type DaemonStatus,
  type DiskSummary,
  type DriverChoice,
  type GcResult,
  type ImageAddress,
  type MountRequest,
  type MountResult,
  type PreparedContainer,
  type ScrubResult,
  type StopRequest,
  type StopResult,
  type StoreUse,
  type UnmountRequest,
  type WhyAnswer,
} from "./control/api.js";
export { DaemonClient, DaemonError, DaemonNotRunningError, DaemonVersionError } from "./control/client.js";
export { type Daemon, type DaemonOptions, startDaemon } from "./daemon.js";
export { Registries, type RegistriesOptions } from "./disks/registries.js";
export * from "./drivers/index.js";
export * from "./fuse/index.js";
export { createFileLog, createSilentLog, createStderrLog, type Logger } from "./observe/log.js";
export { DaemonRunningError } from "./process/daemon-file.js";
export { DaemonStartError, type EnsureDaemonOptions, ensureDaemon } from "./process/ensure-daemon.js";
export { runDaemon } from "./process/run-daemon.js";
export { DaemonStopError, stopDaemon } from "./process/stop-daemon.js";
export { type NotStreamableCode, NotStreamableError } from "./resolve/not-streamable.js";
export { type ResolvedImage, type ResolveOptions, resolveImage } from "./resolve/resolve-image.js";
export { createTrustPolicy, type TrustPolicy, UnknownTrustPolicyError } from "./resolve/trust.js";
export {
  type PreparedRoot,
  type ProcessRequest,
  type RunOptions,
  type RunRequest,
  runImage,
  runOnRoot,
} from "./run/run-image.js";
export { ContainerStartError, RuncMissingError } from "./run/runc.js";
export { InvalidVolumeError, parseVolume, type Volume } from "./run/volume.js";
export { NodePaths } from "./state/node-paths.js";
