import { connect, type Socket } from "node:net";

/** What a client received. */
export interface Received {
  readonly requests: number;
  readonly bytes: number;
}

const receiveBytes = 256 * 1024;
const endOfHead = Buffer.from("\r\n\r\n");

/**
 * A client of HTTP/1.1 that costs next to nothing, so that what is measured is the server: it sends one GET after the other on one
 * connection and counts the bytes of the bodies, whose length the head must say. Anything but 200 ends it with an error.
 */
export class KeepAliveClient {
  readonly #socket: Socket;
  readonly #request: (path: string) => string;
  #head: Buffer = Buffer.alloc(0);
  #bodyLeft = 0;
  #received = { requests: 0, bytes: 0 };
  #answered: ((error?: Error) => void) | undefined;

  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    const { hostname, port, host } = new URL(url);
    const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#request = (path) => `GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
    const onread = {
      buffer: Buffer.alloc(receiveBytes),
      callback: (length: number, buffer: Uint8Array): boolean => {
        this.#take(Buffer.from(buffer.buffer, buffer.byteOffset, length));
        return true;
      },
    };
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true, onread });
    this.#socket.on("error", (error) => this.#answered?.(error));
    this.#socket.on("close", () => this.#answered?.(new Error("the server closed the connection")));
  }

  get received(): Received {
    return this.#received;
  }

  /** The next GET, when the last one has been answered. */
  get(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#answered = (error) => {
        this.#answered = undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
      this.#socket.write(this.#request(path));
    });
  }

  /** Takes nothing more out of the socket until `resume`. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#answered = undefined;
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    if (this.#bodyLeft === 0) {
      this.#head = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
      const end = this.#head.indexOf(endOfHead);
      if (end < 0) {
        this.#head = Buffer.from(this.#head); // the buffer it lies in is filled again
        return;
      }
      const head = this.#head.toString("latin1", 0, end);
      const rest = this.#head.subarray(end + endOfHead.length);
      this.#head = Buffer.alloc(0);
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
      if (!head.startsWith("HTTP/1.1 200") || length === undefined) {
        this.#answered?.(new Error(`not what was asked for: ${head.slice(0, 300)}`));
        return;
      }
      this.#bodyLeft = Number(length);
      this.#count(rest.length);
    } else this.#count(bytes.length);
  }

  #count(bytes: number): void {
    this.#bodyLeft -= bytes;
    this.#received.bytes += bytes;
    if (this.#bodyLeft > 0) return;
    this.#received.requests++;
    this.#answered?.();
  }
}
