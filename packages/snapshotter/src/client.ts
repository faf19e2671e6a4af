// The side of a program that talks to the daemon: control client, containers. Loads neither the daemon nor what only it needs.

export {
  apiVersion,
  type ContainerRequest,
  type DaemonStatus,
  type DiskSummary,
  type DriverChoice,
  type GcResult,
  type HeldLayers,
  type ImageAddress,
  type KeeperStatus,
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
export { keeperVariable } from "./keeper/keeper-plan.js";
export { DaemonStartError, type EnsureDaemonOptions, ensureDaemon } from "./process/ensure-daemon.js";
export { keepDaemon } from "./process/keep-daemon.js";
export { keepService, type ServiceParts } from "./process/keep-service.js";
export { DaemonRestartError, type RestartOptions, restartDaemon } from "./process/restart-daemon.js";
export { DaemonStopError, stopDaemon } from "./process/stop-daemon.js";
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
