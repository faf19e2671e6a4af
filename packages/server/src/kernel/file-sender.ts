import { closeSync } from "node:fs";
import { Socket } from "node:net";
import PQueue from "p-queue";
import { type KernelCalls, loadKernelCalls } from "./kernel-calls.js";

/** A part of an open file. */
export interface FilePart {
  /** Its descriptor, open until the promise ends. */
  readonly file: number;
  /** Bytes; up to, not including, `end`. */
  readonly start: number;
  readonly end: number;
}

/**
 * What one call may send; as much as Linux lets a connection hold (the last of `net.ipv4.tcp_wmem`), so that one call fills it. Others wait for no
 * longer than that takes. Bytes.
 */
const mostBytesAtOnce = 4 * 1024 * 1024;
/** Calls at once, each of which may read from the disk. The other two threads of libuv's pool stay free: each request needs one now and then. */
const lane = new PQueue({ concurrency: 2 });
/** Errnos of a connection whose client has gone. */
const gone: ReadonlySet<number> = new Set([32 /* EPIPE */, 104 /* ECONNRESET */]);

/** The client has gone in the middle. */
export class ClientGoneError extends Error {
  override readonly name = "ClientGoneError";
}

/**
 * Sends files to plain TCP connections with sendfile(2): the bytes go from the page cache to the socket and never through this process. The calls
 * run on threads of libuv's pool, because they may read from the disk; none waits for a client, since Node's sockets do not block.
 */
export class FileSender {
  readonly #calls: KernelCalls;

  constructor(calls: KernelCalls) {
    this.#calls = calls;
  }

  /** @returns undefined where the functions of the C library cannot be had */
  static async load(): Promise<FileSender | undefined> {
    const calls = await loadKernelCalls();
    return calls && new FileSender(calls);
  }

  /** Whether the kernel may write to this connection itself: nobody encrypts on it, and Node tells its descriptor. */
  static takes(socket: Socket | null): socket is Socket {
    return socket?.constructor === Socket && descriptorOf(socket) !== undefined;
  }

  /**
   * Sends what the connection takes at once, and no more: the caller waits until it takes more by writing to it. Everything written before must have
   * been taken by the kernel, and nothing may be written before this ends. Stops early when the socket is destroyed.
   *
   * @returns how many bytes of the part were sent: none where sendfile(2) cannot be used, or at the file's end
   * @throws {ClientGoneError}
   */
  async send(socket: Socket, { file, start, end }: FilePart): Promise<number> {
    let sentBytes = 0;
    // By a descriptor of our own: Node may close the socket's meanwhile, and its number may then be another client's.
    const connection = this.#duplicate(socket);
    if (connection === undefined) return 0;
    try {
      while (start + sentBytes < end && !socket.destroyed) {
        const wantedBytes = Math.min(end - start - sentBytes, mostBytesAtOnce);
        const bytes = await lane.add(() => this.#call(connection, file, start + sentBytes, wantedBytes));
        sentBytes += bytes;
        if (bytes < wantedBytes) break;
      }
    } finally {
      closeSync(connection);
    }
    return sentBytes;
  }

  async #call(connection: number, file: number, start: number, bytes: number): Promise<number> {
    const { result, errno } = await this.#calls.sendFile(connection, file, start, bytes);
    if (result >= 0) return result;
    if (gone.has(errno)) throw new ClientGoneError("the client has gone", { cause: errno });
    return 0; // EAGAIN, EINTR, or a file system that cannot: what is written next waits, or fails with the reason
  }

  #duplicate(socket: Socket): number | undefined {
    const descriptor = socket.destroyed || socket.writableLength > 0 ? undefined : descriptorOf(socket);
    const duplicate = descriptor === undefined ? -1 : this.#calls.duplicate(descriptor);
    return duplicate < 0 ? undefined : duplicate;
  }
}

/** Node shows it on the handle of a socket, without a word in its documentation: what is no number counts as none. */
function descriptorOf(socket: object): number | undefined {
  const handle: unknown = "_handle" in socket ? socket._handle : undefined;
  const fd: unknown = typeof handle === "object" && handle !== null && "fd" in handle ? handle.fd : undefined;
  return typeof fd === "number" && fd >= 0 ? fd : undefined;
}
