import type { AbortOptions } from "../abort-options.js";
import type { AddressRule } from "./addresses.js";
import { defaultTimeouts } from "./config.js";
import { HttpTransport } from "./transport.js";

export interface DocumentSenderOptions {
  readonly addresses: AddressRule;
  /** For the headers of the answer, connecting included. Milliseconds. */
  readonly answerMs: number;
}

/** Sends small documents to addresses that others named. Follows no redirects, and reads no answers. */
export class DocumentSender implements AsyncDisposable {
  readonly #transport: HttpTransport;

  constructor({ addresses, answerMs }: DocumentSenderOptions) {
    const timeouts = { ...defaultTimeouts, connectMs: answerMs, headersMs: answerMs };
    this.#transport = new HttpTransport({ addresses, timeouts, connections: 2 });
  }

  /**
   * @returns the status of the answer
   * @throws {RegistryUnreachableError} {RegistryTimeoutError} or the signal's own reason
   */
  async post(
    url: URL,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array,
    options?: AbortOptions,
  ): Promise<number> {
    const response = await this.#transport.send({ method: "POST", url, kind: "notice", headers, body }, options);
    await response.body.discard();
    return response.status;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#transport.close();
  }
}
