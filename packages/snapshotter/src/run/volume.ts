import { stat } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { isErrno } from "../state/errno.js";

/** A folder or file of the host that the container sees. */
export interface Volume {
  /** Absolute path on the host. */
  readonly source: string;
  /** Absolute path in the container. */
  readonly destination: string;
  readonly readOnly: boolean;
}

/** `--volume` is not of the form `SRC:DST[:ro]`, or its source is missing. */
export class InvalidVolumeError extends Error {
  override readonly name = "InvalidVolumeError";
  readonly code = "INVALID_VOLUME";
}

/** @throws {InvalidVolumeError} */
export function parseVolume(text: string, workingDir: string): Volume {
  const [source = "", destination = "", mode = "rw", ...rest] = text.split(":");
  const wellFormed = source !== "" && isAbsolute(destination) && ["ro", "rw"].includes(mode) && rest.length === 0;
  if (!wellFormed) {
    throw new InvalidVolumeError(`--volume ${JSON.stringify(text)}: expected SRC:DST[:ro] with an absolute DST`);
  }
  return { source: resolve(workingDir, source), destination, readOnly: mode === "ro" };
}

/** @throws {InvalidVolumeError} for a source that does not exist: nothing is made on the host by a slip of the keyboard */
export async function checkVolume(volume: Volume): Promise<void> {
  try {
    await stat(volume.source);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTDIR")) throw error;
    throw new InvalidVolumeError(`--volume: ${volume.source} does not exist: create it first`, { cause: error });
  }
}
