import { randomUUID } from "node:crypto";
import { Authorization } from "./authorization.js";

/** A request below the root; `path` may be a `Location` that the registry gave, relative or not. */
export interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | undefined;
  /** The body goes in pieces, without a Content-Length. */
  readonly streamed?: boolean;
}

export interface TargetOptions {
  /** `http://HOST:PORT`; several are processes of one registry, asked in turn. */
  readonly rootUrl: string | readonly string[];
  readonly namespace: string;
  readonly crossmountNamespace: string;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
}

/** The registry under test: two repositories of it, and names that no earlier run has used. */
export class Target {
  readonly namespace: string;
  readonly crossmountNamespace: string;
  readonly #rootUrls: readonly string[];
  #asked = 0;
  readonly #authorization: Authorization;
  readonly #run = randomUUID();
  #count = 0;

  constructor(options: TargetOptions) {
    this.#rootUrls = [options.rootUrl].flat();
    this.namespace = options.namespace;
    this.crossmountNamespace = options.crossmountNamespace;
    this.#authorization = new Authorization(options.credentials);
  }

  /** A text that nobody has pushed yet. */
  unique(what: string): string {
    return `${what} ${this.#run} ${this.#count++}`;
  }

  /** Redirects are followed for reads only, as clients do. */
  async send(method: string, path: string, sent: Sent = {}): Promise<Response> {
    const rootUrl = this.#rootUrls[this.#asked++ % this.#rootUrls.length];
    const url = new URL(path, rootUrl).href;
    const first = await this.#fetch(method, url, sent, this.#authorization.header(url));
    if (first.status !== 401) return first;
    const header = await this.#authorization.answer(first, url);
    if (header === undefined) return first;
    await first.body?.cancel();
    return await this.#fetch(method, url, sent, header);
  }

  async #fetch(method: string, url: string, sent: Sent, authorization: string | undefined): Promise<Response> {
    const body = typeof sent.body === "string" ? Buffer.from(sent.body) : sent.body;
    return await fetch(url, {
      method,
      headers: {
        ...(url.includes("/manifests/") && { accept }),
        ...sent.headers,
        ...(authorization !== undefined && { authorization }),
      },
      redirect: method === "GET" || method === "HEAD" ? "follow" : "manual",
      ...(body !== undefined && { body: sent.streamed === true ? inPieces(body) : Uint8Array.from(body) }),
      ...(sent.streamed === true && { duplex: "half" as const }),
    } as RequestInit); // `duplex` is missing from the types of fetch
  }
}

/** Without it some registries serve Docker's kind of manifest only. */
const accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";

function inPieces(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull: (controller) => {
      if (at >= bytes.byteLength) return controller.close();
      controller.enqueue(bytes.subarray(at, at + 1000));
      at += 1000;
    },
  });
}
