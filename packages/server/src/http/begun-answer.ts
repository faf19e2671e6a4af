import type { ServerResponse } from "node:http";
import type { Answer } from "./answer.js";

/** What comes before a body that is written here. */
export interface Head extends Pick<Answer, "status" | "headers"> {
  /** Called when the answer begins: until then it may still become another. */
  readonly begin: () => void;
}

/** The head goes with the first bytes of the body. */
export function beginAnswer(response: ServerResponse, head: Head): void {
  head.begin();
  for (const [name, value] of Object.entries(head.headers ?? {})) response.setHeader(name, value);
  response.statusCode = head.status;
}

/** Waits until the kernel has taken what is written to a response, or the client has gone: then a write may never be called back. */
export class Taken {
  readonly #response: ServerResponse;
  #settle: ((isTaken: boolean) => void) | undefined;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.once("close", () => this.#settle?.(response.writableFinished));
  }

  /** @returns false when the client has gone */
  async all(bytes: Uint8Array, isLast: boolean): Promise<boolean> {
    if (this.#response.destroyed) return false;
    return await new Promise((resolve) => {
      this.#settle = resolve;
      if (isLast) this.#response.end(bytes, () => resolve(true));
      else this.#response.write(bytes, (error) => resolve(!error));
    });
  }
}
