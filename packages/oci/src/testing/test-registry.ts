import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { InvalidDocumentError } from "../documents/json-document.js";
import { UnsupportedMediaTypeError } from "../media-types.js";
import { Access, type AccessOptions } from "./access.js";
import { type Fault, FaultPlan, faultOf } from "./faults.js";
import { MemoryStore } from "./memory-store.js";
import { errorReply, type Reply, sendReply } from "./reply.js";
import { Routes, scopeOf } from "./routes.js";
import { StorageLinks } from "./storage-links.js";
import { UploadSessions } from "./upload-sessions.js";

export interface TestRegistryOptions {
  /** Default: everybody may do everything. */
  readonly access?: AccessOptions;
  /** Default `api`. The others are what registries without the API answer. */
  readonly referrers?: "api" | "404" | "html";
  /** Default: as `referrers` is `api`. */
  readonly ociSubject?: boolean;
  readonly mounts?: boolean;
  readonly deletes?: boolean;
  readonly pageSize?: number;
  /** Send readers of blobs to a second listener, with links that live this long. Default: off. */
  readonly redirectLifeMs?: number;
  /** Before every answer. */
  readonly latencyMs?: number;
  /** Of every body. Default: no limit. */
  readonly bytesPerSecond?: number;
  /** Of the faults' chances. */
  readonly seed?: number;
}

/** A request as it came, and what became of it. */
export interface RecordedRequest {
  readonly listener: "registry" | "storage";
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Bytes of the request's body. */
  receivedBytes: number;
  /** Bytes of the answer's body that were handed to the socket. */
  sentBytes: number;
}

/** An OCI registry in this process, on a loopback port, in memory; with faults on demand and a record of every request. */
export class TestRegistry implements AsyncDisposable {
  readonly store: MemoryStore = new MemoryStore();
  readonly faults: FaultPlan;
  readonly access: Access;
  readonly links: StorageLinks;
  readonly uploads: UploadSessions = new UploadSessions();
  readonly requests: RecordedRequest[] = [];
  readonly #options: TestRegistryOptions;
  readonly #server: Server;
  readonly #storage: Server;
  readonly #stop = new AbortController();

  private constructor(options: TestRegistryOptions) {
    this.#options = options;
    this.faults = new FaultPlan(options.seed);
    this.access = new Access(options.access ?? { kind: "none" });
    this.links = new StorageLinks(options.redirectLifeMs ?? 0);
    this.#server = createServer((request, response) => this.#serve("registry", request, response));
    this.#storage = createServer((request, response) => this.#serve("storage", request, response));
  }

