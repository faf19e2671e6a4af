import { randomUUID } from "node:crypto";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { AbortOptions } from "@sluice/oci";
import { livingKeeper } from "../process/keeper-of.js";
import { isErrno } from "../state/errno.js";
import {
  apiVersion,
  apiVersionHeader,
  type ContainerRequest,
  type DaemonStatus,
  type GcResult,
  type HeldLayers,
  type ImageAddress,
  type MountRequest,
  type MountResult,
  type PreparedContainer,
  type PullReport,
  type ScrubResult,
  type StopRequest,
  type StopResult,
  type StoreUse,
  type UnmountRequest,
  type WhyAnswer,
} from "./api.js";

/** No daemon answers on the socket. */
export class DaemonNotRunningError extends Error {
  override readonly name = "DaemonNotRunningError";
  readonly code = "DAEMON_NOT_RUNNING";
  constructor(socketPath: string, options?: ErrorOptions) {
    super(`no daemon answers on ${socketPath}: start one with "daemon start"`, options);
  }
}

/** The daemon and this program are of versions that do not understand each other. */
export class DaemonVersionError extends Error {
  override readonly name = "DaemonVersionError";
  readonly code = "API_VERSION";
  constructor(daemon: string | undefined) {
    super(
      `the daemon speaks control API ${daemon ?? "unknown"}, this program ${apiVersion}: stop the daemon with the program that started it, then start it anew`,
    );
  }
}

/** The daemon said no, or failed; code and message are its own. */
export class DaemonError extends Error {
  override readonly name = "DaemonError";
  readonly code: string;
  readonly detail: unknown;
  constructor(code: string, message: string, detail?: unknown) {
    super(message);
    this.code = code;
    this.detail = detail;
  }
}

/** How long a call waits for a daemon that is being replaced. Milliseconds. */
const restartPatienceMs = 15_000;
const restartPollMs = 25;
/** Largest answer that is read: a list of thousands of mounts. Bytes. */
const maxAnswerBytes = 64 * 2 ** 20;

/**
 * Talks to the daemon of one data root. Every call rejects with {@link DaemonNotRunningError}, {@link DaemonVersionError} or {@link DaemonError}, or
 * with the signal's reason; a signal also ends the work in the daemon. No call has a time limit of its own: a mount takes as long as the registry does.
 */
export class DaemonClient {
  readonly socketPath: string;
  constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  status(options?: AbortOptions): Promise<DaemonStatus> {
    return this.#call("GET", "/v1/status", undefined, options);
  }
  /** Named, so that a daemon that is asked a second time, because the first one died over it, knows what was done already. */
  mount(request: MountRequest, options?: AbortOptions): Promise<MountResult> {
    return this.#call("POST", "/v1/mounts", { id: randomUUID(), ...request }, options);
  }
  async unmount(request: UnmountRequest, options?: AbortOptions): Promise<void> {
    const body = JSON.stringify(request);
    const { isSecond, answer } = this.#patiently(() => this.#exchange("POST", "/v1/unmount", body, options), options);
    await answer.catch((error: unknown) => {
      const isDone = isSecond() && error instanceof DaemonError && error.code === "NOT_MOUNTED";
      if (!isDone) throw error;
    });
  }
  mounts(options?: AbortOptions): Promise<readonly MountResult[]> {
    return this.#call("GET", "/v1/mounts", undefined, options);
  }
  prepareContainer(request: ContainerRequest, options?: AbortOptions): Promise<PreparedContainer> {
    return this.#call("POST", "/v1/containers", request, options);
  }
  async removeContainer(id: string, options?: AbortOptions): Promise<void> {
    await this.#call("DELETE", `/v1/containers/${encodeURIComponent(id)}`, undefined, options);
  }
  /**
   * What was read so far of a mount or container that was asked for with `record`: the document of docs/format.md ("recording"), for `decodeRecording` of `@sluice/disk`. Ask
   * before it is unmounted or removed.
   */
  async recording(id: string, options?: AbortOptions): Promise<Uint8Array> {
    const { text } = await this.#exchange("GET", `/v1/recordings/${encodeURIComponent(id)}`, undefined, options);
    return Buffer.from(text);
  }
  why(image: ImageAddress, options?: AbortOptions): Promise<WhyAnswer> {
    return this.#call("POST", "/v1/why", image, options);
  }
  pulls(after: number, options?: AbortOptions): Promise<readonly PullReport[]> {
    return this.#call("GET", `/v1/pulls?after=${after}`, undefined, options);
  }
  layers(chainId: string, options?: AbortOptions): Promise<HeldLayers> {
    return this.#call("GET", `/v1/layers/${encodeURIComponent(chainId)}`, undefined, options);
  }
  storeUse(options?: AbortOptions): Promise<StoreUse> {
    return this.#call("GET", "/v1/store", undefined, options);
  }
  storeGc(options?: AbortOptions): Promise<GcResult> {
    return this.#call("POST", "/v1/store/gc", undefined, options);
  }
  storeScrub(options?: AbortOptions): Promise<ScrubResult> {
    return this.#call("POST", "/v1/store/scrub", undefined, options);
  }
  stop(request: StopRequest, options?: AbortOptions): Promise<StopResult> {
    return this.#call("POST", "/v1/stop", request, options);
  }
  /** Prometheus text format. */
  async metrics(options?: AbortOptions): Promise<string> {
    const { answer } = this.#patiently(() => this.#exchange("GET", "/metrics", undefined, options), options);
    return (await answer).text;
  }

