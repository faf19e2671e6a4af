import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { promisify } from "node:util";

/** What this machine lacks for starting containers on a lazy mount, each with its cure; empty when nothing is missing. */
export async function missingParts(isRoot: boolean): Promise<string[]> {
  const missing: string[] = [];
  if (!isRoot) missing.push("root: run it with sudo");
  const canUseFuse = await access("/dev/fuse", constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!canUseFuse) missing.push("/dev/fuse: load the module (modprobe fuse), or give the container the device");
  for (const [program, cure] of [
    ["runc", "apt-get install runc"],
    ["tar", "apt-get install tar"],
  ] as const) {
    const runs = await promisify(execFile)(program, ["--version"]).then(
      () => true,
      () => false,
    );
    if (!runs) missing.push(`${program}: ${cure}`);
  }
  return missing;
}

/** This machine cannot start containers on a lazy mount. */
class PartsMissingError extends Error {
  override readonly name = "PartsMissingError";
  readonly code = "PARTS_MISSING";
}

/** @throws {PartsMissingError} naming everything that is missing */
export async function requireParts(isRoot: boolean, verb: string): Promise<void> {
  const missing = await missingParts(isRoot);
  if (missing.length > 0) throw new PartsMissingError(`${verb}: this machine lacks ${missing.join("; ")}`);
}
