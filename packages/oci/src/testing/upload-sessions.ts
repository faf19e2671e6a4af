import { randomUUID } from "node:crypto";
import { isDigest, sha256Of } from "../digest/digest.js";
import type { MemoryRepository } from "./memory-store.js";
import { errorReply, type Reply } from "./reply.js";

/** Uploads under way: POST opens, PATCH appends, PUT names, GET asks, DELETE gives up. */
export class UploadSessions {
  readonly #sessions = new Map<string, Buffer[]>();

  /** Uploads that were opened and neither finished nor given up. */
  get open(): number {
    return this.#sessions.size;
  }

  start(name: string): Reply {
    const id = randomUUID();
    this.#sessions.set(id, []);
    return { status: 202, headers: { location: locationOf(name, id), range: "0-0" } };
  }

  answer(
    method: string,
    name: string,
    id: string,
    url: URL,
    body: Uint8Array,
    contentRange: string,
    into: MemoryRepository,
  ): Reply {
    const pieces = this.#sessions.get(id);
    if (pieces === undefined) return errorReply(404, "BLOB_UPLOAD_UNKNOWN", "no such upload");
    if (method === "DELETE") {
      this.#sessions.delete(id);
      return { status: 204 };
    }
    const haveBytes = sizeOf(pieces);
    const state = (status: number): Reply => ({
      status,
      headers: { location: locationOf(name, id), range: `0-${Math.max(0, sizeOf(pieces) - 1)}` },
    });
    if (method === "GET") return state(204);
    if (contentRange !== "" && Number(contentRange.split("-")[0]) !== haveBytes) return state(416);
    if (body.byteLength > 0) pieces.push(Buffer.from(body));
    return method === "PATCH" ? state(202) : this.#finish(name, id, pieces, url, into);
  }

  /** Keeps what arrived of a chunk whose connection broke. */
  keepPart(id: string, part: Uint8Array): void {
    this.#sessions.get(id)?.push(Buffer.from(part));
  }

  #finish(name: string, id: string, pieces: readonly Buffer[], url: URL, into: MemoryRepository): Reply {
    const bytes = Buffer.concat(pieces);
    const digest = url.searchParams.get("digest") ?? "";
    this.#sessions.delete(id);
    if (!isDigest(digest) || sha256Of(bytes) !== digest) {
      return errorReply(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
    }
    into.blobs.set(digest, bytes);
    return { status: 201, headers: { location: `/v2/${name}/blobs/${digest}`, "docker-content-digest": digest } };
  }
}

const sizeOf = (pieces: readonly Buffer[]): number => pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
const locationOf = (name: string, id: string): string => `/v2/${name}/blobs/uploads/${id}?_state=secret`;