  async #call<T>(method: string, path: string, body: unknown, options?: AbortOptions): Promise<T> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const { answer } = this.#patiently(() => this.#exchange(method, path, payload, options), options);
    return JSON.parse((await answer).text) as T; // the same API version on the other side, checked in #exchange
  }

  /** Asks again while the daemon is between two lives. */
  #patiently<T>(
    ask: () => Promise<T>,
    options?: AbortOptions,
  ): { readonly isSecond: () => boolean; readonly answer: Promise<T> } {
    let tries = 0;
    const deadline = performance.now() + restartPatienceMs;
    const answer = async (): Promise<T> => {
      for (;;) {
        tries++;
        try {
          return await ask();
        } catch (error) {
          if (!(error instanceof DaemonNotRunningError) || performance.now() > deadline) throw error;
          if ((await livingKeeper(join(dirname(this.socketPath), "daemon.json"))) === undefined) throw error;
          await sleep(restartPollMs, undefined, { signal: options?.signal });
        }
      }
    };
    return { isSecond: () => tries > 1, answer: answer() };
  }

  async #exchange(
    method: string,
    path: string,
    payload: string | undefined,
    options?: AbortOptions,
  ): Promise<{ text: string }> {
    options?.signal?.throwIfAborted();
    try {
      const response = await this.#send(method, path, payload, options?.signal);
      const text = await readText(response);
      const version = response.headers[apiVersionHeader];
      if (version !== String(apiVersion)) throw new DaemonVersionError(version?.toString());
      if (response.statusCode !== 200) throw await errorOf(response.statusCode, text);
      return { text };
    } catch (error) {
      options?.signal?.throwIfAborted(); // the caller's own reason, not the AbortError of node:http
      if (isErrno(error, "ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE")) {
        throw new DaemonNotRunningError(this.socketPath, { cause: error });
      }
      throw error;
    }
  }

  #send(method: string, path: string, payload: string | undefined, signal?: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers = {
        [apiVersionHeader]: String(apiVersion),
        ...(payload !== undefined && {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(payload),
        }),
      };
      const request = httpRequest({
        socketPath: this.socketPath,
        agent: false, // a connection per call: nothing lingers when the daemon stops
        method,
        path,
        headers,
        ...(signal && { signal }),
      });
      request.on("response", resolve);
      request.on("error", reject);
      request.end(payload);
    });
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    sizeBytes += piece.length;
    if (sizeBytes > maxAnswerBytes) throw new DaemonError("ANSWER_TOO_LARGE", "the daemon's answer does not end");
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

async function errorOf(status: number | undefined, text: string): Promise<Error> {
  const { errorBodySchema } = await import("./api-schemas.js"); // and zod with it, which no other answer needs
  try {
    const { error } = errorBodySchema.parse(JSON.parse(text));
    return new DaemonError(error.code, error.message, error.detail);
  } catch {
    return new DaemonError("INVALID_ANSWER", `the daemon answered ${status}: ${text.slice(0, 200)}`);
  }
}
