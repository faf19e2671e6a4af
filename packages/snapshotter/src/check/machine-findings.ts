import { isFileBacked } from "../drivers/erofs/probe.js";
import { degraded, type Finding, failing, fine } from "./finding.js";
import type { MachineProbes } from "./machine-probes.js";

/** The kernel that can read the disks (EROFS with extended attributes over FUSE). */
const oldestKernel = [5, 4] as const;
const oldestUbuntu = 20.04;
/** Room for the metadata of images and for chunks that are in use. Bytes. */
const fewBytes = 2 ** 30;
const someBytes = 10 * 2 ** 30;
/** This program did not exist before. A clock behind it fails every certificate and token. */
const earliestMs = Date.UTC(2025, 0, 1);

/** Operating system and processor. docs/requirements: nodes of Linux on amd64 only. */
export async function systemFinding({ platform, architecture, text }: MachineProbes): Promise<Finding> {
  const name = "system";
  if (platform !== "linux") {
    const system = platform === "win32" ? "Windows" : platform;
    return failing(
      name,
      `${system} nodes are not supported`,
      "use a node pool of Linux; images are pulled as usual here",
    );
  }
  if (architecture !== "x64") {
    return failing(
      name,
      `processors of type ${architecture} are not supported`,
      "use nodes of amd64; images are pulled as usual here",
    );
  }
  const release = (await text("/etc/os-release")) ?? "";
  const value = (key: string): string => new RegExp(`^${key}="?([^"\\n]*)`, "m").exec(release)?.[1] ?? "";
  const shown = value("PRETTY_NAME") || "Linux";
  if (value("ID") === "ubuntu" && Number(value("VERSION_ID")) < oldestUbuntu) {
    return failing(name, `${shown} is too old`, "upgrade the node to Ubuntu 20.04 or later");
  }
  return fine(name, `${shown} on amd64`);
}

export function kernelFinding({ kernelRelease }: MachineProbes): Finding {
  const [major = 0, minor = 0] = kernelRelease.split(/[.-]/).map(Number);
  const [oldestMajor, oldestMinor] = oldestKernel;
  const isOld = major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
  if (isOld) return failing("kernel", `Linux ${kernelRelease}`, "use Linux 5.4 or later, best 6.12");
  return fine("kernel", `Linux ${kernelRelease}`);
}

export async function fuseFinding({ fuse }: MachineProbes): Promise<Finding> {
  const problem = await fuse();
  if (problem === undefined) return fine("fuse", "/dev/fuse opens");
  return failing("fuse", problem, "load the module (modprobe fuse), or pass /dev/fuse into the container");
}

/** Either driver shows images; without both nothing is streamed. */
export async function driverFindings({ erofs, libfuse }: MachineProbes): Promise<readonly Finding[]> {
  const [kernel, library] = await Promise.all([erofs(), libfuse()]);
  const state = library.ok ? degraded : failing;
  return [
    kernel.ok
      ? fine("erofs", kernel.reason)
      : state("erofs", kernel.reason, "enable CONFIG_EROFS_FS in the kernel, and run as root with /dev/fuse"),
    library.ok
      ? fine("libfuse2", library.reason)
      : (kernel.ok ? degraded : failing)("libfuse2", library.reason, "install libfuse2: nodes without EROFS need it"),
  ];
}

export function fileBackedFinding({ kernelRelease }: MachineProbes): Finding {
  if (isFileBacked(kernelRelease)) return fine("erofs-file", "no loop device between");
  return degraded(
    "erofs-file",
    `Linux ${kernelRelease} puts a loop device between`,
    "Linux 6.12 needs none: reads get faster",
  );
}

export async function resendFinding({ resend }: MachineProbes): Promise<Finding> {
  const { ok, detail } = await resend();
  return ok ? fine("resend", detail) : degraded("resend", detail, "use Linux 6.9 or later");
}

export async function overlayFinding({ isRoot, kernelRelease, text }: MachineProbes): Promise<Finding> {
  const modules = `/lib/modules/${kernelRelease}/modules`;
  const texts = await Promise.all(["/proc/filesystems", `${modules}.dep`, `${modules}.builtin`].map(text));
  if (!texts.some((found) => /\boverlay\b/.test(found ?? ""))) {
    return failing("overlay", "the kernel has no overlayfs", "enable CONFIG_OVERLAY_FS");
  }
  if (!isRoot) return degraded("overlay", "writable mounts and containers need root", "run as root");
  return fine("overlay", "writable mounts and containers work");
}

export async function runcFinding({ program }: MachineProbes): Promise<Finding> {
  const file = await program("runc");
  if (file !== undefined) return fine("runc", `${file}: run starts containers`);
  return degraded("runc", "not on PATH: run cannot start containers", "install runc");
}

export async function diskFinding({ disk }: MachineProbes, dataRoot: string): Promise<Finding> {
  const found = await disk(dataRoot);
  if (found === undefined) return failing("disk", `${dataRoot}: no disk`, "choose another data root (--root)");
  const detail = `${gibibytes(found.freeBytes)} GiB of ${gibibytes(found.sizeBytes)} GiB are free for ${dataRoot}`;
  const cure = "free some room, or move the data root (--root) to another disk; store.budget bounds what is taken";
  if (found.freeBytes < fewBytes) return failing("disk", detail, cure);
  return found.freeBytes < someBytes ? degraded("disk", detail, cure) : fine("disk", detail);
}

const gibibytes = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);

export async function registryFindings(
  { registry }: MachineProbes,
  hosts: readonly string[],
): Promise<readonly Finding[]> {
  return await Promise.all(
    hosts.map(async (host) => {
      const problem = await registry(host);
      if (problem === undefined) return fine(`registry ${host}`, "answers");
      return failing(
        `registry ${host}`,
        problem,
        "check name, network, proxy, certificates (certs.d) and credentials of this node",
      );
    }),
  );
}

export async function clockFinding({ now, output }: MachineProbes): Promise<Finding> {
  const today = new Date(now()).toISOString();
  const cure =
    "set the clock and keep it right (systemd-timesyncd, chrony): certificates, tokens and signed addresses end by it";
  if (now() < earliestMs) return failing("clock", `it is ${today} here`, cure);
  const synchronised = (await output("timedatectl", ["show", "--property=NTPSynchronized", "--value"]))?.trim();
  if (synchronised === "no") return degraded("clock", `${today}, not kept by a time service`, cure);
  return fine("clock", synchronised === "yes" ? `${today}, kept by a time service` : today);
}
