/** What a request was for. `range` is a ranged read of a blob, `blob` a whole one, `notice` a document for somebody who is no registry. */
export type RequestKind =
  | "ping"
  | "token"
  | "manifest"
  | "blob"
  | "range"
  | "upload"
  | "referrers"
  | "tags"
  | "delete"
  | "notice";

/** One HTTP exchange, reported when its body has ended or was left. Every attempt and every hop of a redirect is one. */
export interface RequestReport {
  readonly method: string;
  readonly kind: RequestKind;
  readonly host: string;
  /** Undefined when no headers came. */
  readonly status: number | undefined;
  /** Bytes of the response body that were read. */
  readonly bytes: number;
  /** Bytes of the request body that were handed to the socket. */
  readonly sentBytes: number;
  readonly durationMs: number;
}

/** Must not throw. */
export type RequestMeter = (report: RequestReport) => void;
