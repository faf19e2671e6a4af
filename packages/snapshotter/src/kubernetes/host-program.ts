import { cp, mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Host, onHost } from "../install/host.js";

/** The program's folder in the image, and where its versions lie on a machine. */
export interface HostProgramOptions {
  /** With `node/node` and `bin/sluice.js` in it. */
  readonly from: string;
  readonly version: string;
}

/** Where versions of the program lie on the machine. */
const programFolder = "/opt/sluice";

/**
 * Puts this version of the program beside those that are there, whole or not at all, and answers how it is started there. The version that runs is never written
 * over: its mounts live on it.
 */
export async function placeProgram(host: Host, { from, version }: HostProgramOptions): Promise<readonly string[]> {
  const folder = `${programFolder}/${version}`;
  const target = onHost(host, folder);
  const isThere = await stat(target).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    const unfinished = join(dirname(target), `.unfinished-${version}`);
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(dirname(target), { recursive: true, mode: 0o755 });
    await cp(from, unfinished, { recursive: true, verbatimSymlinks: true });
    await rename(unfinished, target);
  }
  return [`${folder}/node/node`, `${folder}/bin/sluice.js`];
}
