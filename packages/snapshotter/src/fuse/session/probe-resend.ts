import { closeSync } from "node:fs";
import { mkdtemp, rmdir } from "node:fs/promises";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { unmount } from "../kernel/mount.js";
import { canResend } from "../protocol/init.js";
import { openConnection } from "./open-connection.js";

/** Whether a daemon that takes over gets the requests in flight again. */
export interface ResendProbe {
  readonly ok: boolean;
  readonly detail: string;
}

/** Asks the kernel, with a mount that lives for a moment, where this process may mount; else its version tells. */
export async function probeResend(): Promise<ResendProbe> {
  const ok = process.getuid?.() === 0 ? await asked().catch(() => isNewEnough(release())) : isNewEnough(release());
  const detail = ok
    ? "a daemon that is killed is replaced, reads in flight are answered late"
    : `Linux ${release()}: a daemon that is killed is replaced, reads in flight fail (6.9 and later send them again)`;
  return { ok, detail };
}

async function asked(): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-probe-"));
  try {
    const { fds, init } = await openConnection(folder, { workers: 1, readAheadBytes: 0 });
    await unmount(folder, { lazy: true });
    for (const fd of fds) closeSync(fd);
    return canResend(init);
  } finally {
    await rmdir(folder);
  }
}

/** FUSE_NOTIFY_RESEND came with Linux 6.9. */
export function isNewEnough(kernelRelease: string): boolean {
  const [major = 0, minor = 0] = kernelRelease.split(/[.-]/).map(Number);
  return major > 6 || (major === 6 && minor >= 9);
}
