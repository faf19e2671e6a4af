/** The codes of distribution-spec "Error Codes", and the HTTP status each goes with unless the thrower knows better. */
const statusOfCode = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 400,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
  /** Not of the specification: another registry, which this one was told to ask, failed. */
  SOURCE_FAILED: 502,
  /** Not of the specification, as in other registries: our own fault. */
  UNKNOWN: 500,
} as const;

export type RegistryErrorCode = keyof typeof statusOfCode;

/** Facts and headers that go with an answer; `status` where the code's usual one does not fit. */
export interface RegistryErrorExtras {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that is refused, with everything its answer says. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly code: RegistryErrorCode;
  readonly status: number;
  readonly detail: Readonly<Record<string, unknown>> | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: RegistryErrorCode,
    message: string,
    detail?: Readonly<Record<string, unknown>>,
    extras: RegistryErrorExtras = {},
  ) {
    super(message);
    this.code = code;
    this.detail = detail;
    this.status = extras.status ?? statusOfCode[code];
    this.headers = extras.headers ?? {};
  }
}
