import { access, constants, readFile } from "node:fs/promises";
import { release } from "node:os";
import { delimiter, join } from "node:path";
import { isFileBacked, probeErofs } from "../drivers/erofs/probe.js";
import { FuseNativeDriver } from "../drivers/index.js";
import { probeFuseDevice } from "../fuse/kernel/device.js";
import { probeResend } from "../fuse/session/probe-resend.js";

/** One thing that this machine can do, or not. */
export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  /** What it is good for here, or what is missing and the cure. */
  readonly detail: string;
}

/** Whether images can be shown here at all. */
export interface MachineReport {
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

/** Looks at what a node needs from its machine. Changes nothing. */
export async function checkMachine(path: string = process.env["PATH"] ?? ""): Promise<MachineReport> {
  const native = new FuseNativeDriver({ owner: "check", onEvent: () => undefined });
  const [noDevice, erofs, libfuse, resend] = await Promise.all([
    probeFuseDevice(),
    probeErofs(),
    native.probe(),
    probeResend(),
  ]);
  const findings: readonly Finding[] = [
    { name: "fuse", ok: noDevice === undefined, detail: noDevice ?? "/dev/fuse opens" },
    { name: "erofs", ok: erofs.ok, detail: erofs.reason },
    fileBacked(release()),
    { name: "resend", ...resend },
    await overlay(),
    await program("runc", path, "run starts containers", "run needs it; install runc"),
    await program("containerd", path, "its images can be streamed", "only needed for containerd's own images"),
    { name: "libfuse2", ok: libfuse.ok, detail: libfuse.reason },
  ];
  return { ok: erofs.ok || libfuse.ok, findings };
}

function fileBacked(kernelRelease: string): Finding {
  const ok = isFileBacked(kernelRelease);
  const detail = ok ? "no loop device between" : `Linux ${kernelRelease} puts a loop device between; 6.12 needs none`;
  return { name: "erofs-file", ok, detail };
}

async function overlay(): Promise<Finding> {
  const files = [
    "/proc/filesystems",
    `/lib/modules/${release()}/modules.dep`,
    `/lib/modules/${release()}/modules.builtin`,
  ];
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
  const isRoot = process.getuid?.() === 0;
  const has = texts.some((text) => /\boverlay\b/.test(text));
  if (!has) return { name: "overlay", ok: false, detail: "the kernel has no overlayfs; enable CONFIG_OVERLAY_FS" };
  const detail = isRoot ? "writable mounts and containers work" : "writable mounts and containers need root";
  return { name: "overlay", ok: isRoot, detail };
}

async function program(name: string, path: string, good: string, cure: string): Promise<Finding> {
  for (const folder of path.split(delimiter).filter((each) => each !== "")) {
    const file = join(folder, name);
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return { name, ok: true, detail: `${file}: ${good}` };
  }
  return { name, ok: false, detail: `not on PATH; ${cure}` };
}
