import { request } from "node:http";

/** How a start is known to have ended: a line of output, an answer, or the process's own end. */
export type ReadyCondition =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "http"; readonly url: string }
  | { readonly kind: "exit" };

/** The container ended, or took too long, before it was ready. */
export class NotReadyError extends Error {
  override readonly name = "NotReadyError";
  readonly code = "NOT_READY";
}

/** Between two questions to a server that does not answer yet. Milliseconds. */
const pollMs = 10;

/** Sees the output of one container and says when it is ready. */
export class ReadyWatch {
  readonly #condition: ReadyCondition;
  readonly #resolve: () => void;
  #tail = "";
  /** Settles when the container is ready. Never, when it ends before. */
  readonly ready: Promise<void>;

  constructor(condition: ReadyCondition, signal: AbortSignal) {
    this.#condition = condition;
    let resolve: () => void = () => undefined;
    this.ready = new Promise((done) => {
      resolve = done;
    });
    this.#resolve = resolve;
    if (condition.kind === "http") void this.#poll(condition.url, signal);
  }

  /** Everything the container writes, stdout and stderr alike. */
  output(bytes: Buffer): void {
    this.#tail = (this.#tail + bytes.toString("latin1")).slice(-8192);
    const { text } = this.#condition.kind === "line" ? this.#condition : { text: undefined };
    if (text !== undefined && this.#tail.includes(Buffer.from(text).toString("latin1"))) this.#resolve();
  }

  /** @returns whether ending with this status is what was waited for */
  ended(status: number): boolean {
    const isReady = this.#condition.kind === "exit" && status === 0;
    if (isReady) this.#resolve();
    return isReady;
  }

  /** The last of what the container wrote, for an error. */
  get tail(): string {
    return this.#tail.slice(-500).trim();
  }

  async #poll(url: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (await answers(url)) return this.#resolve();
      await new Promise((done) => setTimeout(done, pollMs));
    }
  }
}

/** Whether anything below status 500 comes back. */
function answers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(url, { agent: false, timeout: 5000 }, (response) => {
      response.resume();
      resolve((response.statusCode ?? 500) < 500);
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(false));
    asked.end();
  });
}
