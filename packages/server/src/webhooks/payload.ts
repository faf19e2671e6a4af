import { createHmac } from "node:crypto";
import type { RegistryEvent } from "../events/registry-event.js";

/** What a receiver gets: the names are those of other registries' webhooks. Sent twice, it has the same id. */
export interface Payload {
  readonly id: string;
  /** RFC 3339. */
  readonly timestamp: string;
  readonly action: string;
  readonly target?: {
    readonly mediaType: string;
    /** Of the manifest; `length` is the same. Bytes. */
    readonly size: number;
    readonly digest: string;
    readonly length: number;
    readonly repository: string;
    readonly tag?: string;
  };
  /** Of an image that was converted. */
  readonly artifact?: { readonly mediaType: string; readonly size: number; readonly digest: string };
  readonly request?: {
    readonly id: string;
    readonly host: string;
    readonly method: string;
    readonly useragent: string;
  };
  readonly actor?: { readonly name: string };
}

export function payloadOf(event: RegistryEvent): Payload {
  const { action, caller, digest, id, mediaType, repository, request, sizeBytes, tag, time } = event;
  return {
    id,
    timestamp: time,
    action,
    target: {
      ...{ mediaType, size: sizeBytes, digest, length: sizeBytes, repository },
      ...(tag !== undefined && { tag }),
    },
    ...(request && {
      request: { id: request.id, host: request.host, method: request.method, useragent: request.userAgent },
    }),
    actor: { name: caller },
  };
}

/** `sha256=` and the HMAC of the body in hex, as GitHub's webhooks have it: proof that it came from who knows the secret. */
export const signatureOf = (body: Uint8Array, secret: string): string =>
  `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
