import type { RequestKind } from "./metering.js";
import { redactUrl } from "./redact.js";

export type HttpMethod = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";

/** A request body that is made anew for every attempt. */
export interface StreamBody {
  readonly sizeBytes: number;
  readonly content: () => AsyncIterable<Uint8Array>;
}

export interface HttpRequest {
  readonly method: HttpMethod;
  readonly url: URL;
  readonly kind: RequestKind;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Headers for this origin alone, `authorization` among them: a redirect to another one leaves them behind. */
  readonly confined?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | StreamBody | undefined;
}

/** Method and redacted URL, for messages. */
export const nameOfRequest = (http: HttpRequest): string => `${http.method} ${redactUrl(http.url)}`;
