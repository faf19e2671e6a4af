import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type AbortOptions, defaultTimeouts, HttpTransport } from "@sluice/oci";

/** The cluster's API did not do what it was asked for. */
export class ClusterError extends Error {
  override readonly name = "ClusterError";
  readonly code = "CLUSTER";
}

export interface ClusterOptions {
  /** Such as `https://10.0.0.1:443`. */
  readonly address: string;
  /** Folder of the service account: its `token` is read at each request, because the kubelet renews it. */
  readonly accountFolder: string;
}

const requestTimeoutMs = 10_000;
const shownCharacters = 300;
/** A status object of a few hundred bytes. */
const maxRefusalBytes = 1024 * 1024;

/** The two things that a node agent writes to the API of its cluster. The authority behind HTTPS is that of the process (`NODE_EXTRA_CA_CERTS`). */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #transport = new HttpTransport({ timeouts: defaultTimeouts, connections: 1 });
  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  /** @throws {ClusterError} */
  async patchNodeStatus(node: string, patch: object, options?: AbortOptions): Promise<void> {
    const path = `/api/v1/nodes/${encodeURIComponent(node)}/status`;
    await this.#send("PATCH", path, "application/strategic-merge-patch+json", patch, options);
  }

  /** @throws {ClusterError} */
  async createEvent(event: object, options?: AbortOptions): Promise<void> {
    await this.#send("POST", "/api/v1/namespaces/default/events", "application/json", event, options);
  }

  async #send(
    method: "PATCH" | "POST",
    path: string,
    type: string,
    body: object,
    options?: AbortOptions,
  ): Promise<void> {
    const { accountFolder, address } = this.#options;
    const what = `${method} ${address}${path}`;
    const timeout = AbortSignal.timeout(requestTimeoutMs);
    const signal = options?.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
    try {
      const token = (await readFile(join(accountFolder, "token"), "utf8")).trim();
      const headers = { authorization: `Bearer ${token}`, "content-type": type, accept: "application/json" };
      const url = new URL(path, address);
      const request = { method, url, kind: "notice", headers, body: Buffer.from(JSON.stringify(body)) } as const;
      const response = await this.#transport.send(request, { signal });
      if (response.status >= 200 && response.status < 300) return await response.body.discard();
      const text = Buffer.from(await response.body.readAll(maxRefusalBytes)).toString("utf8");
      throw new ClusterError(`${what}: ${response.status} ${text.slice(0, shownCharacters)}`);
    } catch (error) {
      options?.signal?.throwIfAborted();
      if (error instanceof ClusterError) throw error;
      throw new ClusterError(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}
