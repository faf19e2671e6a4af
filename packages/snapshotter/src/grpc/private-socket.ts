import { chmod, mkdir, mkdtemp, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** struct sockaddr_un holds so many bytes, the last of them 0. unix(7) */
const maxSocketPathBytes = 107;
/** Of the folder in which a socket is born. */
const temporaryMark = ".sluice-";

/** A socket's path is too long for the kernel. */
class SocketPathError extends Error {
  override readonly name = "SocketPathError";
  readonly code = "SOCKET_PATH";
}

/**
 * Makes a unix socket that nobody but this user ever could open: it is born in a folder of its own and then put in its place, over one that a process which was killed
 * left there.
 *
 * @param listen binds a socket at the path it is given
 * @throws {SocketPathError}
 */
export async function placePrivateSocket(path: string, listen: (path: string) => Promise<void>): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const nursery = await mkdtemp(join(folder, temporaryMark));
  try {
    const born = join(nursery, "s");
    for (const each of [path, born]) requireShort(each);
    await listen(born);
    await chmod(born, 0o600);
    await rename(born, path);
  } finally {
    await rm(join(nursery, "s"), { force: true });
    await rmdir(nursery);
  }
}

function requireShort(path: string): void {
  if (Buffer.byteLength(path) <= maxSocketPathBytes) return;
  throw new SocketPathError(
    `${basename(path)}: the path ${path} is longer than the ${maxSocketPathBytes} bytes of a socket: choose a shorter one`,
  );
}