  static async start(options: TestRegistryOptions = {}): Promise<TestRegistry> {
    const registry = new TestRegistry(options);
    await listen(registry.#server);
    await listen(registry.#storage);
    return registry;
  }

  /** `127.0.0.1:PORT`, the host of references. */
  get host(): string {
    return hostOf(this.#server);
  }

  /** The host that blobs are redirected to. */
  get storageHost(): string {
    return hostOf(this.#storage);
  }

  /** Bytes of answers sent, headers not counted. */
  get sentBytes(): number {
    return this.requests.reduce((sum, request) => sum + request.sentBytes, 0);
  }

  /** Requests whose method and path match, such as `GET /v2/app/blobs/sha256:…`. */
  requestsMatching(pattern: RegExp): RecordedRequest[] {
    return this.requests.filter(({ method, path }) => pattern.test(`${method} ${path}`));
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#server, this.#storage].map(closeServer));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #serve(listener: "registry" | "storage", request: IncomingMessage, response: ServerResponse): void {
    response.on("error", () => undefined); // the client left; nothing is owed to it
    request.on("error", () => undefined);
    this.#answer(listener, request, response).catch((error: unknown) => {
      if (!this.#stop.signal.aborted && !response.destroyed)
        response.destroy(error instanceof Error ? error : undefined);
    });
  }

  async #answer(listener: "registry" | "storage", request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", `http://${this.host}`);
    const recorded = record(listener, request, url);
    this.requests.push(recorded);
    const { headers, method, path } = recorded;
    const faults = this.faults.take({ method, path, headers, listener });
    if (faultOf(faults, "expire")) {
      this.access.revokeAll();
      this.links.revokeAll();
    }
    const reply =
      listener === "storage"
        ? this.#answerStorage(request, url, faults)
        : await this.#answerRegistry(request, url, faults, recorded);
    if (reply === undefined) return;
    const { bytesPerSecond, latencyMs } = this.#options;
    const delays: Fault[] = latencyMs === undefined ? [] : [{ kind: "delay", delayMs: latencyMs }];
    const onSent = (bytes: number): void => {
      recorded.sentBytes += bytes;
    };
    await sendReply(request, response, reply, {
      faults: [...faults, ...delays],
      bytesPerSecond,
      signal: this.#stop.signal,
      onSent,
    });
  }

  #answerStorage(request: IncomingMessage, url: URL, faults: readonly Fault[]): Reply {
    if (faultOf(faults, "ignore-range")) request.headers = { ...request.headers, range: undefined };
    return this.links.answer(request, url, (digest) => this.store.findBlob(digest));
  }

  /** Undefined when the connection was cut on purpose. */
  async #answerRegistry(
    request: IncomingMessage,
    url: URL,
    faults: readonly Fault[],
    recorded: RecordedRequest,
  ): Promise<Reply | undefined> {
    const cutAfter = faultOf(faults, "reset-upload")?.afterBytes;
    const body = await readRequest(request, cutAfter);
    recorded.receivedBytes = body.byteLength;
    if (cutAfter !== undefined && body.byteLength >= cutAfter) {
      if (request.method === "PATCH") this.uploads.keepPart(recorded.path.split("/").at(-1) ?? "", body);
      request.socket.resetAndDestroy();
      return undefined;
    }
    if (url.pathname === "/token") return this.access.token(request, url, () => Promise.resolve(body));
    const refused = this.access.refuse(request, `http://${this.host}`, scopeOf(recorded.method, recorded.path));
    return refused ?? answerSafely(() => this.#routes().answer({ request, url, body, faults }));
  }

  #routes(): Routes {
    const { deletes = true, mounts = true, pageSize = 100, redirectLifeMs, referrers = "api" } = this.#options;
    const ociSubject = this.#options.ociSubject ?? referrers === "api";
    const redirection =
      redirectLifeMs === undefined ? undefined : { origin: `http://${this.storageHost}`, links: this.links };
    return new Routes(this.store, this.uploads, { deletes, mounts, ociSubject, pageSize, referrers }, redirection);
  }
}

const record = (listener: "registry" | "storage", request: IncomingMessage, url: URL): RecordedRequest => ({
  listener,
  method: request.method ?? "",
  path: decodeURIComponent(url.pathname),
  query: url.search,
  headers: { ...request.headers },
  receivedBytes: 0,
  sentBytes: 0,
});

function answerSafely(answer: () => Reply): Reply {
  try {
    return answer();
  } catch (error) {
    if (error instanceof InvalidDocumentError || error instanceof UnsupportedMediaTypeError) {
      return errorReply(400, "MANIFEST_INVALID", error.message);
    }
    throw error;
  }
}

async function readRequest(request: IncomingMessage, cutAfter: number | undefined): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  const incoming: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
  for await (const piece of incoming) {
    pieces.push(piece);
    sizeBytes += piece.byteLength;
    if (cutAfter !== undefined && sizeBytes >= cutAfter) break;
  }
  return Buffer.concat(pieces).subarray(0, cutAfter);
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve());
  });
}

function hostOf(server: Server): string {
  const address = server.address() as AddressInfo; // it listens on TCP
  return `127.0.0.1:${address.port}`;
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
