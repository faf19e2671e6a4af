import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createImageManifest, type Descriptor, type Digest, ociMediaTypes, sha256Of } from "@sluice/oci";
import { pino } from "pino";
import { createServer, type RegistryServer, type ServerOptions } from "../server.js";

/** A registry on a temporary data root, and the requests that tests send to it. */
export interface TestServer extends AsyncDisposable {
  readonly server: RegistryServer;
  /** Stops the registry and starts another on the same data root. */
  restart(): Promise<void>;
  /** Absolute path of the data root; removed at the end. */
  readonly root: string;
  /** `path` begins with `/v2/…`. Redirects and errors are answers like any other. */
  send(method: string, path: string, init?: SendInit): Promise<Response>;
  /** A GET whose path and headers go as they are: `fetch` resolves dots in paths, and chooses the host. @returns the status */
  statusOf(path: string, headers?: Readonly<Record<string, string>>): Promise<number | undefined>;
  /** Pushes a blob in one request. */
  pushBlob(repository: string, bytes: string | Uint8Array): Promise<Digest>;
  /** Pushes a document as it is. */
  pushManifest(
    repository: string,
    reference: string,
    document: Uint8Array | object,
    mediaType?: string,
  ): Promise<Response>;
  /** Pushes an image of one layer. @returns its descriptor */
  pushImage(repository: string, tag: string, content: string, subject?: Descriptor): Promise<Descriptor>;
}

interface SendInit {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** Passwords of tests protect nothing. */
const cheap = { n: 1024, r: 1, p: 1 } as const;

export async function startTestServer(options: Partial<ServerOptions> = {}): Promise<TestServer> {
  const root = await mkdtemp(join(tmpdir(), "sluice-server-"));
  const log = pino({ level: "silent" });
  const start = () => createServer({ root, listen: "127.0.0.1:0", log, secretCost: cheap, ...options });
  let server = await start();
  const send: TestServer["send"] = (method, path, init = {}) =>
    fetch(`${server.url}${path}`, {
      method,
      ...(init.headers && { headers: init.headers }),
      ...(init.body !== undefined && { body: init.body as NonNullable<RequestInit["body"]> }), // fetch takes both kinds
      redirect: "manual",
    });
  const pushBlob: TestServer["pushBlob"] = async (repository, bytes) => {
    const digest = sha256Of(bytes);
    const response = await send("POST", `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body: bytes });
    if (response.status !== 201) throw new Error(`push of a blob: ${response.status} ${await response.text()}`);
    return digest;
  };
  const pushManifest: TestServer["pushManifest"] = (repository, reference, document, mediaType) =>
    send("PUT", `/v2/${repository}/manifests/${reference}`, {
      headers: { "content-type": mediaType ?? ociMediaTypes.manifest },
      body: document instanceof Uint8Array ? document : JSON.stringify(document),
    });
  return {
    get server() {
      return server;
    },
    restart: async () => {
      await server.close();
      server = await start();
    },
    root,
    send,
    statusOf: async (path, headers = {}) => {
      const { hostname, port } = new URL(server.url);
      const asked = request({ hostname, port, path, headers, agent: false }).end();
      const [response] = (await once(asked, "response")) as [IncomingMessage]; // the event's argument
      response.resume();
      return response.statusCode;
    },
    pushBlob,
    pushManifest,
    pushImage: async (repository, tag, content, subject) => {
      const config = JSON.stringify({ architecture: "amd64", os: "linux", content });
      const { bytes, digest, mediaType } = createImageManifest({
        config: descriptorOf(ociMediaTypes.config, config, await pushBlob(repository, config)),
        layers: [descriptorOf(ociMediaTypes.layer, content, await pushBlob(repository, content))],
        ...(subject && { subject, artifactType: "application/x.test", annotations: { content } }),
      });
      const response = await pushManifest(repository, tag, bytes);
      if (response.status !== 201) throw new Error(`push of an image: ${response.status} ${await response.text()}`);
      return { mediaType, digest, size: bytes.byteLength };
    },
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

const descriptorOf = (mediaType: string, content: string, digest: Digest): Descriptor => ({
  mediaType,
  digest,
  size: Buffer.byteLength(content),
});

/** The code of an error answer, and what came with it. */
export async function errorOf(response: Response): Promise<{ status: number; code: string; message: string }> {
  const body = (await response.json()) as { errors: { code: string; message: string }[] };
  const [first = { code: "", message: "" }] = body.errors;
  return { status: response.status, code: first.code, message: first.message };
}
