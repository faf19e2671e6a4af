export { type CheckOptions, checkMachine, type MachineReport } from "./check/check-machine.js";
export type { Finding, FindingState } from "./check/finding.js";
export { type MachineProbes, machineProbes } from "./check/machine-probes.js";
export * from "./client.js";
export * from "./config.js";
export { MetricsListenError } from "./control/metrics-listener.js";
export { ApiVersionError } from "./control/server.js";
export { CriClient, CriError, type CriImage } from "./cri/cri-client.js";
export { type Daemon, type DaemonOptions, startDaemon } from "./daemon.js";
export { Registries, type RegistriesOptions, RelativeLayoutError } from "./disks/registries.js";
export * from "./drivers/index.js";
export * from "./fuse/index.js";
export {
  ContainerdConfigError,
  containerdUsesNode,
  type SnapshotterPlace,
  withSnapshotter,
} from "./install/containerd-config.js";
export { localHost } from "./install/host.js";
export { type InstallStep, installNode, NodeInstallError, type NodeInstallOptions } from "./install/install-node.js";
export { type NodeUninstallOptions, SnapshotsInUseError, uninstallNode } from "./install/uninstall-node.js";
export { AttachedKeeper } from "./keeper/attached-keeper.js";
export { Cluster, ClusterError, type ClusterOptions } from "./kubernetes/cluster.js";
export { placeProgram } from "./kubernetes/host-program.js";
export { type NodeAgentParts, runNodeAgent } from "./kubernetes/node-agent.js";
export type { NodeState } from "./kubernetes/node-condition.js";
export { OwnerGoneError } from "./mounts/containers.js";
export { DaemonStoppingError } from "./mounts/daemon-stopping.js";
export { MountpointError } from "./mounts/mountpoint.js";
export { NotMountedError } from "./mounts/node-mounts.js";
export { NeedsRootError } from "./mounts/shown-mount.js";
export { MountsBusyError } from "./node-service.js";
export { createFileLog, createSilentLog, createStderrLog, type Logger } from "./observe/log.js";
export { type NodePool, NodePoolError, readPool, writePool } from "./pool/pool-file.js";
export { DaemonRunningError } from "./process/daemon-file.js";
export { runDaemon } from "./process/run-daemon.js";
export { NotRecordedError, RecordingDriverError } from "./recording/recordings.js";
export { type NotStreamableCode, NotStreamableError } from "./resolve/not-streamable.js";
export { type ResolvedImage, type ResolveOptions, resolveImage } from "./resolve/resolve-image.js";
export type { TrustCandidate, TrustVerdict } from "./resolve/trust.js";
export { createTrustPolicy, type TrustPolicy, UnknownTrustPolicyError } from "./resolve/trust.js";
