import type { ContainerUser } from "./container-user.js";
import type { Volume } from "./volume.js";

/** One entry of `mounts` in the OCI runtime specification (config.md, "Mounts"). */
export interface SpecMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** What differs from container to container. */
export interface ContainerSpec {
  /** Absolute path of the root file system. */
  readonly root: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: ContainerUser;
  readonly terminal: boolean;
  readonly hostname: string;
  readonly net: "host" | "none";
  /** Below the mount point of each cgroup hierarchy. */
  readonly cgroupsPath: string;
  /** The host has only the unified hierarchy; then the container gets a cgroup namespace. */
  readonly cgroup2: boolean;
  /** Files that the engine provides, such as /etc/hosts. */
  readonly files: readonly Volume[];
  readonly volumes: readonly Volume[];
}

/**
 * Enough for packages and servers, without those that change the host. The capabilities of docker and containerd; their seccomp and
 * AppArmor profiles are not here (docs/limits.md).
 */
const capabilities: readonly string[] = [
  "CAP_AUDIT_WRITE",
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_MKNOD",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

/** What of /proc and /sys tells about the host and is not the container's business. */
const maskedPaths: readonly string[] = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];
const readonlyPaths: readonly string[] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

const systemMounts: readonly SpecMount[] = [
  mount("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
  mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
  mount("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
  mount("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
  mount("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
  mount("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
  mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"]),
];

/** The bundle's `config.json`, for runc 1.1 and later. https://github.com/opencontainers/runtime-spec/blob/v1.0.2/config.md */
export function buildOciSpec(container: ContainerSpec): object {
  const { user } = container;
  // The kernel clears what a process may do when it becomes a user; an engine that left these set would say otherwise.
  const effective = user.uid === 0 ? capabilities : [];
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: container.terminal,
      user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
      args: container.args,
      env: container.env,
      cwd: container.cwd, // made by runc when the image lacks it
      capabilities: { bounding: capabilities, effective, permitted: effective },
      noNewPrivileges: false,
    },
    root: { path: container.root, readonly: false },
    hostname: container.hostname,
    mounts: [...systemMounts, ...container.files.map(bind), ...container.volumes.map(bind)],
    linux: {
      cgroupsPath: container.cgroupsPath,
      // Deny all devices; runc adds null, zero, full, random, urandom, tty and the terminals.
      resources: { devices: [{ allow: false, access: "rwm" }] },
      namespaces: namespacesOf(container),
      maskedPaths,
      readonlyPaths,
      rootfsPropagation: "rprivate",
    },
  };
}

function namespacesOf({ net, cgroup2 }: ContainerSpec): { type: string }[] {
  const types = ["pid", "ipc", "uts", "mount"];
  if (net === "none") types.push("network");
  if (cgroup2) types.push("cgroup");
  return types.map((type) => ({ type }));
}

function mount(destination: string, type: string, source: string, options: readonly string[]): SpecMount {
  return { destination, type, source, options };
}

const bind = ({ source, destination, readOnly }: Volume): SpecMount =>
  mount(destination, "bind", source, ["rbind", "rprivate", readOnly ? "ro" : "rw"]);
