import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Digest } from "../digest/digest.js";
import { errorReply, type Reply, rangedReply } from "./reply.js";

/** Signed links to blobs on another host, as object stores have them: who brings an `Authorization` or an old link is refused. */
export class StorageLinks {
  readonly #links = new Map<string, { readonly digest: Digest; readonly untilMs: number }>();
  readonly #lifeMs: number;

  constructor(lifeMs: number) {
    this.#lifeMs = lifeMs;
  }

  /** Path and query of a new link. */
  sign(digest: Digest): string {
    const signature = randomUUID();
    const untilMs = Date.now() + this.#lifeMs;
    this.#links.set(signature, { digest, untilMs });
    return `/storage/${digest}?signature=${signature}`;
  }

  /** Every link that was handed out is refused from now on. */
  revokeAll(): void {
    this.#links.clear();
  }

  answer(request: IncomingMessage, url: URL, find: (digest: Digest) => Uint8Array | undefined): Reply {
    if (request.headers.authorization !== undefined) {
      return errorReply(400, "INVALID_ARGUMENT", "only one way of authentication is allowed");
    }
    const link = this.#links.get(url.searchParams.get("signature") ?? "");
    if (link === undefined || link.untilMs <= Date.now())
      return errorReply(403, "ACCESS_DENIED", "this link has expired");
    const blob = find(link.digest);
    return blob === undefined ? errorReply(404, "NO_SUCH_KEY", "no such blob") : rangedReply(request, blob, {});
  }
}
