import type { FileHandle } from "node:fs/promises";
import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import type { ByteRange } from "@sluice/oci";
import type { PieceMemory } from "@sluice/store";
import type { Action } from "../access/grants.js";

/** What whoever sends a request may do elsewhere than on its route, which has been looked at. */
interface Permissions {
  may(repository: string, action: Action): boolean;
}

/** A request after its path has been read. */
export interface RegistryRequest {
  readonly method: string;
  readonly permissions: Permissions;
  /** Name of the account that sends it; "" when nobody logged in. */
  readonly caller: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Has ended already when there is no body. Fails when the client goes away. */
  readonly body: Readable;
}

/** The bytes of a body, piece by piece, read into memory that is used again; `content-length` says how many. Leaving the loop ends it. */
export type ReadPieces = (memory: PieceMemory) => AsyncIterable<Uint8Array>;

/** A body that is part of a file. */
export interface FileBody {
  /** The file, which holds all of the range; whoever opens it closes it. */
  readonly open: () => Promise<FileHandle>;
  readonly range: ByteRange;
}

/** What goes back. Pieces are read as fast as the client takes them, and no more when it goes away. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: Uint8Array | string | ReadPieces;
  /** The same bytes as those of the pieces, where they lie in a file. */
  readonly file?: FileBody | undefined;
}

/** A JSON document. */
export function jsonAnswer(document: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status: 200, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(document) };
}
