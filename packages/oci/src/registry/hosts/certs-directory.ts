import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type HostRoutes, plainServer } from "./host-settings.js";
import { InvalidHostsFileError } from "./invalid-hosts-file-error.js";

/** A file that needs more was not written by a person. Bytes. */
const maxHostsFileBytes = 1024 * 1024;

/**
 * What containerd's configuration folder (`config_path`, usually `/etc/containerd/certs.d`) says of a registry: the first that exists of its folder
 * with `:port` written `_port_`, its folder, and `_default`. Undefined when none does.
 *
 * A `hosts.toml` that cannot be read is told and left aside for the certificates beside it, as containerd does.
 *
 * @param host `HOST[:PORT]` as in a reference
 */
export async function readCertsDirectory(
  root: string,
  host: string,
  onProblem: (error: Error) => void,
): Promise<HostRoutes | undefined> {
  for (const name of folderNames(host)) {
    const folder = join(root, name);
    if (!(await isFolder(folder))) continue;
    const file = join(folder, "hosts.toml");
    try {
      const text = await readText(file);
      if (text !== undefined && text !== "") {
        const { parseHostsFile } = await import("./parse-hosts-file.js"); // most nodes have no such file, and need no parser
        return parseHostsFile(text, file);
      }
    } catch (error) {
      onProblem(error instanceof Error ? error : new Error(String(error)));
    }
    return await certificatesIn(folder);
  }
  return undefined;
}

function folderNames(host: string): readonly string[] {
  // A host is checked where a reference is parsed; that it is no path is checked here again, because it becomes one.
  if (host.includes("/") || host.startsWith(".")) return ["_default"];
  const colon = host.lastIndexOf(":");
  const withPort = colon > 0 ? [`${host.slice(0, colon)}_${host.slice(colon + 1)}_`] : [];
  return [...withPort, host, "_default"];
}

/** Docker's layout: `*.crt` are authorities, `X.cert` and `X.key` say who we are. */
async function certificatesIn(folder: string): Promise<HostRoutes> {
  const names = (await readdir(folder)).sort();
  const server = {
    ...plainServer,
    caFiles: names.filter((name) => name.endsWith(".crt")).map((name) => join(folder, name)),
    clientFiles: names
      .filter((name) => name.endsWith(".cert"))
      .map((name) => {
        const key = `${name.slice(0, -".cert".length)}.key`;
        return [join(folder, name), names.includes(key) ? join(folder, key) : undefined] as const;
      }),
  };
  return { mirrors: [], server };
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function readText(file: string): Promise<string | undefined> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) return undefined;
  if (found.size > maxHostsFileBytes) throw new InvalidHostsFileError(file, `larger than ${maxHostsFileBytes} bytes`);
  return await readFile(file, "utf8");
}
