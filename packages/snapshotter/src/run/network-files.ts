import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../state/errno.js";
import type { Volume } from "./volume.js";

/**
 * Writes /etc/resolv.conf, /etc/hosts and /etc/hostname of a container into `folder`; they are bound over the image's.
 * On the host's network they are copies of the host's, so that the container may change its own.
 */
export async function provideNetworkFiles(
  folder: string,
  hostname: string,
  net: "host" | "none",
): Promise<readonly Volume[]> {
  const [resolv, hosts, name] = ["resolv.conf", "hosts", "hostname"].map((file) => ({
    source: join(folder, file),
    destination: `/etc/${file}`,
    readOnly: false,
  })) as [Volume, Volume, Volume]; // three names in, three out
  if (net === "host") {
    await copyOr(resolv, "");
    await copyOr(hosts, loopbackHosts(hostname));
  } else {
    await writeFile(resolv.source, "");
    await writeFile(hosts.source, loopbackHosts(hostname));
  }
  await writeFile(name.source, `${hostname}\n`);
  return [resolv, hosts, name];
}

async function copyOr(file: Volume, otherwise: string): Promise<void> {
  try {
    await copyFile(file.destination, file.source);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    await writeFile(file.source, otherwise);
  }
}

const loopbackHosts = (hostname: string): string =>
  `127.0.0.1\tlocalhost ${hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n`;
