/** An answer of a registry's management API. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: ApiDocument;
}

/** As much of the API's documents as tests look at. */
export interface ApiDocument {
  readonly id?: string;
  readonly status?: string;
  readonly digest?: string;
  readonly tag?: string;
  readonly cause?: string;
  readonly progressPercent?: number;
  readonly artifactDigest?: string;
  readonly alreadyConverted?: boolean;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly error?: { readonly code: string; readonly message: string };
  readonly errors?: readonly { readonly code: string; readonly message: string }[];
  readonly operations?: readonly ApiDocument[];
  readonly streaming?: string;
  readonly skipped?: readonly { readonly digest: string; readonly code: string; readonly message: string }[];
}

/** Asks the management API of the registry at `host`, over plain HTTP and as nobody. */
export async function askApi(host: string, method: string, path: string, body?: object): Promise<ApiAnswer> {
  const answer = await fetch(`http://${host}/api/v1${path}`, {
    method,
    ...(body !== undefined && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as ApiDocument };
}

/** The operation, once it has come to an end. */
export async function endOf(host: string, id: string | undefined): Promise<ApiDocument> {
  for (;;) {
    const { body } = await askApi(host, "GET", `/operations/${id}`);
    if (body.finishedAt !== undefined) return body;
    if (body.status !== "NotStarted" && body.status !== "Running") throw new Error(JSON.stringify(body));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
