import type { Readable } from "node:stream";
import { readBounded } from "../bytes/bounded-read.js";
import type { TimeoutConfig } from "./config.js";
import { type Deadline, ProgressDeadline } from "./deadline.js";
import type { Exchange } from "./exchange.js";
import { type HttpRequest, nameOfRequest } from "./http-request.js";
import { transportError } from "./transport-error.js";

export interface ResponseBodyOptions {
  readonly request: HttpRequest;
  readonly deadline: Deadline;
  readonly timeouts: TimeoutConfig;
  readonly caller: AbortSignal | undefined;
  readonly exchange: Exchange;
}

/** A body left unread that is no larger is read to its end, so that the connection can be used again. Bytes. */
const maxDiscardBytes = 64 * 1024;
/** And no longer than this. */
const maxDiscardMs = 500;

/** The body of an answer. Iterate it once, read it whole, or discard it; each closes it. */
export class ResponseBody implements AsyncIterable<Uint8Array> {
  readonly #stream: Readable;
  readonly #options: ResponseBodyOptions;

  constructor(stream: Readable, options: ResponseBodyOptions) {
    this.#stream = stream;
    this.#options = options;
    stream.on("error", () => undefined); // reported to whoever iterates; without a listener it would end the process
  }

  /**
   * @throws {RegistryUnreachableError} if the connection breaks or closes early
   * @throws {RegistryTimeoutError} if it stands still; or the signal's own reason
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    const { caller, deadline, exchange, request, timeouts } = this.#options;
    const progress = new ProgressDeadline(deadline, timeouts);
    const pieces: AsyncIterator<Uint8Array> = this.#stream[Symbol.asyncIterator]();
    try {
      for (;;) {
        progress.waiting();
        const next = await pieces.next();
        if (next.done === true) return;
        progress.moved(next.value.byteLength);
        exchange.bytes += next.value.byteLength;
        yield next.value;
      }
    } catch (error) {
      caller?.throwIfAborted();
      throw transportError(nameOfRequest(request), error, deadline.expired);
    } finally {
      this.#close();
    }
  }

  /** The whole, within the deadline for documents. @throws {TooLargeError} beyond `maxBytes`; else as iterating */
  async readAll(maxBytes: number): Promise<Uint8Array> {
    const { deadline, request, timeouts } = this.#options;
    const slow = setTimeout(() => deadline.expire(`not complete in ${timeouts.documentMs} ms`), timeouts.documentMs);
    try {
      return await readBounded(this, maxBytes, `reply to ${nameOfRequest(request)}`);
    } finally {
      clearTimeout(slow);
    }
  }

  /** Gives the connection back: reads a small rest, cuts a large or slow one. Never throws. */
  async discard(): Promise<void> {
    const { deadline } = this.#options;
    const slow = setTimeout(() => deadline.abort(new Error("left unread")), maxDiscardMs);
    try {
      await this.readAll(maxDiscardBytes);
    } catch {
      // nobody wanted these bytes
    } finally {
      clearTimeout(slow);
    }
  }

  #close(): void {
    this.#options.deadline.release();
    this.#stream.destroy();
    this.#options.exchange.end();
  }
}
