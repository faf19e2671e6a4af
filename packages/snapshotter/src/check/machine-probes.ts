import { execFile } from "node:child_process";
import { access, constants, readFile, stat, statfs } from "node:fs/promises";
import { release } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { hostRouting, RegistryClient } from "@sluice/oci";
import { probeErofs } from "../drivers/erofs/probe.js";
import { FuseNativeDriver } from "../drivers/index.js";
import { probeFuseDevice } from "../fuse/kernel/device.js";
import { probeResend } from "../fuse/session/probe-resend.js";

/** What a check asks the machine. Every question has an answer: undefined is "not known", or "not there". */
export interface MachineProbes {
  /** As Node names them: `linux`, `x64`. */
  readonly platform: string;
  readonly architecture: string;
  readonly kernelRelease: string;
  readonly isRoot: boolean;
  /** What is wrong with `/dev/fuse`. */
  readonly fuse: () => Promise<string | undefined>;
  readonly erofs: () => Promise<{ readonly ok: boolean; readonly reason: string }>;
  readonly resend: () => Promise<{ readonly ok: boolean; readonly detail: string }>;
  readonly libfuse: () => Promise<{ readonly ok: boolean; readonly reason: string }>;
  readonly text: (path: string) => Promise<string | undefined>;
  readonly isThere: (path: string) => Promise<boolean>;
  /** The path of a program. */
  readonly program: (name: string) => Promise<string | undefined>;
  /** Standard output of a program that succeeds. */
  readonly output: (file: string, args: readonly string[]) => Promise<string | undefined>;
  /** Of the disk that a path lies on, or will lie on. Bytes. */
  readonly disk: (path: string) => Promise<{ readonly freeBytes: number; readonly sizeBytes: number } | undefined>;
  /** What keeps a registry from answering. */
  readonly registry: (host: string) => Promise<string | undefined>;
  readonly now: () => number;
}

const commandTimeoutMs = 5_000;
const registryTimeoutMs = 10_000;

export interface ProbeOptions {
  /** Folders of programs, as in PATH. */
  readonly path?: string | undefined;
  readonly certsDirectory?: string | undefined;
}

/** The machine this process runs on. Changes nothing. */
export function machineProbes({ path = process.env["PATH"] ?? "", certsDirectory }: ProbeOptions = {}): MachineProbes {
  return {
    platform: process.platform,
    architecture: process.arch,
    kernelRelease: release(),
    isRoot: process.getuid?.() === 0,
    fuse: probeFuseDevice,
    erofs: probeErofs,
    resend: probeResend,
    libfuse: () => new FuseNativeDriver({ owner: "check", onEvent: () => undefined }).probe(),
    text: (file) => readFile(file, "utf8").catch(() => undefined),
    isThere: (file) =>
      stat(file).then(
        () => true,
        () => false,
      ),
    program: (name) => findProgram(name, path),
    output: (file, args) =>
      new Promise((resolve) => {
        execFile(file, args, { timeout: commandTimeoutMs }, (error, stdout) => resolve(error ? undefined : stdout));
      }),
    disk: diskOf,
    registry: (host) => registryProblem(host, certsDirectory),
    now: Date.now,
  };
}

async function findProgram(name: string, path: string): Promise<string | undefined> {
  for (const folder of path.split(delimiter).filter((each) => each !== "")) {
    const file = join(folder, name);
    const mayRun = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (mayRun) return file;
  }
  return undefined;
}

async function diskOf(path: string): Promise<{ freeBytes: number; sizeBytes: number } | undefined> {
  for (let at = path; ; at = dirname(at)) {
    const found = await statfs(at).catch(() => undefined);
    if (found !== undefined) return { freeBytes: found.bavail * found.bsize, sizeBytes: found.blocks * found.bsize };
    if (at === dirname(at)) return undefined;
  }
}

async function registryProblem(host: string, certsDirectory: string | undefined): Promise<string | undefined> {
  await using client = new RegistryClient({
    retry: { maxAttempts: 1 },
    routing: hostRouting({ certsDirectory }),
    timeouts: { connectMs: registryTimeoutMs, headersMs: registryTimeoutMs },
  });
  try {
    await client.ping(host);
    return undefined;
  } catch (error) {
    // A registry that wants to know who asks, for a repository, is there.
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "UNAUTHORIZED" || code === "DENIED") return undefined;
    return error instanceof Error ? error.message : String(error);
  }
}
