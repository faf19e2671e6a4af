import { basename, dirname } from "node:path/posix";
import type { ImageFiles } from "../image-files.js";

/** An interpreter and where it looks for modules. */
export interface PythonInstallation {
  /** Such as `3.11`. */
  readonly version: string;
  /** `sys.path` without the directory of the script. */
  readonly path: readonly string[];
  /** The ends of the names of extension modules, in the order in which they are tried. */
  readonly extensionSuffixes: readonly string[];
}

const none = -1;

/** Finds out what `called`, which leads to the interpreter `inode`, has for `sys.path`; undefined when there is no standard library. */
export async function pythonInstallation(
  files: ImageFiles,
  inode: number,
  called: string,
  environment: ReadonlyMap<string, string>,
): Promise<PythonInstallation | undefined> {
  const real = files.path(inode);
  const version = /(\d+\.\d+)$/.exec(basename(real))?.[1];
  if (version === undefined) return undefined;
  const prefix = dirname(dirname(real));
  const library = [`${prefix}/lib/python${version}`, `/usr/lib/python${version}`].find((path) =>
    files.isDirectory(files.find(path)),
  );
  if (library === undefined) return undefined;
  const venv = await virtualEnvironment(files, called);
  const sites =
    venv !== undefined
      ? [`${venv}/lib/python${version}/site-packages`]
      : [
          `${prefix}/lib/python${version}/site-packages`,
          `/usr/local/lib/python${version}/dist-packages`,
          ...(prefix === "/usr" ? ["/usr/lib/python3/dist-packages"] : []),
        ];
  const own = (environment.get("PYTHONPATH") ?? "").split(":").filter((path) => path !== "");
  const digits = version.replace(".", "");
  return {
    version,
    path: [...own, library, `${library}/lib-dynload`, ...sites],
    extensionSuffixes: [`.cpython-${digits}-x86_64-linux-gnu.so`, ".abi3.so", ".so"],
  };
}

/** The root of the virtual environment that a path of an interpreter lies in: `pyvenv.cfg` is there. */
async function virtualEnvironment(files: ImageFiles, called: string): Promise<string | undefined> {
  const root = dirname(dirname(called));
  return called.includes("/") && files.findFile("pyvenv.cfg", root) !== none ? root : undefined;
}
